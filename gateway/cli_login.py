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
    notes: list[str] = []

    def tell(line: str) -> None:
        _tell(line)
        if line.startswith("note: "):
            notes.append(line)

    try:
        stranger = await _stranger(identity, login)
        attempt = await identity.sign_in(name, password, address=ADDRESS, tell=tell)
    finally:
        await identity.close()
    print()
    for line in _verdict(app, login, name, attempt):
        print(line)
    if stranger:
        print(f'But who has not signed in is taken for "{printable(stranger)}": let login.whoami.pattern name only')
        print("who is signed in. The gateway believes no sign-in until it does.")
    accepted = isinstance(attempt, Accepted)
    if accepted and notes:
        print("But the gateway would not see people sign in: the note above says why.")
    return 0 if accepted and not stranger and not notes else 1


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
