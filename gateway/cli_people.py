"""`gateway users …` and `gateway sessions …`: the local directory, and who is signed in."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import os
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any

import segno

from gateway.assembly import open_directory, open_state
from gateway.config.load import load
from gateway.edge.devices import describe
from gateway.flows.people import Ended, People, refused, subject_of
from gateway.policy.credentials import Credentials
from gateway.verifiers.password import PasswordVerifier

Story = Callable[[People, argparse.Namespace, int], Awaitable[str]]
"""One command: what it says when it is done. Raises ValueError for what cannot be done, with what to do about it."""


def add_to(commands: Any, config: argparse.ArgumentParser) -> None:
    """Their place on the command line."""
    named = argparse.ArgumentParser(add_help=False)
    named.add_argument("name", metavar="NAME")
    typed = argparse.ArgumentParser(add_help=False)
    typed.add_argument("--password-stdin", action="store_true", help="read it from the first line of standard input")

    users = commands.add_parser("users", help="people of the local directory").add_subparsers(
        required=True, metavar="add|list|disable|enable|delete|password|totp"
    )
    add = _command(users, "add", _add, "a new person, with a password", config, named, typed)
    add.add_argument("--display-name", default="", metavar="TEXT", help="as pages greet them, default: NAME")
    _command(users, "list", _list, "everybody, and what they have", config)
    _command(users, "disable", _disable, "they cannot sign in, and are signed out", config, named)
    _command(users, "enable", _enable, "they can sign in again", config, named)
    _command(users, "delete", _delete, "the person, and all they have", config, named)
    _command(users, "password", _password, "set it anew, and sign them out", config, named, typed)
    _command(users, "totp", _totp, "enrol an authenticator app: prints a QR code", config, named)

    sessions = commands.add_parser("sessions", help="who is signed in").add_subparsers(
        required=True, metavar="list|revoke"
    )
    listing = _command(sessions, "list", _sessions, "of everybody, or of one person", config)
    listing.add_argument("name", nargs="?", metavar="NAME")
    revoke = _command(sessions, "revoke", _revoke, "end one session, or all of a person", config)
    revoke.add_argument("who", metavar="NAME|ID")


def _command(
    group: Any, name: str, story: Story, help: str, *parents: argparse.ArgumentParser
) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = group.add_parser(name, parents=parents, help=help)
    command.set_defaults(run=lambda args: asyncio.run(_run(story, args)))
    return command


async def _run(story: Story, args: argparse.Namespace) -> int:
    settings = load(args.config, env=os.environ)
    args.issuer = settings.apps[0].name
    args.own_logins = {app.name for app in settings.apps if app.login is not None}
    directory, state = open_directory(settings), open_state(settings)
    try:
        people = People(directory, state, settings.session, PasswordVerifier(), settings.keyring)
        print(await story(people, args, int(time.time())))  # noqa: TID251
    finally:
        await directory.life.close()
        await state.life.close()
    return 0


async def _add(people: People, args: argparse.Namespace, now: int) -> str:
    subject = _here(args)
    if await people.get(subject) is not None:
        raise ValueError(f"{subject} is there already; `gateway users password {subject}` sets a new password")
    display_name = args.display_name.strip() or args.name
    if not display_name.isprintable():
        raise ValueError("the display name holds control characters; write it on one line")
    if not await people.add(subject, display_name, _new_password(args, subject), now):
        raise ValueError(f"{subject} was added by somebody else just now")
    return f"{subject} can sign in now"


async def _list(people: People, args: argparse.Namespace, now: int) -> str:
    rows = [
        (person.subject, person.display_name, _day(person.created_at), _has(has), "disabled" if person.disabled else "")
        for person, has in await people.everybody()
    ]
    return _table(("NAME", "DISPLAY NAME", "SINCE", "HAS", ""), rows) if rows else "nobody yet: gateway users add NAME"


async def _disable(people: People, args: argparse.Namespace, now: int) -> str:
    subject = await _known(people, args, now)
    return f"{subject} can no longer sign in; {_signed_out(await people.disable(subject))}"


async def _enable(people: People, args: argparse.Namespace, now: int) -> str:
    subject = await _known(people, args, now)
    await people.enable(subject)
    return f"{subject} can sign in again"


async def _delete(people: People, args: argparse.Namespace, now: int) -> str:
    subject = await _known(people, args, now)
    return f"{subject} is deleted; {_signed_out(await people.delete(subject))}"


async def _password(people: People, args: argparse.Namespace, now: int) -> str:
    _here(args)
    subject = await _known(people, args, now)
    ended = await people.set_password(subject, _new_password(args, subject), now)
    if ended is None:
        raise ValueError("somebody else changed it at the same time; try again")
    return f"{subject} has a new password; {_signed_out(ended)}"


async def _totp(people: People, args: argparse.Namespace, now: int) -> str:
    subject = await _known(people, args, now)
    uri = await people.add_totp(subject, args.issuer, now)
    segno.make(uri, error="l").terminal(out=sys.stdout, border=2, compact=True)
    return f"{uri}\n{subject} is asked for a code from the next sign-in on; this is shown only once"


async def _sessions(people: People, args: argparse.Namespace, now: int) -> str:
    subject = await _known(people, args, now) if args.name else None
    rows = [
        (
            each.ref,
            each.subject,
            each.app,
            _minute(each.signed_in_at),
            _minute(each.last_seen),
            each.address,
            describe(each.agent),
        )
        for each in await people.sessions(subject, now)
    ]
    heading = ("ID", "NAME", "APP", "SIGNED IN", "LAST SEEN", "ADDRESS", "DEVICE")
    return _table(heading, rows) if rows else "nobody is signed in"


async def _revoke(people: People, args: argparse.Namespace, now: int) -> str:
    if await people.end_one(args.who):
        return "the session is ended"
    args.name = args.who
    ended = await people.end(subject_of(args.who))
    if not ended.sessions:  # nothing to end: a name that nobody has is a slip
        await _known(people, args, now)
    return _signed_out(ended)


def _here(args: argparse.Namespace) -> str:
    """A name of the directory's own."""
    subject = subject_of(args.name)
    if ":" in subject:
        raise ValueError(f"{subject} signs in to the app, which alone keeps their password")
    return subject


async def _known(people: People, args: argparse.Namespace, now: int) -> str:
    subject = subject_of(args.name)
    app, colon, _ = subject.partition(":")
    if colon and app in args.own_logins:
        await people.know(subject, now)
    elif await people.get(subject) is None:
        raise ValueError(f"there is no {subject}; `gateway users list` shows who there is")
    return subject


def _new_password(args: argparse.Namespace, subject: str) -> str:
    if args.password_stdin:
        password = again = sys.stdin.readline().rstrip("\r\n")
    else:
        password = getpass.getpass(f"New password for {subject}: ")
        again = getpass.getpass("Again: ")
    why = refused(password, again, subject)
    if why:
        raise ValueError(why)
    return password


def _has(credentials: Credentials) -> str:
    parts = ["password"] if credentials.password else []
    for count, thing in (
        (len(credentials.totps), "authenticator"),
        (len(credentials.passkeys), "passkey"),
        (len(credentials.recovery_codes), "recovery code"),
    ):
        parts += [f"{count} {thing}{'' if count == 1 else 's'}"] if count else []
    return ", ".join(parts) or "nothing to sign in with"


def _signed_out(ended: Ended | None) -> str:
    count = ended.sessions if ended else 0
    return f"{count} session{'' if count == 1 else 's'} ended"


def _day(at: int) -> str:
    return datetime.fromtimestamp(at).strftime("%Y-%m-%d")


def _minute(at: int) -> str:
    return datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M")


def _table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(heading, *rows, strict=True)]
    lines = [heading, *rows]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)
