"""Credentials, added, changed and removed by their owner.

Each of these is a sensitive action and stands behind the gate like any other (law 8). Checked here is what the gate
cannot know: that the current password is known, that the new authenticator works, that the passkey is real.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from gateway.config.secrets import Keyring
from gateway.directory.base import Directory
from gateway.flows.proof import NotProved, Prover
from gateway.flows.sessions import Sessions
from gateway.policy.credentials import Credentials, Password, Person, Totp, name_of
from gateway.policy.facts import Session
from gateway.stores.base import State
from gateway.verifiers import recovery, totp
from gateway.verifiers.base import Site
from gateway.verifiers.passkey import PasskeyVerifier
from gateway.verifiers.password import LONGEST, PasswordVerifier

ENROLLING = 900
"""Seconds a person has to scan a code or touch a key."""

SHORTEST = 8
"""Characters of a password (NIST SP 800-63B-4, 3.1.1.2: no rules of composition)."""


class Fault(StrEnum):
    """What was wrong with what was typed; the page has a sentence for each."""

    MISMATCH = "mismatch"
    SHORT = "too-short"
    LONG = "too-long"
    SAME_AS_NAME = "same-as-name"
    WRONG_PASSWORD = "wrong-password"  # noqa: S105
    WRONG_CODE = "wrong-code"
    PASSKEY = "passkey-failed"
    GONE = "expired"
    THROTTLED = "throttled"


@dataclass(frozen=True, slots=True)
class Failed:
    """Not done; `wait` seconds if it was throttled."""

    fault: Fault
    wait: int = 0


@dataclass(frozen=True, slots=True)
class NewTotp:
    """An authenticator being set up: not stored until a first code proves that it works."""

    id: str
    secret: str
    uri: str


class Enrol:
    """One app's account page. All methods act on the session's own subject only."""

    def __init__(
        self,
        site: Site,
        *,
        state: State,
        directory: Directory,
        sessions: Sessions,
        prover: Prover,
        password: PasswordVerifier,
        passkey: PasskeyVerifier,
        keyring: Keyring,
    ) -> None:
        self._site = site
        self._state = state
        self._people = directory.people
        self._store = directory.credentials
        self._sessions = sessions
        self._prover = prover
        self._password = password
        self._passkey = passkey
        self._keyring = keyring

    async def credentials(self, session: Session) -> Credentials:
        """What the page lists."""
        return await self._store.of(session.subject)

    async def change_password(
        self, session: Session, current: str, new: str, again: str, *, address: str, now: int
    ) -> Failed | None:
        """None when done; every other session of this person is over then."""
        fault = weakness(new, again, session.subject)
        if fault is not None:
            return Failed(fault)
        credentials = await self._store.of(session.subject)
        before = credentials.password
        if before is not None:
            outcome = await self._prover.check(
                "password", credentials, {"password": current}, self._site, address=address, since=None, now=now
            )
            if isinstance(outcome, NotProved):
                if not outcome.wait and await self._prover.throttle.wrong(session.ref, now):
                    await self._sessions.end(ref=session.ref)
                return Failed(Fault.THROTTLED if outcome.wait else Fault.WRONG_PASSWORD, outcome.wait)
            before = (await self._store.of(session.subject)).password
        created_at = before.created_at if before else now
        password = Password(await self._password.hash(new), created_at, now)
        if not await self._store.set_password(session.subject, password, expected=before.hash if before else None):
            return Failed(Fault.WRONG_PASSWORD)
        await self._sessions.end(subject=session.subject, keep=session.ref)
        return None

    async def start_totp(self, session: Session, now: int) -> NewTotp:
        """A new secret, waiting for its first code."""
        id, secret = secrets.token_hex(8), totp.new_secret()
        await self._wait(session, "totp", id, secret.encode(), now)
        return self._new_totp(session, id, secret)

    async def finish_totp(self, session: Session, id: str, label: str, code: str, now: int) -> Failed | NewTotp | None:
        """None when stored. After a wrong code the same secret goes on waiting, and is returned to be shown again."""
        waiting = await self._waited(session, "totp", id, now)
        if waiting is None:
            return Failed(Fault.GONE)
        secret = waiting.decode()
        step = totp.first_code(secret, code, now)
        if step is None:
            await self._wait(session, "totp", id, waiting, now)
            return self._new_totp(session, id, secret)
        sealed = totp.seal(self._keyring, session.subject, id, secret)
        await self._know(session, now)
        added = await self._store.add(session.subject, Totp(id, label_of(label, "Authenticator"), sealed, now, step))
        return None if added else Failed(Fault.GONE)

    async def start_passkey(self, session: Session, now: int) -> tuple[str, str]:
        """The id of this enrolment and the options for the browser."""
        id = secrets.token_hex(8)
        started = self._passkey.start_registration(await self._store.of(session.subject), self._site)
        await self._wait(session, "passkey", id, started.secret, now)
        return id, started.options

    async def finish_passkey(
        self, session: Session, id: str, label: str, fields: Mapping[str, str], now: int
    ) -> Failed | None:
        """None when stored."""
        challenge = await self._waited(session, "passkey", id, now)
        if challenge is None:
            return Failed(Fault.GONE)
        passkey = self._passkey.register(
            session.subject, fields, self._site, secret=challenge, label=label_of(label, "Passkey"), now=now
        )
        await self._know(session, now)
        if passkey is None or not await self._store.add(session.subject, passkey):
            return Failed(Fault.PASSKEY)
        return None

    async def remove(self, session: Session, id: str) -> bool:
        """An authenticator or a passkey."""
        return await self._store.remove(session.subject, id)

    async def new_recovery_codes(self, session: Session, now: int) -> tuple[str, ...]:
        """To be shown once; the old ones are void."""
        await self._know(session, now)
        plain, rows = recovery.new_codes(self._keyring, session.subject, now)
        await self._store.replace_recovery_codes(session.subject, rows)
        return plain

    async def _know(self, session: Session, now: int) -> None:
        """Who signs in to an app of its own enters the directory with the first thing they have there."""
        name = name_of(session.subject)
        if name != session.subject:
            await self._people.add(Person(session.subject, name, now))

    def _new_totp(self, session: Session, id: str, secret: str) -> NewTotp:
        return NewTotp(id, secret, totp.uri(secret, name_of(session.subject), self._site.rp_name))

    async def _wait(self, session: Session, kind: str, id: str, value: bytes, now: int) -> None:
        sealed = self._keyring.seal("enrolment", value, f"{session.ref}:{kind}:{id}".encode())
        await self._state.once.put(f"enrol:{kind}:{session.ref}:{id}", sealed, now=now, expires_at=now + ENROLLING)

    async def _waited(self, session: Session, kind: str, id: str, now: int) -> bytes | None:
        sealed = await self._state.once.pop(f"enrol:{kind}:{session.ref}:{id}", now)
        return (
            None if sealed is None else self._keyring.open("enrolment", sealed, f"{session.ref}:{kind}:{id}".encode())
        )


def weakness(new: str, again: str, subject: str) -> Fault | None:
    """Why that cannot be a password."""
    if new != again:
        return Fault.MISMATCH
    if len(new) < SHORTEST:
        return Fault.SHORT
    if len(new.encode(errors="replace")) > LONGEST:
        return Fault.LONG
    return Fault.SAME_AS_NAME if new.casefold() == subject else None


def label_of(typed: str, otherwise: str) -> str:
    """A name for a device, as people would type it: one line, not too long."""
    return " ".join(typed.split())[:60] or otherwise
