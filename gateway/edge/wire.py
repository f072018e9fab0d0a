"""One connection to an upstream.

Rules of the file:
- A wire carries one exchange at a time. It is used again only after a request that was sent whole and an answer that
  was received whole, with not a byte before, between or after (RFC 9112, 9.3; security: poisoned shared connections).
- An answer whose framing is in doubt is broken: two lengths, a length and chunks, an unknown coding (RFC 9112, 6.3).
- The upstream has a deadline whenever the gateway waits for it, and only then; the pool looks at them now and then.
"""

from __future__ import annotations

import asyncio
from math import inf
from typing import Protocol

import httptools

from gateway.edge.exchange import BODYLESS, LARGE, Exchange
from gateway.edge.heads import Answers
from gateway.errors import UpstreamBroken, UpstreamError, UpstreamTimeout
from gateway.policy.headers import Field

HEAD_MAX = 256 << 10


class Pool(Protocol):
    """Where wires come from and go back to."""

    answers: Answers

    def ended(self, wire: Wire, *, reusable: bool) -> None:
        """Its exchange is over."""
        ...

    def lost(self, wire: Wire) -> None:
        """The connection is gone."""
        ...


class Wire(asyncio.Protocol):
    """Made for each connection that is opened; `begin` sends a request."""

    __slots__ = (
        *("_clean", "_fields", "_head_bytes", "_parser", "_paused", "_until_eof", "deadline", "drained", "exchange"),
        *("loop", "pool", "transport"),
    )
    transport: asyncio.Transport

    def __init__(self, pool: Pool, loop: asyncio.AbstractEventLoop) -> None:
        self.pool = pool
        self.loop = loop
        self.exchange: Exchange | None = None
        self.deadline = inf  # loop time: when it is given up, busy or idle
        self.drained: asyncio.Future[None] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._fields: list[Field] = []
        self._head_bytes = 0
        self._until_eof = False
        self._paused = False
        self._clean = True

    def begin(self, exchange: Exchange, data: bytes, body: bytes = b"") -> None:
        """Send the head of a request, and what there is of its body: in `data`, or beside it where that is much."""
        self.exchange = exchange
        exchange.wire = self
        self.deadline = inf
        self._head_bytes = 0
        self._until_eof = False
        if body:
            self.transport.writelines((data, body))
        else:
            self.transport.write(data)

    def end(self, *, reusable: bool) -> None:
        """The exchange is over."""
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            exchange.wire = None
            self.resume_reading()  # the last piece may have been enough for now; the next exchange reads from here
            self.pool.ended(self, reusable=reusable and not self.transport.is_closing())

    def wait_for(self, seconds: float) -> None:
        self.deadline = self.loop.time() + seconds

    def expire(self) -> None:
        """The deadline has passed."""
        if self.exchange is not None:
            self.exchange.repeat = None
        self._fail(UpstreamTimeout("the upstream did not go on in time"))
        self.transport.abort()

    def pause_reading(self) -> None:
        if not self._paused:
            self._paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        if self._paused:
            self._paused = False
            self.transport.resume_reading()

    # what the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        exchange = self.exchange
        if exchange is None:  # an answer nobody asked for would be the next one's
            self.transport.abort()
            return
        exchange.repeat = None
        starts = not (exchange.status or self._head_bytes)
        large = len(data) >= LARGE
        if starts and exchange.sent and not (exchange.is_head or large) and self._at_once(exchange, data):
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._clean = False
            if not exchange.complete:
                self._fail(UpstreamBroken(f"the answer is not HTTP: {error.__context__ or error}"))
                return
        if exchange.complete:
            reusable = self._clean and exchange.sent and exchange.reusable
            if starts and reusable and not (exchange.is_head or large):
                self.pool.answers.learn(data, exchange.status, exchange.headers, b"".join(exchange._chunks))
            self.end(reusable=reusable)
        elif not exchange.status:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_MAX:
                self._fail(UpstreamBroken("the head of the answer does not end"))
            return
        exchange.wake()

    def _at_once(self, exchange: Exchange, data: bytes) -> bool:
        """An answer that came whole, with a head that was parsed before, need not be parsed again."""
        known = self.pool.answers.recall(data)
        if known is None:
            return False
        answer, body = known
        exchange.answer, exchange.status, exchange.headers = answer, answer.status, answer.headers
        if body:
            exchange.add(body)
        exchange.complete = exchange.reusable = True
        self.end(reusable=True)
        exchange.wake()
        return True

    def eof_received(self) -> None:
        exchange = self.exchange
        if exchange is not None and self._until_eof:
            exchange.complete = True
            self.end(reusable=False)
            exchange.wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self.resume_writing()
        self._fail(UpstreamBroken("the upstream closed the connection before its answer was whole"))
        self.pool.lost(self)

    def pause_writing(self) -> None:
        self.drained = self.loop.create_future()

    def resume_writing(self) -> None:
        if self.drained is not None:
            self.drained.set_result(None)
            self.drained = None
            if self.exchange is not None:
                self.exchange.flowing()

    # what the parser calls

    def on_message_begin(self) -> None:
        self._fields = []
        if self.exchange is not None and self.exchange.complete:
            self._clean = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        headers, self._fields = self._fields, []  # what is added later are trailers, and dropped
        exchange = self.exchange
        status = self._parser.get_status_code()
        version = self._parser.get_http_version()
        if exchange is None or exchange.complete or (100 <= status < 200 and status != 101):
            return
        if not 200 <= status < 600 or version not in ("1.1", "1.0"):
            raise ValueError(f"HTTP/{version} {status}")
        framed = False
        for name, value in headers:
            if name == b"content-length":
                framed = True
            elif name == b"transfer-encoding":
                framed = True
                if value.lower() != b"chunked" or version == "1.0":
                    raise ValueError("transfer coding")
        exchange.headers = headers
        exchange.reusable = self._parser.should_keep_alive()
        exchange.status = status
        if exchange.is_head:
            exchange.complete = True  # whatever the fields say (RFC 9112, 6.3); the parser cannot be told
            self._parser = httptools.HttpResponseParser(self)
        elif not framed and status not in BODYLESS:
            self._until_eof = True

    def on_body(self, data: bytes) -> None:
        exchange = self.exchange
        if exchange is None or exchange.complete:
            self._clean = False
        elif not exchange.add(data):
            self.pause_reading()

    def on_message_complete(self) -> None:
        if self.exchange is not None and self.exchange.status:
            self.exchange.complete = True

    def _fail(self, error: UpstreamError) -> None:
        exchange = self.exchange
        if exchange is not None:
            exchange.error = error
            self.end(reusable=False)
            exchange.wake()
