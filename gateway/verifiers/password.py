"""Passwords, hashed with Argon2id in threads that give way to requests (law 10)."""

from __future__ import annotations

import asyncio
import ctypes
import os
import secrets
import sys
import threading
import unicodedata
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from gateway.errors import Busy
from gateway.policy.credentials import Credentials
from gateway.policy.facts import AuthEvent
from gateway.verifiers.base import Rehash, Site, Started, Verified, enrolled_before

LONGEST = 1024
"""Bytes of a password in UTF-8."""

NICENESS = 10

M_MMAP_THRESHOLD = -3  # malloc.h
GIVE_BACK = 1 << 20
"""Bytes: what is larger goes back to the system when it is freed, so that one check does not cost 19 MiB for ever."""

T = TypeVar("T")


class Hasher:
    """`threads` passwords are hashed at once, one if not told otherwise, and at most `waiting` wait for their turn.

    Argon2id as OWASP's Password Storage Cheat Sheet has it: 19 MiB, two passes, one lane.
    """

    def __init__(self, threads: int = 1, waiting: int = 64) -> None:
        self.limits = (threads, waiting)
        self._argon2 = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
        self._thread = ThreadPoolExecutor(threads, "argon2", initializer=_give_way)
        self._nobody = self._thread.submit(self._argon2.hash, secrets.token_bytes(32))
        self._waiting = 0
        self._most = threads + waiting

    @property
    def waiting(self) -> int:
        """How many there are now, those being hashed among them."""
        return self._waiting

    async def hash(self, password: bytes) -> str:
        """An Argon2 string. Raises Busy."""
        return await self._queue(lambda: self._argon2.hash(password))

    async def verify(self, stored: str | None, password: bytes) -> str | None:
        """None if it is wrong, else the string to store from now on. Raises Busy.

        Without a stored one it takes as long, and is wrong: who does not exist cannot be told from who mistyped.
        """
        return await self._queue(lambda: self._verify(stored, password))

    def _verify(self, stored: str | None, password: bytes) -> str | None:
        # The hash of nobody was begun before anything else: at most it is being made right now.
        try:
            self._argon2.verify(stored or self._nobody.result(), password)
        except (VerificationError, InvalidHashError):
            return None
        if stored is None or not self._argon2.check_needs_rehash(stored):
            return stored
        return self._argon2.hash(password)

    async def _queue(self, work: Callable[[], T]) -> T:
        if self._waiting >= self._most:
            raise Busy("too many passwords wait to be checked")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        finally:
            self._waiting -= 1


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


def _prepared(password: str) -> bytes | None:
    """What is hashed: the same for every way a keyboard may spell it (NIST SP 800-63B-4, 3.1.1.2); None if none."""
    try:
        length = len(password.encode())
    except UnicodeEncodeError:
        return None
    return unicodedata.normalize("NFKC", password).encode() if 0 < length <= LONGEST else None


def _give_way() -> None:
    """Linux gives each thread its own niceness, and glibc a threshold; elsewhere it would be the whole process's."""
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(M_MMAP_THRESHOLD, GIVE_BACK)
        me = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, me, max(NICENESS, os.getpriority(os.PRIO_PROCESS, me)))
