"""`gateway login-test`: sign in to an app once, as the gateway does it, and say what happened."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import os
import sys
from collections.abc import Iterator
from typing import Any

from gateway.config.complaints import printable
from gateway.config.load import load
from gateway.config.settings import App, Settings
from gateway.errors import ConfigError, UpstreamError
from gateway.identity.app import AppIdentity
from gateway.policy.facts import Reason
from gateway.policy.jar import Names, Pair
from gateway.policy.login import Accepted, Attempt, Login, Success

ADDRESS = "127.0.0.1"
"""Where the app is told that somebody signs in from."""

WHY = {
    Reason.APP_DOWN: "The app did not answer, or said that it failed. Is it at {upstream} (app.upstream)?",
    Reason.APP_CAPTCHA: (
        "The app wants a person to solve something first, which the gateway cannot: until the app leaves that out for "
        "the gateway, its people can confirm by passkey or code alone."
    ),
    Reason.APP_LOCKED: "The app takes no more tries for now. Wait, or lift its lock; people will be told the same.",
    Reason.WRONG: "The app says that name and password do not go together.",
    Reason.APP_CHANGED: "The app's sign-in is not what the configuration says. Which key, the last step above tells:",
}


def add_to(commands: Any, config: argparse.ArgumentParser) -> None:
    """Its place on the command line."""
    command = commands.add_parser("login-test", parents=[config], help="sign in to an app once, and say what happened")
    command.add_argument("--app", metavar="NAME", help="needed where several apps keep their own login")
    command.add_argument("--username", metavar="U", help="asked for, if left out")
    command.add_argument("--password-stdin", action="store_true", help="read it from the first line of standard input")
    command.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """The command: 0 if the app let them in and the configuration saw it, 1 if not."""
    app, login = _chosen(args.app, load(args.config, env=os.environ))
    name = _name(args, login)
    password = (
        sys.stdin.readline().rstrip("\r\n") if args.password_stdin else getpass.getpass(f"Password on {app.name}: ")
    )
    if not password:
        raise ValueError("no password was typed, and nothing was sent")
    return asyncio.run(_tried(app, login, name, password))


def _chosen(name: str | None, settings: Settings) -> tuple[App, Login]:
    """Raises ConfigError for what is not there."""
    keeping = [app for app in settings.apps if app.login is not None]
    found = [app for app in keeping if name in (None, app.name)]
    if len(found) == 1 and found[0].login is not None:
        return found[0], found[0].login
    known = ", ".join(app.name for app in keeping)
    if not keeping:
        raise ConfigError(['no app here keeps its own login; that is signin = "app" with a preset or [app.login]'])
    if name is None:
        raise ConfigError([f"several apps keep their own login; name one with --app: {known}"])
    if any(app.name == name for app in settings.apps):
        raise ConfigError([f'people sign in to "{name}" by the gateway\'s own directory; {known} keep their own login'])
    raise ConfigError([f'there is no app "{name}"; those that keep their own login: {known}'])


def _name(args: argparse.Namespace, login: Login) -> str:
    if not login.username:
        if args.username:
            raise ConfigError(["this app asks for a password alone (it has no login.username); leave --username out"])
        return ""
    name: str = args.username if args.username is not None else input("User name: ")
    if not name.strip():
        raise ValueError("no user name was typed, and nothing was sent")
    return name


async def _tried(app: App, login: Login, name: str, password: str) -> int:
    identity = AppIdentity(login, upstream=app.upstream, origin=app.origin)
    faults: list[str] = []

    def tell(line: str) -> None:
        _tell(line)
        if line.startswith("note: "):
            faults.append("The gateway would not see people sign in: the note above says why.")

    async def inside(cookies: list[Pair]) -> None:
        faults.extend(await _looked_at(identity, login, cookies))

    try:
        stranger = await _stranger(identity, login)
        attempt = await identity.sign_in(name, password, address=ADDRESS, tell=tell, inside=inside)
    finally:
        await identity.close()
    if stranger:
        faults.append(f'Who has not signed in is taken for "{printable(stranger)}": login.whoami.pattern has to name')
        faults.append("only who is signed in. Until it does, the gateway believes no sign-in.")
    print("", *_verdict(app, login, name, attempt), sep="\n")
    if isinstance(attempt, Accepted) and faults:
        print("", "That is not enough:", *faults, sep="\n")
    return 0 if isinstance(attempt, Accepted) and not faults else 1


async def _looked_at(identity: AppIdentity, login: Login, cookies: list[Pair]) -> list[str]:
    """What is wrong with `login.cookies`, given all those of somebody who has signed in."""
    names = Names(login.cookies)
    ours, others = ([each for each in cookies if (each[0] in names) is inside] for inside in (True, False))
    _tell(f"cookies in login.cookies: {_names(ours)}; others: {_names(others)}")
    if not ours:
        return ["The app sets no cookie of login.cookies, by which the gateway tells whose session it is."]
    if others and login.whoami is None:
        _tell("nobody can ask the app by which of them it knows people: without login.whoami make sure yourself")
    if login.whoami is None or not others:
        return []
    by_others, by_ours = await _who(identity, others), await _who(identity, ours)
    _tell(f"who am I, by those in login.cookies alone: {by_ours or 'nobody'}; by the others: {by_others or 'nobody'}")
    if by_others is None:
        return []
    return [
        f"The app knows people by {_names(others)} alone, which is not in login.cookies: somebody who has another",
        "person's would act as them with a proof of their own. Add it to login.cookies.",
    ]


async def _who(identity: AppIdentity, cookies: list[Pair]) -> str | None:
    try:
        return await identity.who([(b"cookie", b"; ".join(map(b"=".join, cookies)))], address=ADDRESS)
    except UpstreamError:
        return None


def _names(cookies: list[Pair]) -> str:
    return ", ".join(name.decode("latin-1") for name, _ in cookies) or "none"


async def _stranger(identity: AppIdentity, login: Login) -> str:
    """Whom the app takes for somebody who never signed in; "" for nobody."""
    if login.whoami is None:
        return ""
    try:
        found = await identity.who([], address=ADDRESS) or ""
    except UpstreamError as error:
        _tell(f"before signing in: GET {login.whoami.target}: {error}")
        return ""
    _tell(f"before signing in: GET {login.whoami.target}: {found or 'nobody'}")
    return found


def _tell(line: str) -> None:
    print(f"  {printable(line)}", flush=True)


def _verdict(app: App, login: Login, name: str, attempt: Attempt) -> Iterator[str]:
    if isinstance(attempt, Accepted):
        who = printable(attempt.name)
        yield f'Signed in as "{who}": to the gateway that is {app.name}:{who}.'
        if login.whoami is None:
            yield "No login.whoami: the name is the one typed, and who signed in unseen is refused at sensitive routes."
        elif login.username and attempt.name != name:
            yield f'The app calls "{printable(name)}" so. If that is a name people can choose, such as a display name,'
            yield "they could pass for each other: let login.whoami yield the name that they sign in with."
        return
    yield f"Not signed in ({attempt.reason})."
    yield WHY[attempt.reason].format(upstream=app.upstream)
    if attempt.reason is Reason.WRONG:
        yield f"If they do, login.success does not recognise it. It expects: {_expected(login.success)}."
    if attempt.reason is Reason.APP_CHANGED:
        yield f"  the page with the form   login.page      {login.page}"
        fields = ", ".join(filter(None, (login.username, login.password)))
        yield f"  the fields of the form   login.username, login.password    {fields}"
        yield f"  where it is sent         login.path      {login.request.path}"
        yield f"  what success looks like  login.success   {_expected(login.success)}"
        if login.whoami:
            yield f"  who is signed in         login.whoami    {login.whoami.target}, {login.whoami.pattern}"
        yield "`gateway probe` with the address of the login page shows what is there now."


def _expected(success: Success) -> str:
    parts = (
        ("status", " or ".join(map(str, sorted(success.status)))),
        ("a redirect to", " or ".join(success.redirect)),
        ("a redirect, but not to", " or ".join(success.redirect_not)),
        ("the cookie", success.cookie),
        ("on the page", success.body),
        ("not on the page", success.body_not),
    )
    return "; ".join(f"{what} {said}" for what, said in parts if said)
