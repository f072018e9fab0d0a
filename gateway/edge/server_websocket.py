"""What the websocket server does differently from uvicorn as it comes."""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import MAX_LINE_LENGTH, MAX_NUM_HEADERS, Request

from gateway.edge import refusals
from gateway.edge.worker import Worker
from gateway.edge.writing import Counted, Outflow

TOO_LARGE = refusals.large_handshake(MAX_LINE_LENGTH, MAX_NUM_HEADERS)
"""What the library refuses without a word; it judges each line by itself."""


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """`scope["extensions"]["gateway.target"]["raw"]` is the request target, as for HTTP."""

    server_state: Worker

    def __init__(self, config: Any, server_state: Worker, app_state: dict[str, Any], _loop: Any = None) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.worker = server_state

    def connection_made(self, transport: Any) -> None:
        self._counted = Counted(transport)
        super().connection_made(self._counted)  # type: ignore[arg-type]
        self.worker.websockets += 1
        self._outflow = Outflow(self.loop.time())

    def connection_lost(self, exc: Exception | None) -> None:
        self.worker.websockets -= 1
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self.handshake_initiated and self.conn.handshake_exc is not None:
            self.transport.write(TOO_LARGE.written(self.default_headers))
            self.transport.close()

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
            self.handshake_complete = True  # refused is answered too: else each refusal is logged as an error

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.response.status_code == 101:
            self.scope["extensions"]["gateway.target"] = {"raw": event.path.encode("ascii")}

    def keepalive_timeout(self) -> None:
        """A pong cannot be seen while nothing is read, because the app is slow."""
        if self.read_paused:
            self.pong_timer = self.loop.call_later(self.ping_timeout or 0, self.keepalive_timeout)
        else:
            super().keepalive_timeout()

    # what the worker calls

    def look(self, now: float) -> None:
        """Does the client take what is sent to it? Whether it lives is asked by pings."""
        if self._outflow.stalled(self.transport, self._counted.written, now) > self.worker.limits.pause:
            self.transport.abort()

    def leave(self, now: float) -> None:
        """It goes on as long as requests may."""

    def cut(self) -> None:
        """1012: the service restarts (RFC 6455, 7.4.2)."""
        self.shutdown()
