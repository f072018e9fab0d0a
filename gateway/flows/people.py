"""The operator's own stories: people and their sessions, from the command line.

What takes something away from a person, or replaces it, ends all their sessions: whoever holds one may not be them.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

from gateway.config.secrets import Keyring
from gateway.config.settings import SessionLife
from gateway.directory.base import Directory
from gateway.flows.enrol import Fault, weakness
from gateway.flows.sessions import Sessions
from gateway.flows.signin import canonical
from gateway.flows.throttle import Throttle
from gateway.policy.credentials import Credentials, Password, Person, Totp, name_of
from gateway.policy.decision import ran_out
from gateway.policy.facts import Session
from gateway.stores.base import State
from gateway.verifiers import totp
from gateway.verifiers.password import PasswordVerifier

NAME = re.compile(r"[a-z0-9._@-]{1,64}")
OF_APP = re.compile(r"[a-z0-9-]+:[^\x00-\x1f\x7f]{1,255}")

REFUSALS = {
    Fault.MISMATCH: "the two are not the same; type it again",
    Fault.SHORT: "the password is too short; use 8 characters or more, such as a few words",
    Fault.LONG: "the password is too long; use 1024 bytes or less",
    Fault.SAME_AS_NAME: "the password is the name; choose another",
}


@dataclass(frozen=True, slots=True)
class Ended:
    """Done, and so many sessions were ended with it."""

    sessions: int


class People:
    """`now` is in whole seconds. Every method may raise StoreError."""

    def __init__(
        self, directory: Directory, state: State, life: SessionLife, password: PasswordVerifier, keyring: Keyring
    ) -> None:
        self._people = directory.people
        self._credentials = directory.credentials
        self._state = state
        self._life = life
        self._sessions = Sessions(state, life)
        self._throttle = Throttle(state.throttle, keyring)
        self._password = password
        self._keyring = keyring

    async def add(self, subject: str, display_name: str, password: str, now: int) -> bool:
        """A new person with a password; False if there is one of that name. Raises ValueError, Busy as `hash` does."""
        hashed = await self._password.hash(password)
        if not await self._people.add(Person(subject, display_name, now)):
            return False
        return await self._credentials.set_password(subject, Password(hashed, now, now), expected=None)

    async def everybody(self) -> list[tuple[Person, Credentials]]:
        """Everybody, by name, and what they have."""
        return [(person, await self._credentials.of(person.subject)) for person in await self._people.list()]

    async def get(self, subject: str) -> Person | None:
        return await self._people.get(subject)

    async def know(self, subject: str, now: int) -> None:
        """Enter somebody who signs in to an app of its own, where nobody but the app knows who there is."""
        await self._people.add(Person(subject, name_of(subject), now))

    async def set_password(self, subject: str, password: str, now: int) -> Ended | None:
        """None if somebody else changed it meanwhile. Wrong guesses are forgotten, so that it can be used at once.

        It counts as new: whoever forgot the old one did not prove it, so no older session may rely on it (law 8).
        """
        hashed = await self._password.hash(password)
        before = (await self._credentials.of(subject)).password
        new = Password(hashed, now, now)
        if not await self._credentials.set_password(subject, new, expected=before.hash if before else None):
            return None
        await self._throttle.right(subject)
        return await self.end(subject)

    async def disable(self, subject: str) -> Ended | None:
        """They can no longer sign in, and are signed out. None if there is no such person."""
        return await self.end(subject) if await self._people.set_disabled(subject, True) else None

    async def enable(self, subject: str) -> bool:
        """False if there is no such person."""
        return await self._people.set_disabled(subject, False)

    async def delete(self, subject: str) -> Ended | None:
        """With all they have. None if there is no such person."""
        return await self.end(subject) if await self._people.delete(subject) else None

    async def add_totp(self, subject: str, issuer: str, now: int) -> str:
        """A new authenticator; the otpauth URI, which holds its secret. "" if there is no such person."""
        id, secret = secrets.token_hex(8), totp.new_secret()
        enrolled = Totp(id, "Authenticator", totp.seal(self._keyring, subject, id, secret), now)
        return totp.uri(secret, subject, issuer) if await self._credentials.add(subject, enrolled) else ""

    async def sessions(self, subject: str | None, now: int) -> list[Session]:
        """Those that have not run out, of one person or of all, latest seen first."""
        return [
            each
            for each in await self._state.sessions.find(subject=subject)
            if not ran_out(each, idle=self._life.idle, absolute=self._life.absolute, now=now)
        ]

    async def end(self, subject: str) -> Ended:
        """All sessions of one person."""
        return Ended(len(await self._sessions.end(subject=subject)))

    async def end_one(self, ref: str) -> bool:
        """One session; False if there is none of that id."""
        return bool(await self._sessions.end(ref=ref))


def subject_of(name: str) -> str:
    """The canonical form of a name. Raises ValueError for one that nobody may have.

    APP:NAME is somebody in an app that keeps its own login, spelled exactly as the app does.
    """
    if OF_APP.fullmatch(name):
        return name
    subject = canonical(name)
    if NAME.fullmatch(subject) is None or len(name.strip()) > len(subject):
        raise ValueError(f'"{name}" cannot be a name; use 1 to 64 of a-z, 0-9, dot, hyphen, underscore and @')
    return subject


def refused(password: str, again: str, subject: str) -> str:
    """Why that cannot be the password of `subject`, in words; "" if it can."""
    fault = weakness(password, again, subject)
    return REFUSALS[fault] if fault else ""
