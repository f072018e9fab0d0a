"""Passwords."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

from gateway.policy.credentials import Credentials
from gateway.policy.facts import AuthEvent
from gateway.verifiers.base import Rehash, Site, Started, Verified, enrolled_before
from gateway.verifiers.hasher import Hasher

LONGEST = 1024
"""Bytes of a password in UTF-8."""


class PasswordVerifier:
    """Asks for "password". One for the whole process, so that all that is asked shares its threads."""

    name = "password"

    def __init__(self, hasher: Hasher | None = None) -> None:
        self._hasher = hasher or Hasher()

    @property
    def waiting(self) -> int:
        """Passwords that wait to be hashed, or are being."""
        return self._hasher.waiting

    def within(self, threads: int, waiting: int) -> PasswordVerifier:
        """One with these limits: itself, if they are its own. What waits here is still checked."""
        return self if self._hasher.limits == (threads, waiting) else PasswordVerifier(Hasher(threads, waiting))

    def close(self) -> None:
        """Nobody asks it again."""
        self._hasher.close()

    async def hash(self, password: str) -> str:
        """What to store for a new password. Raises ValueError for one that could never be checked, and Busy."""
        prepared = _prepared(password)
        if prepared is None:
            raise ValueError(f"a password is 1 to {LONGEST} bytes of text")
        return await self._hasher.hash(prepared)

    def usable(self, credentials: Credentials, site: Site, since: int | None) -> bool:
        """Whether there is one that was set before the session began."""
        return credentials.password is not None and enrolled_before(credentials.password.created_at, since)

    def start(self, credentials: Credentials, site: Site, since: int | None) -> Started:
        """A plain question."""
        return Started()

    async def check(
        self,
        credentials: Credentials,
        answer: Mapping[str, str],
        site: Site,
        *,
        secret: bytes,
        since: int | None,
        now: int,
        address: str = "",
    ) -> Verified | None:
        """A password that is right but was hashed with other parameters comes with its Rehash. Raises Busy."""
        password = _prepared(answer.get("password", ""))
        if password is None:
            return None
        mine = credentials.password if self.usable(credentials, site, since) else None
        stored = mine.hash if mine else None
        newest = await self._hasher.verify(stored, password)
        if stored is None or newest is None:
            return None
        event = AuthEvent(self.name, now, ("pwd",))
        return Verified(event, "", Rehash(stored, newest) if newest != stored else None)


def _prepared(password: str) -> str | None:
    """What is hashed: the same for every way a keyboard may spell it (NIST SP 800-63B-4, 3.1.1.2); None if none."""
    try:
        length = len(password.encode())
    except UnicodeEncodeError:
        return None
    return unicodedata.normalize("NFKC", password) if 0 < length <= LONGEST else None
