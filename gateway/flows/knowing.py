"""The app's word on who somebody is: asked for one by one, believed for a while.

Anybody can make the gateway ask, with cookies that nobody ever had. So the same question is under way once, and those
of one address wait for each other: whoever asks too much waits behind themself, and what is kept is a few bytes each.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar
from weakref import WeakValueDictionary

from gateway.errors import Busy
from gateway.flows.throttle import network
from gateway.policy.facts import Headers, Request

KNOWN = 60.0
"""Seconds that the app's word on whose session some cookies are is believed."""

NOBODY = 1.0
"""Seconds that its word is believed that they are nobody's: the calls of one page ask once."""

AT_ONCE = 8
"""Questions under way for one address."""

WAITS = 10.0
"""Seconds that others are waited for."""

MANY = 2048
MOST_KEYS = 2

T = TypeVar("T")


class Asked(Protocol):
    """The app, asked (`gateway.identity`). Raises UpstreamError."""

    async def who(self, headers: Headers, *, address: str) -> str | None:
        """The name of whoever sends these fields; None: nobody."""
        ...


class Knowing:
    """One app's word."""

    def __init__(self, app: Asked) -> None:
        self._app = app
        self._known: dict[bytes, tuple[float, str | None]] = {}
        self._same: WeakValueDictionary[bytes, asyncio.Lock] = WeakValueDictionary()
        self._near: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def who(self, request: Request) -> str | None:
        """Not older than a minute. Raises UpstreamError, and Busy."""
        key = _sum(request)
        async with _turn(self._same.setdefault(key, asyncio.Lock())):
            asked_at, who = self._known.get(key, (0.0, None))
            if not -NOBODY < request.now - asked_at < (NOBODY if who is None else KNOWN):
                who = await self._agreed(request)
                remember(self._known, key, (request.now, who))
            return who

    async def ask(self, headers: Headers, request: Request) -> str | None:
        """As of now, for these fields in place of the request's own. Raises UpstreamError, and Busy."""
        async with _turn(self._near.setdefault(network(request.client), asyncio.Semaphore(AT_ONCE))):
            who = await self._app.who(headers, address=request.client)
        return who if who and who.isprintable() else None

    async def _agreed(self, request: Request) -> str | None:
        """Cookies and Authorization have to name one person each by itself. Which of them an app goes by may differ
        from page to page: the one that is asked may look at what is one's own, another at what is stolen."""
        who = await self.ask(request.headers, request)
        keys = {field for field in request.headers if field[0] == b"authorization"}
        if who is None or not keys:
            return who
        rest = tuple(field for field in request.headers if field[0] not in (b"authorization", b"cookie"))
        cookies = tuple(field for field in request.headers if field[0] == b"cookie")
        if len(keys) > MOST_KEYS or (cookies and await self.ask((*rest, *cookies), request) not in (who, None)):
            return None
        return who if all([await self.ask((*rest, key), request) == who for key in keys]) else None


def _sum(request: Request) -> bytes:
    """What the app can know somebody by, in 32 bytes."""
    said = [field for field in request.headers if field[0] in (b"cookie", b"authorization")]
    return hashlib.sha256(repr(said).encode()).digest()


def remember(kept: dict[bytes, T], key: bytes, value: T) -> None:
    """Of what can be asked for again, no more than MANY."""
    if len(kept) >= MANY:
        kept.clear()
    kept[key] = value


@asynccontextmanager
async def _turn(gate: asyncio.Lock | asyncio.Semaphore) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(WAITS):
            await gate.acquire()
    except TimeoutError:
        raise Busy("the app takes too long to say who that is") from None
    try:
        yield
    finally:
        gate.release()
