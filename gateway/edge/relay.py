"""A request from ASGI to an upstream, and its answer back: streamed both ways, at the pace of the slower side."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from time import perf_counter
from typing import Any, Protocol

from gateway.edge.exchange import BODYLESS, Exchange
from gateway.edge.upstream import Outgoing, Upstream, chunk
from gateway.errors import ClientGone, UpstreamError
from gateway.policy.headers import Field, to_client

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Watch(Protocol):
    """Somebody who has to see an answer before the client does."""

    peek: int  # bytes of its body that are needed for that, at most; 0: none

    async def answered(self, status: int, headers: Sequence[Field], body: bytes) -> Sequence[Field]:
        """Fields to add to it."""
        ...


class Rewriting(Protocol):
    """An answer whose body is changed on its way."""

    headers: list[Field]

    def feed(self, data: bytes, last: bool) -> bytes:
        """What can go on now."""
        ...


Rewrite = Callable[[int, list[Field]], Rewriting | None]


async def relay(
    upstream: Upstream,
    request: Outgoing,
    receive: Receive,
    send: Send,
    *,
    extra: Sequence[Field] = (),
    fresh: bool = False,
    watch: Watch | None = None,
    rewrite: Rewrite | None = None,
) -> int:
    """Send the request, stream the answer back; the answer's status.

    `extra` fields are added to the answer; a Cache-Control among them replaces the app's own. `fresh`: on a connection
    of its own, sent at most once. Raises ClientGone or an UpstreamError while nothing has been answered yet. When the
    answer breaks off later it returns without completing it, and the server closes the connection on it.
    """
    more = False
    if request.rest != 0:
        request, more = await _with_first_piece(request, receive)
    try:
        exchange = await upstream.open(request, fresh=fresh)
    except UpstreamError as error:
        upstream.failed(error)
        raise
    exchange.sent_at = perf_counter()
    request = request._replace(body=b"")  # it has left
    started = False
    client: asyncio.Task[None] | None = None
    try:
        async with asyncio.TaskGroup() as group:

            def attend() -> None:
                nonlocal client
                client = group.create_task(_client(exchange, request.rest, more, receive))

            if more:
                attend()
            else:
                exchange.slow = attend
            await exchange.head()
            if exchange.sent:
                upstream.timed("head", perf_counter() - exchange.sent_at, True)
            early = b""
            if watch is not None:
                early = await _beginning(exchange, watch.peek)
                extra = (*extra, *await watch.answered(exchange.status, exchange.headers, early))
            rewriting = None if rewrite is None else rewrite(exchange.status, list(exchange.headers))
            started = True
            await send(_start(exchange, extra, rewriting))
            await _body(exchange, send, early, rewriting)
            exchange.slow = None
            if client is not None:
                client.cancel()
    except BaseExceptionGroup as failures:
        for failure in failures.exceptions:
            if isinstance(failure, UpstreamError):
                upstream.failed(failure)
        if not started:
            raise failures.exceptions[0] from None
    finally:
        exchange.close()
    return exchange.status


async def _beginning(exchange: Exchange, most: int) -> bytes:
    """The first bytes of the body, all of it if it is not longer than `most`."""
    read = b""
    while len(read) < most and not exchange.complete:
        read += await exchange.read()
    return read


async def _body(exchange: Exchange, send: Send, early: bytes, rewriting: Rewriting | None) -> None:
    more = True
    while more:
        data = early or await exchange.read()
        early, more = b"", not exchange.complete
        if rewriting is not None:
            data = rewriting.feed(data, not more)
        if data or not more:
            await send({"type": "http.response.body", "body": data, "more_body": more})


def _start(exchange: Exchange, extra: Sequence[Field], rewriting: Rewriting | None) -> Message:
    said = exchange.headers if rewriting is None else rewriting.headers
    return {
        "type": "http.response.start",
        "status": exchange.status,
        "headers": answer_fields(exchange.status, said, extra),
    }


def answer_fields(status: int, said: Sequence[Field], extra: Sequence[Field]) -> list[Field]:
    """What a client gets of the fields of an answer, and `extra`."""
    headers = to_client(said)
    if status in BODYLESS:  # a length there is of a body that does not follow; servers stumble over it
        headers = [field for field in headers if field[0] != b"content-length"]
    if extra:
        if any(name == b"cache-control" for name, _ in extra):
            headers = [field for field in headers if field[0] != b"cache-control"]
        headers += extra
    return headers


async def _with_first_piece(request: Outgoing, receive: Receive) -> tuple[Outgoing, bool]:
    """What has come of the body goes out together with the head; if that is all of it, its length is known."""
    data, more = await _piece(receive)
    rest = None if request.rest is None else request.rest - len(data)
    if not more:
        if rest:
            raise ClientGone("the body is shorter than its Content-Length")
        rest = 0
    return request._replace(body=request.body + data, rest=rest), more


async def _client(exchange: Exchange, rest: int | None, more: bool, receive: Receive) -> None:
    """Pass on the rest of the body, then watch for the client to leave. Ends by ClientGone or by being cancelled."""
    data = b""
    while more:
        del data  # it has left, and the next piece may take its time
        data, more = await _piece(receive)
        if rest is None:
            await exchange.write(chunk(data) + (b"" if more else b"0\r\n\r\n"), last=not more)
        else:
            rest -= len(data)
            if rest < 0 or (rest and not more):
                raise ClientGone("the body is not as long as its Content-Length")
            await exchange.write(data, last=not more)
    while True:
        await _piece(receive)


async def _piece(receive: Receive) -> tuple[bytes, bool]:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGone("the client left")
    return message.get("body", b""), message.get("more_body", False)
