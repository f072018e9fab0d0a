"""A websocket from a client to an upstream. Whether it may be opened has been decided before.

The client is accepted only after the upstream's own 101, with the subprotocol it chose (security: a tunnel that opens
on another answer lets later requests escape the decision).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Any, NamedTuple

from websockets.asyncio.client import ClientConnection
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.http11 import Request
from websockets.typing import Subprotocol
from websockets.uri import WebSocketURI

from gateway.edge.server import MESSAGE_MAX
from gateway.edge.upstream import Upstream
from gateway.errors import ClientGone, UpstreamBroken, UpstreamError, UpstreamTimeout, UpstreamUnreachable
from gateway.policy.headers import Field, to_client

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

CLOSE_TIMEOUT = 2.0
"""Seconds to wait for the upstream's half of a closing handshake."""

NO_STATUS, ABNORMAL = 1005, 1006  # never on the wire (RFC 6455, 7.4.1)
NORMAL, GOING_AWAY, NOT_ALLOWED, BAD_GATEWAY = 1000, 1001, 1008, 1014


class Close(NamedTuple):
    """How it ended."""

    code: int
    reason: str = ""
    by_client: bool = False


async def tunnel(
    scope: Any,
    receive: Receive,
    send: Send,
    *,
    upstream: Upstream,
    target: bytes,
    headers: Sequence[Field],
    revoked: Callable[[], Awaitable[object]],
) -> None:
    """Open the upstream's websocket, then the client's, and join them until one closes or `revoked()` returns (1008).

    `headers` are from `to_upstream`. An upstream that refuses is passed on as it is. Raises an UpstreamError while the
    client has not been answered, and ClientGone if it leaves meanwhile.
    """
    await receive()  # websocket.connect
    try:
        far = await _unless_left(receive, _connect(upstream, target, headers, scope["subprotocols"]))
    except InvalidStatus as refusal:
        said = refusal.response
        fields = [field for field in _fields(said.headers.raw_items()) if field[0] != b"content-length"]
        await deny(send, said.status_code, fields, bytes(said.body))
        return
    except UpstreamError as error:
        upstream.failed(error)
        raise
    try:
        fields = _fields(far.response.headers.raw_items()) if far.response else []
        await send({"type": "websocket.accept", "subprotocol": far.subprotocol, "headers": fields})
        end = await _joined(far, receive, send, revoked)
        if not end.by_client:
            await send({"type": "websocket.close", "code": end.code, "reason": end.reason})
        await far.close(end.code, end.reason)
    except OSError:  # the client left in the middle of an answer to it
        await far.close(GOING_AWAY)
    finally:
        far.transport.abort()


async def deny(send: Send, status: int, headers: Iterable[Field] = (), body: bytes = b"") -> None:
    """Answer a handshake with anything but a websocket (ASGI extension `websocket.http.response`)."""
    await send({"type": "websocket.http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "websocket.http.response.body", "body": body})


class _Handshake(ClientProtocol):
    """Asks with the client's own target bytes and Host."""

    def __init__(self, target: bytes, fields: Sequence[Field], **options: Any) -> None:
        super().__init__(**options)
        self._target = target
        self._fields = fields

    def connect(self) -> Request:
        request = super().connect()
        del request.headers["Host"]
        for name, value in self._fields:
            if not name.startswith(b"sec-websocket-"):
                request.headers[name.decode("latin-1")] = value.decode("latin-1")
        return Request(self._target.decode("ascii"), request.headers)


async def _connect(
    upstream: Upstream, target: bytes, headers: Sequence[Field], subprotocols: Sequence[str]
) -> ClientConnection:
    protocol = _Handshake(
        target,
        headers,
        uri=WebSocketURI(upstream.tls is not None, upstream.host, upstream.port, "/", ""),
        subprotocols=[Subprotocol(each) for each in subprotocols] or None,
        max_size=MESSAGE_MAX,
    )
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(upstream.timeouts.connect):
            _, connection = await loop.create_connection(
                lambda: ClientConnection(protocol, close_timeout=CLOSE_TIMEOUT),
                upstream.host,
                upstream.port,
                ssl=upstream.tls,
            )
    except (OSError, TimeoutError) as error:
        raise UpstreamUnreachable(f"no connection to {upstream.host}:{upstream.port}: {error}") from error
    try:
        async with asyncio.timeout(upstream.timeouts.first_byte):
            await connection.handshake(None, None)
    except BaseException as error:
        connection.transport.abort()
        if isinstance(error, TimeoutError):
            raise UpstreamTimeout("the upstream did not answer the handshake in time") from None
        if isinstance(error, InvalidHandshake) and not isinstance(error, InvalidStatus):
            raise UpstreamBroken(f"the upstream broke the handshake: {error}") from error
        raise
    connection.start_keepalive()
    return connection


async def _unless_left(receive: Receive, connecting: Coroutine[None, None, ClientConnection]) -> ClientConnection:
    """The connection. Raises ClientGone if the client does not wait for it: else it would hold one of the app's."""

    async def leaving() -> None:
        await receive()  # before it is answered a client has nothing to say but that it leaves
        raise ClientGone("the client left")

    far: ClientConnection | None = None
    try:
        async with asyncio.TaskGroup() as group:
            left = group.create_task(leaving())
            far = await connecting
            left.cancel()
    except BaseExceptionGroup as failures:
        if far is not None:
            far.transport.abort()
        raise failures.exceptions[0] from None
    return far


async def _joined(
    far: ClientConnection, receive: Receive, send: Send, revoked: Callable[[], Awaitable[object]]
) -> Close:
    async def revocation() -> Close:
        await revoked()
        return Close(NOT_ALLOWED, "the session has ended")

    async with asyncio.TaskGroup() as group:
        directions = [
            group.create_task(_from_client(far, receive)),
            group.create_task(_from_upstream(far, send)),
            group.create_task(revocation()),
        ]
        ended, others = await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
        for task in others:
            task.cancel()
    return ended.pop().result()


async def _from_client(far: ClientConnection, receive: Receive) -> Close:
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            code = {NO_STATUS: NORMAL, ABNORMAL: GOING_AWAY}.get(message["code"], message["code"])
            return Close(code, message.get("reason") or "", by_client=True)
        text = message.get("text")
        try:
            await far.send(message["bytes"] if text is None else text)
        except ConnectionClosed as closed:
            return _closed(closed)


async def _from_upstream(far: ClientConnection, send: Send) -> Close:
    while True:
        try:
            data = await far.recv()
        except ConnectionClosed as closed:
            return _closed(closed)
        kind = "text" if isinstance(data, str) else "bytes"
        await send({"type": "websocket.send", kind: data})


def _closed(closed: ConnectionClosed) -> Close:
    if closed.sent is not None and not closed.rcvd_then_sent:  # we ended it: too large, or against the protocol
        return Close(closed.sent.code, closed.sent.reason)
    if closed.rcvd is None:
        return Close(BAD_GATEWAY, "the upstream is gone")
    return Close(NORMAL if closed.rcvd.code == NO_STATUS else closed.rcvd.code, closed.rcvd.reason)


def _fields(items: Iterable[tuple[str, str]]) -> list[Field]:
    fields = to_client((name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in items)
    return [field for field in fields if not field[0].startswith(b"sec-websocket-")]
