"""Real servers for the proxy path: the gateway's own around a bare relay, and upstreams that do as they are told."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import uvicorn
import uvloop

from gateway.config.settings import Limits
from gateway.edge.express import Lane
from gateway.edge.heads import Heads
from gateway.edge.relay import relay
from gateway.edge.server import HttpProtocol, serve_config
from gateway.edge.server_express import ExpressProtocol
from gateway.edge.timeouts import Timeouts
from gateway.edge.upstream import REPEATABLE, Outgoing, Upstream, lines
from gateway.edge.websocket import deny, tunnel
from gateway.edge.wire import Wire
from gateway.edge.worker import Worker
from gateway.errors import ClientGone, UpstreamError, UpstreamTimeout
from gateway.policy.headers import Field, body_length, stripped, to_upstream

Started = tuple[Any, Callable[[], Awaitable[None]]]
Start = Callable[[], Awaitable[Started]]
"""Gives a server that listens, and what else there is to stop."""

IDENTITY = ((b"x-auth-user", b"alice"), (b"x-auth-time", b"1700000000"), (b"x-auth-methods", b"pwd"))


@contextmanager
def on_a_loop(start: Start) -> Iterator[int]:
    """Run a server on an event loop of its own, in a thread; the port it listens on."""
    ready: Future[tuple[int, Callable[[], object]]] = Future()

    async def main() -> None:
        ended, loop = asyncio.Event(), asyncio.get_running_loop()
        server, stop = await start()
        ready.set_result((server.sockets[0].getsockname()[1], lambda: loop.call_soon_threadsafe(ended.set)))
        await ended.wait()
        server.close()
        await stop()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0.01)  # uvloop wants its transports closed before it is

    thread = threading.Thread(target=uvloop.run, args=(main(),), daemon=True)
    thread.start()
    port, end = ready.result(5)
    try:
        yield port
    finally:
        end()
        thread.join(5)
        assert not thread.is_alive()


@dataclass
class Seen:
    """What an upstream was sent: one entry a request, head and body as they came; and on how many connections."""

    port: int = 0
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    aborted: threading.Event = field(default_factory=threading.Event)  # the other side left in the middle

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def fields(self, name: bytes) -> list[bytes]:
        """The values of that lower-case name in the last request."""
        head = self.requests[-1].partition(b"\r\n\r\n")[0]
        pairs = [line.partition(b": ") for line in head.split(b"\r\n")[1:]]
        return [value for key, _, value in pairs if key.lower() == name]


@contextmanager
def scripted(script: Callable[[Seen, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> Iterator[Seen]:
    """An upstream that runs the script for each connection."""
    seen = Seen()

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.connections += 1
        try:
            await script(seen, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            seen.aborted.set()
        finally:
            writer.close()

    async def start() -> Started:
        return await asyncio.start_server(connection, "127.0.0.1", 0), nothing

    with on_a_loop(start) as seen.port:
        yield seen


@contextmanager
def answering(*replies: bytes, close: bool = False) -> Iterator[Seen]:
    """An upstream that reads a whole request and sends the next reply, the last one for ever."""

    async def script(seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            request = await read_request(reader)
            seen.requests.append(request)
            writer.write(replies[min(len(seen.requests), len(replies)) - 1])
            await writer.drain()
            if close:
                return

    with scripted(script) as seen:
        yield seen


async def nothing() -> None:
    """Nothing else to stop."""


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """Head and body as they are on the wire."""
    head = await reader.readuntil(b"\r\n\r\n")
    lower = head.lower()
    if b"\r\ntransfer-encoding: chunked\r\n" in lower:
        return head + await reader.readuntil(b"0\r\n\r\n")
    if b"\r\ncontent-length: " in lower:
        length = int(lower.partition(b"\r\ncontent-length: ")[2].partition(b"\r\n")[0])
        return head + await reader.readexactly(length)
    return head


EXPRESS = False
"""Whether `gateway` has the express lane: tests/edge/conftest.py tells each story with and without."""


async def warm(upstream: Upstream) -> None:
    """One connection that is there already: the lane makes none."""
    loop = asyncio.get_running_loop()
    try:
        _, wire = await loop.create_connection(lambda: Wire(upstream, loop), upstream.host, upstream.port)
    except OSError:
        return
    upstream._wires.add(wire)
    upstream._slots.free -= 1
    upstream.unreserve(wire)
    upstream._sweep_later(loop)


class Lanes:
    """An Express for a bare relay: everything may go by it."""

    def __init__(self, strip: frozenset[bytes], extra: Sequence[Field], app: Any, seen: Gateway) -> None:
        self.under_way = 0
        self.taken = 0
        self.heads: Heads[Any] = Heads()
        self._strip, self._extra, self._app, self._seen = strip, extra, app, seen

    def know(
        self, method: bytes, target: bytes, headers: list[Field], client: Any, now: float, *, keep_alive: bool
    ) -> Any:
        return SimpleNamespace(
            express=self,
            method=method,
            headers=headers,
            gate=SimpleNamespace(upstream=self._seen.upstream),
            length=body_length(tuple(headers)),
            peer=client[0],
            keep_alive=keep_alive,
        )

    def lane(self, known: Any, target: bytes, now: float) -> Lane | None:
        upstream = self._seen.upstream
        assert upstream is not None
        wire = upstream.reserve(sure=known.length != 0 or known.method not in REPEATABLE)
        if wire is None:
            return None
        self.taken += 1
        self._seen.extensions.append({"gateway.target": {"raw": target}})
        host = dict(known.headers).get(b"host", b"")
        fields = to_upstream(
            tuple(known.headers),
            self._strip,
            identity=IDENTITY,
            client=b"192.0.2.1",
            proto=b"https",
            host=host,
            request_id=b"id-1",
        )
        start = b"%b %b HTTP/1.1\r\n%b" % (known.method, target, lines(fields))
        return Lane(known, wire, target, "id-1", now, start, self._extra)

    def failed(self, lane: Lane, error: UpstreamError) -> Any:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            self._seen.failures.append(type(error))
            status = 504 if isinstance(error, UpstreamTimeout) else 502
            await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body", "body": b""})

        return app


@dataclass
class Gateway:
    """What the bare relay did."""

    port: int = 0
    failures: list[type[BaseException]] = field(default_factory=list)
    extensions: list[Any] = field(default_factory=list)
    upstream: Upstream | None = None
    worker: Worker | None = None
    revoke: Callable[[], None] = lambda: None


@contextmanager
def gateway(
    url: str,
    *,
    timeouts: Timeouts = Timeouts(),  # noqa: B008
    extra: Sequence[Field] = (),
    fresh: bool = False,
    max_connections: int = 64,
    limits: Limits = Limits(),  # noqa: B008
) -> Iterator[Gateway]:
    """uvicorn as the gateway configures it, around an app that forwards everything."""
    seen = Gateway()
    strip = stripped(())

    async def app(scope: Any, receive: Any, send: Any) -> None:
        headers = tuple(scope["headers"])
        seen.extensions.append(scope["extensions"])
        target = scope["extensions"]["gateway.target"]["raw"]
        host = dict(headers).get(b"host", b"")
        fields = to_upstream(
            headers, strip, identity=IDENTITY, client=b"192.0.2.1", proto=b"https", host=host, request_id=b"id-1"
        )
        upstream = seen.upstream
        assert upstream is not None
        try:
            if scope["type"] == "websocket":
                await tunnel(
                    scope, receive, send, upstream=upstream, target=target, headers=fields, revoked=revoked.wait
                )
            else:
                outgoing = Outgoing(scope["method"].encode(), target, fields, body_length(headers))
                await relay(upstream, outgoing, receive, send, extra=extra, fresh=fresh)
        except ClientGone as error:
            seen.failures.append(type(error))
        except UpstreamError as error:
            seen.failures.append(type(error))
            status = 504 if isinstance(error, UpstreamTimeout) else 502
            if scope["type"] == "websocket":
                await deny(send, status)
            else:
                await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
                await send({"type": "http.response.body", "body": b""})

    lanes = Lanes(strip, extra, app, seen)
    if EXPRESS and not fresh:
        protocol, bare = ExpressProtocol, app

        class Whole:
            """The app, with the lane beside it."""

            express = lanes

            async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
                await bare(scope, receive, send)

        app = Whole()  # type: ignore[assignment]
    else:
        protocol = HttpProtocol

    async def start() -> Started:
        nonlocal revoked
        loop = asyncio.get_running_loop()
        revoked = asyncio.Event()
        seen.revoke = lambda: loop.call_soon_threadsafe(revoked.set) and None
        seen.upstream = upstream = Upstream(url, timeouts=timeouts, max_connections=max_connections)
        config = uvicorn.Config(app, log_config=None, **(serve_config(protocol) | {"lifespan": "off"}))
        config.load()
        if EXPRESS and not fresh:
            await warm(upstream)
        seen.worker = state = Worker(limits, 30)
        state.default_headers = [(b"date", b"Thu, 01 Jan 2026 00:00:00 GMT")]
        server = await loop.create_server(
            lambda: config.http_protocol_class(config=config, server_state=state, app_state={}), "127.0.0.1", 0
        )

        async def looking() -> None:
            while True:
                await asyncio.sleep(0.05)
                state.look(loop.time())

        looks = loop.create_task(looking())

        async def stop() -> None:
            looks.cancel()
            for connection in list(state.connections):
                connection.transport.abort()  # type: ignore[union-attr]
            upstream.close()

        return server, stop

    revoked = asyncio.Event()
    with on_a_loop(start) as seen.port:
        yield seen


def wait_until(true: Callable[[], object]) -> bool:
    """Within two seconds."""
    deadline = time.monotonic() + 2
    while not true() and time.monotonic() < deadline:
        time.sleep(0.01)
    return bool(true())
