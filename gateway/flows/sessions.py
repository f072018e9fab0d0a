"""A browser's session: found by its cookie, made new at every authentication, ended."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import secrets
from collections.abc import Iterable
from dataclasses import replace

from gateway.config.settings import SessionLife
from gateway.errors import StoreError
from gateway.policy.decision import ran_out
from gateway.policy.facts import AuthEvent, Session, fact
from gateway.stores.base import State

TOKEN = re.compile(rb"[A-Za-z0-9_-]{43}")
REMEMBERED = 7 * 86400
"""Seconds an expired session is still recognised, so that what its owner sends is kept while they sign in again."""


@fact
class Found:
    """`key` is the hash of the id that found it; `alive` is False when the session ran out."""

    session: Session
    key: bytes
    alive: bool


def key_of(token: bytes) -> bytes:
    """What a session id is stored as."""
    return hashlib.sha256(token).digest()


def new_token() -> bytes:
    """256 random bits (ASVS 7.2.3 asks for 128), 43 characters of base64url."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=")


MANY = 4096
"""Sessions remembered at once."""

AT_ONCE = 8
"""Sessions whose activity is written down at once."""

RECENT = 1.0
"""Seconds that what was read of a session serves ordinary requests; the sensitive ones read the store (law 6)."""


class Sessions:
    """Sessions of all apps. `touched` holds activity not yet written; the assembly flushes it every second."""

    def __init__(self, state: State, life: SessionLife) -> None:
        self._state = state
        self._life = life
        self._touched: dict[str, int] = {}
        self._coarse = min(60, life.idle // 10)
        self._recent: dict[bytes, tuple[float, Found]] = {}
        self._heard = 0

    async def recent(self, token: bytes, app: str, now: float) -> Found | None:
        """The same as `find`, for requests that may be answered from what was read within the last second."""
        found = self.remembered(token, app, now)
        if found is not None:
            return found
        heard = self._heard
        found = await self.find(token, app, int(now))
        if found is not None and found.alive and not found.session.superseded and heard == self._heard:
            if len(self._recent) >= MANY:
                self._recent.clear()
            self._recent[token] = now, found
        return found

    def remembered(self, token: bytes, app: str, now: float) -> Found | None:
        """The same, where nothing has to be read for it."""
        read_at, found = self._recent.get(token, (0.0, None))
        if found is not None and 0 <= now - read_at < RECENT and found.session.app == app:
            return found
        return None

    async def find(self, token: bytes, app: str, now: int) -> Found | None:
        """The session of that cookie on that app, expired ones too; None for anything that is not one."""
        if TOKEN.fullmatch(token) is None:
            return None
        key = key_of(token)
        return self._judged(await self._state.sessions.get(key, now), key, app, now)

    @property
    def at_once(self) -> bool:
        """Whether `found` can be asked."""
        return self._state.at_once is not None

    def found(self, token: bytes, app: str, now: int) -> Found | None:
        """What `find` says, where the store can be read without waiting."""
        if self._state.at_once is None:
            raise StoreError("this store has to be waited for")
        if TOKEN.fullmatch(token) is None:
            return None
        key = key_of(token)
        return self._judged(self._state.at_once(key, now), key, app, now)

    def version(self) -> object:
        """Of what `found` reads: the same as before if nobody has changed anything since. Raises StoreError."""
        if self._state.version is None:
            raise StoreError("this store does not tell")
        return self._state.version()

    def _judged(self, session: Session | None, key: bytes, app: str, now: int) -> Found | None:
        if session is None or session.app != app:
            return None
        session = self._seen(session)
        return Found(session, key, self._lives(session, now))

    def forget(self, ref: str | None) -> None:
        """Another worker ended or renewed that session, None: any. What is being read now may be older than that."""
        self._heard += 1
        if ref is None:
            self._recent.clear()
        for token in [token for token, (_, found) in self._recent.items() if found.session.ref == ref]:
            del self._recent[token]

    def touch(self, session: Session, now: int) -> None:
        """Note activity; written down later, and no more often than idle time needs."""
        if now - session.last_seen > self._coarse:
            self._touched[session.ref] = now

    async def flush(self) -> None:
        """Write down the activity noted since the last flush, some of it at once: a store may be far away."""
        noted = tuple(self._touched.items())
        for n in range(0, len(noted), AT_ONCE):
            work = (self._write_down(*each) for each in noted[n : n + AT_ONCE])
            for failed in filter(None, await asyncio.gather(*work, return_exceptions=True)):
                raise failed

    async def open(
        self, app: str, subject: str, events: tuple[AuthEvent, ...], *, address: str, agent: str, now: int
    ) -> tuple[bytes, Session]:
        """A new session and its id, never one that a browser brought along (session fixation)."""
        token = new_token()
        session = Session(secrets.token_hex(16), app, subject, now, now, events, address, agent[:300])
        await self._state.sessions.create(key_of(token), session, keep_until=now + REMEMBERED)
        return token, session

    async def renew(self, found: Found, events: Iterable[AuthEvent], now: int) -> tuple[bytes, Session] | None:
        """The same session with these events under a new id (law 6). None if another request renewed or ended it."""
        self._recent.clear()
        token = new_token()
        newest = {event.verifier: event for event in sorted(events, key=lambda event: event.auth_time)}
        session = replace(found.session, events=tuple(newest.values()), last_seen=now, superseded=False)
        done = await self._state.sessions.rotate(
            found.key, key_of(token), session, now=now, keep_until=now + REMEMBERED
        )
        return (token, session) if done else None

    async def alive(self, session: Session, now: int) -> bool:
        """Whether it still exists and has not run out, whatever its id is by now."""
        found = await self._state.sessions.find(ref=session.ref, subject=session.subject)
        return any(self._lives(self._seen(each), now) for each in found)

    async def of(self, subject: str, now: int) -> list[Session]:
        """Those of one person that have not run out, latest seen first."""
        found = await self._state.sessions.find(subject=subject)
        return [each for each in map(self._seen, found) if self._lives(each, now)]

    async def end(self, *, ref: str | None = None, subject: str | None = None, keep: str | None = None) -> list[str]:
        """End one session or a person's, with all they hold. The refs that were ended."""
        ended = await self._state.sessions.revoke(ref=ref, subject=subject, keep=keep)
        self._recent.clear()
        for each in ended:
            self._touched.pop(each, None)
            await self._state.confirmations.drop(session=each)
        return ended

    async def _write_down(self, ref: str, seen: int) -> None:
        await self._state.sessions.touch(ref, seen, keep_until=seen + REMEMBERED)
        if self._touched.get(ref) == seen:
            del self._touched[ref]

    def _seen(self, session: Session) -> Session:
        """With the activity that is not written down yet."""
        seen = self._touched.get(session.ref, 0)
        return replace(session, last_seen=seen) if seen > session.last_seen else session

    def _lives(self, session: Session, now: int) -> bool:
        return not ran_out(session, idle=self._life.idle, absolute=self._life.absolute, now=now)
