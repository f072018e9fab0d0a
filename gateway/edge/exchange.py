"""One request and its answer, as whoever waits for it sees it.

Nothing is buffered beyond HIGH_WATER and what one read of the socket brings.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from math import inf
from time import perf_counter
from typing import Protocol

from gateway.edge.heads import Answer
from gateway.edge.timeouts import Timeouts
from gateway.errors import UpstreamError
from gateway.policy.headers import Field

HIGH_WATER = 64 << 10
BODYLESS = frozenset({204, 304})

LARGE = 64 << 10
"""Bytes of a piece that is not copied, neither to be recognised nor to leave together with a head."""


class Wire(Protocol):
    """The connection that an exchange is on; there is one kind, in `edge.wire`."""

    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    deadline: float
    drained: asyncio.Future[None] | None

    def wait_for(self, seconds: float) -> None: ...

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def end(self, *, reusable: bool) -> None: ...


class Pool(Protocol):
    """Where wires come from."""

    @property
    def timeouts(self) -> Timeouts: ...

    async def again(self, exchange: Exchange, data: bytes) -> None:
        """Send `data` once more for that exchange, on a new connection."""
        ...


class Exchange:
    """What a request got so far. Made by `Upstream.open`; who has it calls `close` in the end, whatever happened."""

    __slots__ = (
        *("_chunks", "_size", "_waiter", "answer", "complete", "error", "headers", "is_head", "pool", "repeat"),
        *("reusable", "sent", "sent_at", "slow", "status", "wire"),
    )

    def __init__(self, pool: Pool, *, is_head: bool, sent: bool, repeat: bytes | None) -> None:
        self.pool = pool
        self.is_head = is_head
        self.sent = sent  # the request, whole
        self.repeat = repeat  # the request, when it may be sent again should the wire prove dead
        self.wire: Wire | None = None  # only while the exchange is under way
        self.sent_at = 0.0  # by the performance counter; whoever opened it says when
        self.slow: Callable[[], None] | None = None  # called once if the exchange lasts longer than a moment
        self.status = 0  # until the head is there
        self.headers: Sequence[Field] = ()
        self.answer: Answer | None = None  # where it was seen before
        self.complete = False
        self.reusable = False
        self.error: UpstreamError | None = None
        self._chunks: list[bytes] = []
        self._size = 0
        self._waiter: asyncio.Future[None] | None = None

    async def head(self) -> None:
        """Wait until `status` and `headers` are there."""
        while not self.status:
            if self.error is not None:
                data, self.repeat = self.repeat, None
                if data is None:
                    raise self.error
                self.error = None
                await self.pool.again(self, data)
            await self._more(self.pool.timeouts.first_byte)

    async def read(self) -> bytes:
        """The next bytes of the body, as many as there are; empty at its end."""
        while not self._chunks:
            if self.complete:
                return b""
            await self._more(self.pool.timeouts.between)
            if self.error is not None:
                raise self.error
        data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        self._size = 0
        if self.wire is not None:
            self.wire.resume_reading()
        return data

    async def write(self, data: bytes, *, last: bool) -> None:
        """Send framed bytes of the body. Nothing happens when the answer is complete or broke off: `read` tells."""
        wire = self.wire
        if wire is None:
            return
        wire.transport.write(data)
        if last:
            self.sent, self.sent_at = True, perf_counter()
            wire.wait_for(self.pool.timeouts.first_byte)
        elif wire.drained is not None:
            wire.wait_for(self.pool.timeouts.between)
            await wire.drained
            if self.wire is wire:
                wire.deadline = inf

    def close(self) -> None:
        """Give the connection up, if it is still in use."""
        if self.wire is not None:
            self.wire.end(reusable=False)

    def add(self, data: bytes) -> bool:
        """A piece of the body has come. False when it is enough for now."""
        self._chunks.append(data)
        self._size += len(data)
        return self._size <= HIGH_WATER

    def flowing(self) -> None:
        """The connection takes more of the request."""

    def wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _more(self, seconds: float) -> None:
        wire = self.wire
        if wire is None or self.error is not None:
            return
        if self.sent:
            wire.wait_for(seconds)
        self._waiter = wire.loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
            if self.wire is wire:
                wire.deadline = inf
