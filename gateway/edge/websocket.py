"""A websocket from a client to an upstream. Whether it may be opened has been decided before.

The client is accepted only after the upstream's own 101, with the subprotocol it chose (security: a tunnel that opens
on another answer lets later requests escape the decision). From then on bytes pass as they are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Any

from gateway.edge.handshake import Answered, Opened, ask
from gateway.edge.tunnel import Tunnel
from gateway.edge.upstream import Upstream
from gateway.errors import ClientGone, UpstreamError
from gateway.policy.headers import Field, to_client

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


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
    join: Callable[..., Tunnel] = scope["extensions"]["gateway.tunnel"]["join"]
    await receive()  # websocket.connect
    try:
        answer = await _unless_left(receive, ask(upstream, target, headers))
    except UpstreamError as error:
        upstream.failed(error)
        raise
    fields = to_client(answer.headers)
    if isinstance(answer, Answered):
        await deny(send, answer.status, [field for field in fields if field[0] != b"content-length"], answer.body)
        return
    try:
        joined = join(answer._replace(headers=fields), patience=upstream.timeouts.between)
    except BaseException:
        answer.transport.abort()
        raise
    await joined.run(revoked)


async def deny(send: Send, status: int, headers: Iterable[Field] = (), body: bytes = b"") -> None:
    """Answer a handshake with anything but a websocket (ASGI extension `websocket.http.response`)."""
    await send({"type": "websocket.http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "websocket.http.response.body", "body": body})


async def _unless_left(receive: Receive, asking: Coroutine[None, None, Opened | Answered]) -> Opened | Answered:
    """The answer. Raises ClientGone if the client does not wait for it: else it would hold one of the app's."""

    async def leaving() -> None:
        await receive()  # before it is answered a client has nothing to say but that it leaves
        raise ClientGone("the client left")

    answer: Opened | Answered | None = None
    try:
        async with asyncio.TaskGroup() as group:
            left = group.create_task(leaving())
            answer = await asking
            left.cancel()
    except BaseExceptionGroup as failures:
        if isinstance(answer, Opened):
            answer.transport.abort()
        raise failures.exceptions[0] from None
    return answer
