"""A request on the express lane: its exchange with the app, and its answer, in the callbacks of the two connections.

To the connection of the client it is what uvicorn's cycle is: the answer that is under way. What becomes of it is the
same, byte for byte, as if the gatekeeper had sent it.
"""

from __future__ import annotations

import asyncio
from math import inf
from time import perf_counter
from typing import Protocol

from gateway.edge.exchange import BODYLESS, LARGE, Exchange
from gateway.edge.express import Lane
from gateway.edge.relay import answer_fields
from gateway.edge.upstream import REPEATABLE, chunk, framed
from gateway.edge.writing import head
from gateway.errors import UpstreamError
from gateway.policy.headers import Field


class Client(Protocol):
    """The connection that it came by."""

    written: int

    def write(self, data: bytes) -> bool:
        """False when it is enough for now; `Ride.flows_on` tells when it goes on."""
        ...

    def fields(self) -> list[Field]:
        """That stand in each answer."""
        ...

    def hold(self, ride: Ride, on: bool) -> None:
        """Read no more of the request, or go on."""
        ...

    def arrived(self, ride: Ride) -> None:
        """The answer is whole."""
        ...

    def broke_off(self) -> None:
        """The answer will never be whole."""
        ...

    def failed(self, ride: Ride, error: UpstreamError) -> None:
        """Nothing was answered: say what went wrong."""
        ...


class Ride(Exchange):
    """`push` after each piece that the client sent."""

    __slots__ = (
        *("_chunked", "_client", "_departed", "_over", "_pieces", "_rest", "_second", "_whole", "disconnected"),
        *("keep_alive", "lane", "response_complete", "response_started"),
    )
    waiting_for_100_continue = False

    def __init__(self, client: Client, lane: Lane) -> None:
        known = lane.known
        super().__init__(known.gate.upstream, is_head=known.method == b"HEAD", sent=False, repeat=None)
        self.lane = lane
        self.keep_alive = known.keep_alive
        self.disconnected = False
        self.response_started = False
        self.response_complete = False
        self._whole = False  # all of the request has come
        self._departed = False  # and something of it has left
        self._chunked = False  # is what the client gets
        self._over = False
        self._second: asyncio.Future[None] | None = None  # try
        self._client = client
        self._rest = known.length
        self._pieces: list[bytes] = []
        known.express.under_way += 1

    # what the client's connection calls

    @property
    def message_event(self) -> Ride:
        """uvicorn tells a cycle by its event that the client is gone."""
        return self

    def set(self) -> None:
        if self.disconnected and not self.response_complete:
            self.close()
            self._end()

    def go(self, body: bytes) -> None:
        """Send it: this is all of it."""
        self._whole = True
        self._depart(body)
        self._await()

    def receive(self, data: bytes) -> None:
        """A piece of the body."""
        self._pieces.append(data)

    def received(self) -> None:
        """There is no more of it."""
        self._whole = True

    def push(self) -> None:
        """Send what has come since the last time."""
        if self._over:
            return
        body = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        if not self._departed:
            self._depart(body)
        elif self.wire is not None:
            if self._rest is None:
                body = chunk(body) + (b"0\r\n\r\n" if self._whole else b"")
            if body:
                self.wire.transport.write(body)
        self._await()

    def flows_on(self) -> None:
        """The client takes more of the answer."""
        if self.wire is not None:
            self.wire.resume_reading()
            self.wire.wait_for(self.pool.timeouts.between)

    # what the app's connection calls

    def add(self, data: bytes) -> bool:
        self._chunks.append(data)
        return True

    def flowing(self) -> None:
        self._client.hold(self, False)
        if self.wire is not None:
            self.wire.deadline = inf

    def wake(self) -> None:
        if self._over:
            return
        if self.error is not None:
            self._broke(self.error)
            return
        if not self.status:
            return
        data = b""
        if not self.response_started:
            if self.sent:
                self.lane.known.gate.upstream.timed("head", perf_counter() - self.sent_at, True)
            data = self._head()
        data += self._body()
        more = not data or self._client.write(data)
        if self.complete:
            self.response_complete = True
            self._end()
            self._client.arrived(self)
        elif self.wire is not None:
            if more:
                self.wire.wait_for(self.pool.timeouts.between)
            else:
                self.wire.pause_reading()
                self.wire.deadline = inf

    def _depart(self, body: bytes) -> None:
        self._departed = True
        lane, method = self.lane, self.lane.known.method
        if self._whole:
            self._rest = 0
        elif self._rest is not None:
            self._rest -= len(body)
        if len(body) >= LARGE and self._rest is not None:
            lane.wire.begin(self, lane.start + framed(method, self._rest + len(body), b""), body)
            return
        data = lane.start + framed(method, self._rest, body)
        if self._whole and not body and method in REPEATABLE:
            self.repeat = data
        lane.wire.begin(self, data)

    def _await(self) -> None:
        """The upstream has a deadline whenever it is waited for."""
        wire = self.wire
        if wire is None:
            return
        if self._whole:
            self.sent, self.sent_at = True, perf_counter()
            wire.wait_for(self.pool.timeouts.first_byte)
        elif wire.drained is not None:
            self._client.hold(self, True)
            wire.wait_for(self.pool.timeouts.between)

    def _head(self) -> bytes:
        self.response_started = True
        answer, said = self.answer, self._client.fields()
        if answer is None:
            return self._written(said)
        to = said, self.lane.extra, self.keep_alive
        if answer.written[0] != to:
            answer.written = to, self._written(said)
        return answer.written[1]

    def _written(self, said: list[Field]) -> bytes:
        fields = answer_fields(self.status, self.headers, self.lane.extra)
        sized = any(name == b"content-length" for name, _ in (*said, *fields))
        self._chunked = not (sized or self.is_head or self.status in BODYLESS)
        return head(self.status, said, fields, keep_alive=self.keep_alive, chunked=self._chunked)

    def _body(self) -> bytes:
        chunks = self._chunks
        data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        chunks.clear()
        if self.is_head:
            return b""
        if self._chunked:
            return chunk(data) + (b"0\r\n\r\n" if self.complete else b"")
        return data

    def _broke(self, error: UpstreamError) -> None:
        if self.repeat is not None:
            self._second = asyncio.ensure_future(self._again(self.repeat))
            return
        self._end()
        self.lane.known.gate.upstream.failed(error)
        if not self.status:
            self._client.failed(self, error)
            return
        rest = (b"" if self.response_started else self._head()) + self._body()
        if rest:
            self._client.write(rest)
        self._client.broke_off()

    async def _again(self, data: bytes) -> None:
        """Once more: the connection that it left by was dead before."""
        self.repeat = self.error = None
        try:
            await self.pool.again(self, data)
        except UpstreamError as error:
            if not self._over:
                self._broke(error)
            return
        if self._over:  # the client has left meanwhile
            self.close()
        else:
            self._await()

    def _end(self) -> None:
        if not self._over:
            self._over = True
            if not self._departed:
                self.lane.known.gate.upstream.unreserve(self.lane.wire)
            self.lane.known.express.under_way -= 1
