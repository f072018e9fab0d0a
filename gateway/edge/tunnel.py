"""Two connections that were joined after a websocket's handshake: what comes in on one goes out on the other.

Rules of the file:
- Of a frame nothing is read but where it ends: only there may a close frame of ours stand.
- An end that takes no more stops the reading from the other: nothing is kept but what their transports hold.
- Once it is over nothing passes any more, either way. Both ends are told why; in the middle of a frame the end of the
  connection has to do.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from math import inf

from gateway.edge.frames import Frames, close_frame
from gateway.edge.writing import Outflow

LINGER = 2.0
"""Seconds in which an end that was told can say goodbye itself."""

CLOSE_WITHIN = 10.0
"""Seconds from a close frame that an end took to the end of both connections."""

GOING_AWAY, NOT_ALLOWED, RESTARTS, BAD_GATEWAY = 1001, 1008, 1012, 1014

ALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 20, "TCP_KEEPCNT": 3}
"""The kernel finds out who is gone without a word. Pings are for those who speak the protocol."""


class End(asyncio.Protocol):
    """One of the two. `full`: it has taken less than it was sent, so far; `then` is called when it is gone."""

    def __init__(
        self, transport: asyncio.Transport, *, is_app: bool, full: bool = False, then: Callable[[], None] | None = None
    ) -> None:
        self.transport = transport
        self.is_app = is_app
        self.full = full
        self.frames = Frames()  # that it sent
        self.gone = False
        self.over = False
        self._then = then
        self._outflow = Outflow(asyncio.get_running_loop().time())
        self._before = transport.get_write_buffer_size()  # of what it was sent until now

    def join(self, tunnel: Tunnel, other: End) -> None:
        self._tunnel = tunnel
        self._other = other
        self._write = other.transport.write
        self.transport.set_protocol(self)
        with contextlib.suppress(OSError):
            _keep_alive(self.transport.get_extra_info("socket"))
        (self.transport.pause_reading if other.full else self.transport.resume_reading)()

    def stalled(self, now: float) -> float:
        """For how many seconds it has taken nothing, though there is something."""
        return self._outflow.stalled(self.transport, self._before + self._other.frames.passed, now)

    def part(self, code: int, reason: str) -> None:
        """Tell it, if that can be done. Then it has to say goodbye, if it has not yet, and that is all."""
        told = self._other.frames
        if self.transport.is_closing():
            return
        if not told.closed and told.whole:
            self.transport.write(close_frame(code, reason, masked=self.is_app))
        elif not told.closed:
            self.transport.close()
            return
        if self.frames.closed:
            self.transport.close()
        else:
            self.transport.resume_reading()

    # what the transport calls

    def data_received(self, data: bytes) -> None:
        self.frames.feed(data)
        if not self.over:
            self._write(data)
        elif self.frames.closed and self.frames.whole:
            self.transport.close()

    def eof_received(self) -> bool:
        """A client that has said goodbye may still wait to hear it."""
        if self.frames.closed and not self.is_app and not self.over:
            return True
        self._tunnel.left(self)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone = True
        self._tunnel.left(self)
        if self._then is not None:
            self._then()

    def pause_writing(self) -> None:
        self.full = True
        if not self.over:
            self._other.transport.pause_reading()

    def resume_writing(self) -> None:
        self.full = False
        if not self.over:
            self._other.transport.resume_reading()


class Tunnel:
    """Both ends. The app has `patience` seconds to take something of what it is sent."""

    def __init__(self, client: End, app: End, *, patience: float) -> None:
        loop = asyncio.get_running_loop()
        self._client, self._app = client, app
        self._patience = patience
        self._over: asyncio.Future[None] = loop.create_future()
        self._gone: asyncio.Future[None] = loop.create_future()
        self._closing = inf  # since when one waits for the other's goodbye
        client.join(self, app)
        app.join(self, client)

    async def run(self, revoked: Callable[[], Awaitable[object]]) -> None:
        """Until both connections are gone, or `revoked()` has returned (1008) and their time is over."""

        async def revocation() -> None:
            await revoked()
            self.part(NOT_ALLOWED, "the session has ended")

        try:
            async with asyncio.TaskGroup() as group:
                watching = group.create_task(revocation())
                await self._over
                watching.cancel()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LINGER):
                    await self._gone
        finally:
            self.abort()

    def part(self, code: int, reason: str, *, left: End | None = None) -> None:
        """It is over; `left` is the end that need not be told."""
        if self._over.done():
            return
        self._over.set_result(None)
        self._client.over = self._app.over = True
        for end in (self._client, self._app):
            if end is not left:
                end.part(code, reason)

    def abort(self) -> None:
        """At once, and without a word."""
        self._client.transport.abort()
        self._app.transport.abort()

    def look(self, now: float, pause: float) -> None:
        """Does either owe the other something? A client takes what it is sent within `pause` seconds."""
        if self._over.done():
            return
        if self._client.stalled(now) > pause:
            self._client.transport.abort()
        elif self._app.stalled(now) > self._patience:
            self.part(BAD_GATEWAY, "the upstream takes no more")
        elif self._client.frames.closed or self._app.frames.closed:
            if self._client.transport.get_write_buffer_size() or self._app.transport.get_write_buffer_size():
                self._closing = inf
            self._closing = min(self._closing, now)
            if now - self._closing > CLOSE_WITHIN:
                self.abort()

    # what an end calls

    def left(self, end: End) -> None:
        """It goes, or is gone."""
        if end.is_app:
            self.part(BAD_GATEWAY, "the upstream is gone", left=end)
        else:
            self.part(GOING_AWAY, "", left=end)
        if self._client.gone and self._app.gone and not self._gone.done():
            self._gone.set_result(None)


def _keep_alive(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in ALIVE.items():
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
