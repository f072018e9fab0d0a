"""What the HTTP server does differently from uvicorn as it comes.

It hands over the request target as it was received, keeps trailers out of the headers, and refuses what only the
parser can see: HTTP/0.9, endless heads, bodies of requests that ask for another protocol.
"""

from __future__ import annotations

import sys
from collections.abc import Collection
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

HEAD_MAX = 64 << 10
"""Bytes of request line and fields that a client may take more than one packet for."""

MESSAGE_MAX = 16 << 20
"""Bytes of one websocket message, either way."""

FRAMING = frozenset({b"content-length", b"transfer-encoding"})

TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\ncache-control: no-store\r\n"
    b"connection: close\r\n\r\n"
)


class HttpProtocol(HttpToolsProtocol):
    """`scope["extensions"]["gateway.target"]["raw"]` is the request target, byte for byte."""

    _head_bytes: int | None = None  # of a head that has begun and not ended
    _open: ClassVar[Collection[object]] = ()  # the server's own, known from the first connection on

    @classmethod
    def count(cls) -> int:
        """Connections of clients, websockets among them."""
        return len(cls._open)

    def connection_made(self, transport: Any) -> None:
        HttpProtocol._open = self.connections
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._head_bytes is not None:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_MAX and not self.transport.is_closing():
                self.transport.write(TOO_LARGE)
                self.transport.close()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_bytes = 0

    def on_headers_complete(self) -> None:
        self._head_bytes = None
        version = self.parser.get_http_version()
        if version not in ("1.0", "1.1"):
            raise ValueError("unknown HTTP version")
        upgrade = self.parser.should_upgrade()
        if upgrade and (version == "1.0" or any(name in FRAMING for name, _ in self.headers)):
            raise ValueError("the parser would take a body for the other protocol, uvicorn HTTP/1.0 for 1.1")
        self.scope["extensions"] = {"gateway.target": {"raw": self.url}}
        super().on_headers_complete()
        if not upgrade:
            self.headers = []  # the scope has its own; what comes now are trailers, and dropped (RFC 9110, 6.5.1)

    def _unsupported_upgrade_warning(self) -> None:
        """The request is served as if it had not asked (RFC 9110, 7.8), and is the last: the parser lost its place."""
        self.cycle.keep_alive = False

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        if cycle.scope["http_version"] == "1.0":
            app = _Unchunked(app, cycle)
        cycle.transport = _Corked(cycle.transport, self.loop)  # type: ignore[assignment]
        super()._start_asgi_task(cycle, app)


class _Corked:
    """Holds the head of an answer for its first piece of body, so that both leave in one write.

    Never longer than this turn of the loop: an answer whose body takes its time shows its head at once.
    """

    __slots__ = ("_head", "_loop", "_transport", "is_closing")

    def __init__(self, transport: Any, loop: Any) -> None:
        self._transport = transport
        self._loop = loop
        self._head: bytes | None = None
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        if self._head is None:
            self._head = data
            self._loop.call_soon(self._flush)
        elif self._head:
            head, self._head = self._head, b""
            self._transport.write(head + data)
        else:
            self._transport.write(data)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._head:
            head, self._head = self._head, b""
            self._transport.write(head)


class _Unchunked:
    """An HTTP/1.0 client is never sent chunks; where no length is known, the end of the connection ends the body."""

    def __init__(self, app: Any, cycle: RequestResponseCycle) -> None:
        self._app = app
        self._cycle = cycle

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        cycle, endless = self._cycle, False

        async def unchunked(message: Any) -> None:
            nonlocal endless
            if message["type"] == "http.response.start":
                endless = all(name != b"content-length" for name, _ in message.get("headers", ()))
                if endless:
                    cycle.chunked_encoding = False
                    cycle.expected_content_length = sys.maxsize
            elif endless and not message.get("more_body", False):
                cycle.expected_content_length = len(message.get("body", b""))
            await send(message)

        await self._app(scope, receive, unchunked)


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """The same extension for websockets."""

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self.handshake_initiated and self.conn.handshake_exc is not None:
            self.transport.close()

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
            self.handshake_complete = True  # refused is answered too: else each refusal is logged as an error

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.response.status_code == 101:
            self.scope["extensions"]["gateway.target"] = {"raw": event.path.encode("ascii")}


def serve_config() -> dict[str, Any]:
    """Keyword arguments for `uvicorn.Config`."""
    return {
        "http": HttpProtocol,
        "ws": WebSocketProtocol,
        "loop": "uvloop",
        "lifespan": "on",
        "proxy_headers": False,  # whom to believe is decided by the gateway
        "server_header": False,
        "access_log": False,
        "ws_max_size": MESSAGE_MAX,
        "ws_per_message_deflate": False,
        "timeout_keep_alive": 75,
        "timeout_graceful_shutdown": 30,
    }
