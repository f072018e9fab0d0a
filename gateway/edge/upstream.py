"""The pooled client that requests go to an app through.

Ours, because the proxy path is what every request pays for: one write for head and body, the newest idle connection
first, no task and no timer per request.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from gateway.edge.exchange import LARGE, Exchange
from gateway.edge.heads import Answers
from gateway.edge.timeouts import Timeouts
from gateway.edge.wire import Wire
from gateway.errors import UpstreamBroken, UpstreamError, UpstreamTimeout, UpstreamUnreachable
from gateway.policy.headers import Field
from gateway.timing import Timed, untimed

KEEP_IDLE = 4.0
"""Seconds. Many app servers close an idle connection after 5; a request that meets the closing one is lost."""

SURE = 1.0
"""Seconds a connection may have been idle to be trusted with a request that must not be sent twice."""

TIMEOUTS = Timeouts()

REPEATABLE = frozenset({b"GET", b"HEAD", b"OPTIONS"})
WITHOUT_BODY = REPEATABLE | {b"DELETE", b"TRACE"}


FAILURES: dict[type[UpstreamError], str] = {
    UpstreamUnreachable: "unreachable",
    UpstreamBroken: "broken",
    UpstreamTimeout: "timeout",
}


class Outgoing(NamedTuple):
    """A request as it goes out. `rest` counts the bytes of body still to be received: 0 none, None until the end."""

    method: bytes
    target: bytes
    headers: Sequence[Field]  # from policy.headers.to_upstream: neither framing nor hop-by-hop fields
    rest: int | None = 0
    body: bytes = b""  # what has been read of it already


class Upstream:
    """One app's server. `url` is scheme, host and port: "http://127.0.0.1:9000".

    `timed` is told of each "head", from the end of the request on, and by `failed` of those that did not come.
    """

    def __init__(
        self,
        url: str,
        *,
        timeouts: Timeouts = TIMEOUTS,
        max_connections: int = 1024,
        timed: Timed = untimed,
    ) -> None:
        parts = urlsplit(url)
        self.timed = timed
        self.answers = Answers()
        self.timeouts = timeouts
        self.host = parts.hostname or ""
        self.tls = _tls() if parts.scheme == "https" else None
        self.port = parts.port or (443 if self.tls else 80)
        self._max = max_connections
        self._slots = Slots(max_connections)
        self._wires: set[Wire] = set()
        self._idle: list[Wire] = []
        self._sweeper: asyncio.TimerHandle | None = None

    async def open(self, request: Outgoing, *, fresh: bool = False) -> Exchange:
        """Send the head and `body`; the rest follows by `Exchange.write`.

        `fresh` takes a new connection, so that the request leaves at most once. Raises UpstreamUnreachable.
        """
        whole = request.rest == 0
        request, body = beside(request)
        data = serialize(request)
        repeatable = whole and not (body or request.body) and request.method in REPEATABLE
        exchange = Exchange(self, is_head=request.method == b"HEAD", sent=whole, repeat=None)
        await self._slot()
        wire = None if fresh else self._newest_idle(sure=not repeatable)
        if wire is not None:
            exchange.repeat = data if repeatable else None
            wire.begin(exchange, data, body)
        else:
            await self._on_new_wire(exchange, data, body)
        return exchange

    def reserve(self, *, sure: bool) -> Wire | None:
        """An idle connection, for `Wire.begin` or `unreserve`; None where one would have to be made or waited for."""
        if not self._slots.free or not self._idle:
            return None
        wire = self._newest_idle(sure=sure)
        if wire is not None:
            self._slots.free -= 1
        return wire

    def unreserve(self, wire: Wire) -> None:
        """It was not needed after all."""
        self.ended(wire, reusable=True)

    def close(self) -> None:
        """Close every connection; what was under way is broken off."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        for wire in self._wires:
            wire.transport.abort()

    def failed(self, error: UpstreamError) -> None:
        """Whoever was waiting for an answer has got this instead."""
        self.timed(FAILURES.get(type(error), "broken"), 0.0, False)

    # what wires call

    def ended(self, wire: Wire, *, reusable: bool) -> None:
        self._slots.release()
        if reusable and wire in self._wires:
            wire.wait_for(KEEP_IDLE)
            self._idle.append(wire)
        else:
            wire.transport.abort()

    def lost(self, wire: Wire) -> None:
        self._wires.discard(wire)
        if wire in self._idle:
            self._idle.remove(wire)

    async def again(self, exchange: Exchange, data: bytes) -> None:
        await self._slot()
        await self._on_new_wire(exchange, data)

    async def _slot(self) -> None:
        if self._slots.free:
            self._slots.free -= 1
            return
        try:
            async with asyncio.timeout(self.timeouts.connect):
                await self._slots.acquire()
        except TimeoutError:
            raise UpstreamUnreachable("every connection to the upstream is in use") from None

    def _newest_idle(self, *, sure: bool) -> Wire | None:
        while self._idle:
            newest = self._idle[-1]
            left = newest.deadline - newest.loop.time()
            if left <= 0 or (sure and left < KEEP_IDLE - SURE):
                return None  # the others are older still
            wire = self._idle.pop()
            if not wire.transport.is_closing():
                return wire
        return None

    async def _on_new_wire(self, exchange: Exchange, data: bytes, body: bytes = b"") -> None:
        loop = asyncio.get_running_loop()
        if len(self._wires) >= self._max and self._idle:
            self._idle.pop(0).transport.close()
        try:
            async with asyncio.timeout(self.timeouts.connect):
                _, wire = await loop.create_connection(lambda: Wire(self, loop), self.host, self.port, ssl=self.tls)
        except (OSError, TimeoutError) as error:
            self._slots.release()
            raise UpstreamUnreachable(f"no connection to {self.host}:{self.port}: {error}") from error
        except BaseException:
            self._slots.release()
            raise
        if wire.transport.is_closing():
            self._slots.release()
            raise UpstreamUnreachable("the upstream closed a new connection at once")
        self._wires.add(wire)
        if self._sweeper is None:
            self._sweep_later(loop)
        wire.begin(exchange, data, body)

    def _sweep_later(self, loop: asyncio.AbstractEventLoop) -> None:
        interval = min(1.0, self.timeouts.first_byte / 2, self.timeouts.between / 2)
        self._sweeper = loop.call_later(interval, self._sweep, loop)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for wire in list(self._wires):
            if wire.deadline <= now:
                wire.expire()
            elif wire.exchange is not None and wire.exchange.slow is not None:
                slow, wire.exchange.slow = wire.exchange.slow, None
                slow()
        self._sweeper = None
        if self._wires:
            self._sweep_later(loop)


class Slots:
    """How many more there may be. Who finds none `free` waits in turn; whoever finds some may just take one."""

    def __init__(self, free: int) -> None:
        self.free = free
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def acquire(self) -> None:
        if self.free:
            self.free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it came all the same
                self.release()
            raise

    def release(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.free += 1


def beside(request: Outgoing) -> tuple[Outgoing, bytes]:
    """A body that is too much to be copied, by itself."""
    if request.rest is None or len(request.body) < LARGE:
        return request, b""
    return request._replace(rest=request.rest + len(request.body), body=b""), request.body


def serialize(request: Outgoing) -> bytes:
    """Head and first bytes of body, in one piece. Framed by one Content-Length, or in chunks when it is unknown."""
    start = b"%b %b HTTP/1.1\r\n" % (request.method, request.target)
    if start.count(b"\n") > 1 or start.count(b"\r") > 1:
        raise ValueError("a line break inside a target")
    return start + lines(request.headers) + framed(request.method, request.rest, request.body)


def lines(fields: Sequence[Field]) -> bytes:
    """Fields as they are written. Raises ValueError for one with a line break in it."""
    written = b"".join([b"%b: %b\r\n" % field for field in fields])
    if written.count(b"\n") != len(fields) or written.count(b"\r") != len(fields):
        raise ValueError("a line break inside a header field")
    return written


def framed(method: bytes, rest: int | None, body: bytes) -> bytes:
    """The end of a head, and the first bytes of the body."""
    if rest is None:
        return b"transfer-encoding: chunked\r\n\r\n" + chunk(body)
    if rest or body or method not in WITHOUT_BODY:
        return b"content-length: %d\r\n\r\n%b" % (len(body) + rest, body)
    return b"\r\n"


def chunk(data: bytes) -> bytes:
    """One chunk (RFC 9112, 7.1); nothing for nothing, which would be the last one."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


def _tls() -> ssl.SSLContext:
    """Verifies the upstream by the system's certificate store."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
