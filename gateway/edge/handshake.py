"""An app is asked for a websocket. Only its own 101 opens one, with all that RFC 6455 asks of it (4.1 and 4.2.2).

The key is ours, not the client's: whoever knew it could have an app that only repeats what it is told say the proof.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import httptools

from gateway.edge.upstream import Outgoing, Upstream, serialize
from gateway.edge.wire import HEAD_MAX
from gateway.errors import UpstreamBroken, UpstreamTimeout, UpstreamUnreachable
from gateway.policy.headers import Field, fold

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
REFUSAL_MAX = 1 << 20
"""Bytes of what an app says in place of a websocket."""

NEGOTIATED = frozenset({b"sec-websocket-protocol", b"sec-websocket-extensions"})
"""Between the client and the app; all else of the handshake is ours, on either side."""


class Opened(NamedTuple):
    """A connection on which the app speaks websocket. It is not read from until somebody says so."""

    transport: asyncio.Transport
    headers: Sequence[Field]
    early: bytes  # what came right behind the 101
    full: bool  # it has not taken the request yet


class Answered(NamedTuple):
    """Any other answer, whole."""

    status: int
    headers: Sequence[Field]
    body: bytes


def proof(key: bytes) -> bytes:
    """What answers a key."""
    return base64.b64encode(hashlib.sha1(key + GUID, usedforsecurity=False).digest())


def negotiated(headers: Iterable[Field]) -> list[Field]:
    """Without what only one of the two connections is meant to see, however it is spelled."""
    return [field for field in headers if field[0] in NEGOTIATED or not fold(field[0]).startswith(b"sec-websocket-")]


async def ask(upstream: Upstream, target: bytes, headers: Sequence[Field]) -> Opened | Answered:
    """`headers` are from `to_upstream`. Raises an UpstreamError."""
    key = base64.b64encode(os.urandom(16))
    fields = [
        *negotiated(headers),
        (b"connection", b"Upgrade"),
        (b"upgrade", b"websocket"),
        (b"sec-websocket-version", b"13"),
        (b"sec-websocket-key", key),
    ]
    request = serialize(Outgoing(b"GET", target, fields))
    offered = frozenset(_listed(headers, b"sec-websocket-protocol"))
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(upstream.timeouts.connect):
            transport, asking = await loop.create_connection(
                lambda: _Asking(loop, proof(key), offered), upstream.host, upstream.port, ssl=upstream.tls
            )
    except (OSError, TimeoutError) as error:
        raise UpstreamUnreachable(f"no connection to {upstream.host}:{upstream.port}: {error}") from error
    try:
        transport.write(request)
        async with asyncio.timeout(upstream.timeouts.first_byte):
            answer = await asking.answer
            if isinstance(answer, UpstreamBroken):
                raise answer
    except TimeoutError:
        transport.abort()
        raise UpstreamTimeout("the upstream did not answer the handshake in time") from None
    except BaseException:
        transport.abort()
        raise
    if isinstance(answer, Answered):
        transport.abort()
    return answer


class _Asking(asyncio.Protocol):
    """The connection until it is answered."""

    def __init__(self, loop: asyncio.AbstractEventLoop, proof: bytes, offered: frozenset[bytes]) -> None:
        self.answer: asyncio.Future[Opened | Answered | UpstreamBroken] = loop.create_future()
        self._proof = proof
        self._offered = offered
        self._parser = httptools.HttpResponseParser(self)
        self._status = 0
        self._fields: list[Field] = []
        self._headers: list[Field] = []
        self._body = bytearray()
        self._size = 0  # of all that came
        self._full = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        if self.answer.done():  # reading was stopped, or it has nothing more to say
            self._transport.abort()
            return
        self._size += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._status == 101:
                self._transport.pause_reading()
                early = data[upgrade.args[0] :]
                self._done(Opened(self._transport, self._headers, early, self._full))
            else:
                self._fail("the answer is not HTTP")
        except httptools.HttpParserError as error:
            self._fail(f"the upstream broke the handshake: {error.__context__ or error}")
        else:
            if self._status == 101:
                self._fail("the answer is no upgrade")
            elif not self._status and self._size > HEAD_MAX:
                self._fail("the head of the answer does not end")

    def eof_received(self) -> None:
        if self._status and not self._framed:
            self._done(Answered(self._status, self._headers, bytes(self._body)))

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail("the upstream closed the connection before its answer was whole")

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False

    # what the parser calls

    def on_message_begin(self) -> None:
        self._fields = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if 100 <= status < 200 and status != 101:
            return
        if status == 101:
            check(self._parser.get_http_version(), self._fields, self._proof, self._offered)
        elif not 200 <= status < 600:
            raise ValueError(f"status {status}")
        self._status, self._headers, self._fields = status, self._fields, []

    @property
    def _framed(self) -> bool:
        return any(name in (b"content-length", b"transfer-encoding") for name, _ in self._headers)

    def on_body(self, data: bytes) -> None:
        self._body += data
        if len(self._body) > REFUSAL_MAX:
            raise ValueError("a refusal that is too long")

    def on_message_complete(self) -> None:
        if self._status >= 200:
            self._done(Answered(self._status, self._headers, bytes(self._body)))

    def _done(self, answer: Opened | Answered | UpstreamBroken) -> None:
        if not self.answer.done():
            self.answer.set_result(answer)

    def _fail(self, why: str) -> None:
        self._done(UpstreamBroken(why))


def check(version: str, headers: Sequence[Field], proof: bytes, offered: frozenset[bytes]) -> None:
    """Raises ValueError for a 101 that does not open this very websocket."""
    values = {name: [value for key, value in headers if key == name] for name, _ in headers}
    chosen = values.get(b"sec-websocket-protocol", [])
    if version != "1.1":
        raise ValueError("another version of HTTP")
    if [value.lower() for value in values.get(b"upgrade", [])] != [b"websocket"]:
        raise ValueError("another protocol")
    if b"upgrade" not in (token.lower() for token in _listed(headers, b"connection")):
        raise ValueError("the connection goes on as it was")
    if values.get(b"sec-websocket-accept") != [proof]:
        raise ValueError("it proves nothing")
    if chosen and (len(chosen) > 1 or chosen[0] not in offered):
        raise ValueError("a subprotocol that was not offered")
    if b"content-length" in values or b"transfer-encoding" in values:
        raise ValueError("a length of what has no end")


def _listed(headers: Iterable[Field], name: bytes) -> list[bytes]:
    """The members of all fields of that name."""
    return [each.strip(b" \t") for key, value in headers if key == name for each in value.split(b",")]
