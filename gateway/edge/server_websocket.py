"""A client that asks for a websocket: its handshake is checked, put to the app, and refused or joined to a tunnel."""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from gateway.edge import refusals
from gateway.edge.handshake import Opened, negotiated, proof
from gateway.edge.refusals import Refusal
from gateway.edge.tunnel import LINGER, RESTARTS, End, Tunnel
from gateway.edge.worker import Worker
from gateway.edge.writing import Outflow
from gateway.errors import ClientGone, UpstreamBroken
from gateway.policy.headers import Field


class WebSocketProtocol(asyncio.Protocol):
    """One client, from the head of its handshake on.

    `scope` is that of the request, as HTTP; `full`: the client has not taken all of the answers before. The app has
    `scope["extensions"]["gateway.tunnel"]["join"]` in place of the messages that accept, send and receive.
    """

    def __init__(
        self, app: Any, worker: Worker, scope: dict[str, Any], transport: asyncio.Transport, *, full: bool
    ) -> None:
        self.transport = transport
        self.worker = worker
        self._app = app
        self._loop = asyncio.get_running_loop()
        self._headers: list[Field] = list(scope["headers"])
        self._scope = _websocket(scope) | {
            "extensions": {**scope["extensions"], "websocket.http.response": {}, "gateway.tunnel": {"join": self.join}}
        }
        self._full = full
        self._connected = False  # the app knows
        self._left = asyncio.Event()
        self._start: Any = None  # of the answer in place of a websocket
        self._body = b""
        self._answered = False
        self._refused: float | None = None  # since when
        self._outflow = Outflow(self._loop.time())
        self._written = transport.get_write_buffer_size()  # and what is said in place of a websocket
        self._tunnel: Tunnel | None = None
        worker.connections.add(self)  # type: ignore[arg-type]
        worker.websockets += 1

    def begin(self, early: bytes) -> None:
        """`early` is what came right behind the head."""
        wrong = refusals.EARLY if early else check(self._scope["method"], self._headers)
        if wrong is not None:
            self._refuse(wrong)
            return
        task = self._loop.create_task(self._run())
        task.add_done_callback(self.worker.tasks.discard)
        self.worker.tasks.add(task)

    def join(self, app: Opened, *, patience: float) -> Tunnel:
        """Accept, and join the two. Raises ClientGone, and UpstreamBroken if the app is gone already."""
        if self._answered or self.transport.is_closing():
            raise ClientGone("the client left")
        if app.transport.is_closing():
            raise UpstreamBroken("the upstream closed a websocket at once")
        self._answered = True
        (key,) = _values(self._headers, b"sec-websocket-key")
        fields = [
            *self.worker.default_headers,
            *negotiated(app.headers),
            (b"connection", b"Upgrade"),
            (b"upgrade", b"websocket"),
            (b"sec-websocket-accept", proof(key)),
        ]
        self.transport.write(_head(101, fields) + app.early)
        near = End(self.transport, is_app=False, full=self._full, then=self._gone)
        far = End(app.transport, is_app=True, full=app.full)
        far.frames.feed(app.early)
        self._tunnel = Tunnel(near, far, patience=patience)
        return self._tunnel

    # what the app calls

    async def _receive(self) -> Any:
        if self._connected:
            await self._left.wait()
            return {"type": "websocket.disconnect", "code": 1006}
        self._connected = True
        return {"type": "websocket.connect"}

    async def _send(self, message: Any) -> None:
        """An answer in place of a websocket, written when it is whole; it is the last on its connection."""
        if message["type"] == "websocket.http.response.start":
            self._start = message
        elif message["type"] == "websocket.http.response.body" and self._start is not None:
            self._body += message.get("body", b"")
            if not message.get("more_body", False) and not self._answered:
                self._answered = True
                fields = [*self.worker.default_headers, *self._start["headers"]]
                fields += [(b"content-length", b"%d" % len(self._body)), (b"connection", b"close")]
                self._say(_head(self._start["status"], fields) + self._body)
                self.transport.close()
        else:
            raise RuntimeError(f"a websocket is opened by gateway.tunnel, not by {message['type']}")

    async def _run(self) -> None:
        try:
            await self._app(self._scope, self._receive, self._send)
        except Exception as error:
            logging.getLogger("uvicorn.error").error("Exception in ASGI application\n", exc_info=error)
            self._refuse(refusals.FAILED)
        finally:
            if not self._answered:
                self.transport.close()

    def _refuse(self, refusal: Refusal) -> None:
        """Unless it is answered already; then it has to listen."""
        if not self._answered:
            self._answered = True
            self._refused = self._loop.time()
            self._left.set()
            self._say(refusal.written(self.worker.default_headers))
            self.transport.write_eof()

    def _say(self, answer: bytes) -> None:
        self._written += len(answer)
        self.transport.write(answer)

    # what the transport calls, until it is joined

    def data_received(self, data: bytes) -> None:
        self._refuse(refusals.EARLY)

    def connection_lost(self, exc: Exception | None) -> None:
        self._answered = True
        self._left.set()
        self._gone()

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False

    def _gone(self) -> None:
        self.worker.websockets -= 1
        self.worker.connections.discard(self)

    # what the worker calls

    def look(self, now: float) -> None:
        if self._tunnel is not None:
            self._tunnel.look(now, self.worker.limits.pause)
        elif self._outflow.stalled(self.transport, self._written, now) > self.worker.limits.pause:
            self.transport.abort()
        elif self._refused is not None and now - self._refused > LINGER:
            self.transport.abort()

    def leave(self, now: float) -> None:
        """It goes on as long as requests may."""

    def cut(self) -> None:
        """1012: the service restarts (RFC 6455, 7.4.2)."""
        if self._tunnel is not None:
            self._tunnel.part(RESTARTS, "")
        else:
            self.transport.abort()


def check(method: str, headers: list[Field]) -> Refusal | None:
    """What is wrong with a handshake (RFC 6455, 4.2.1)."""
    if method != "GET":
        return refusals.HANDSHAKE
    if _values(headers, b"sec-websocket-version") != [b"13"]:
        return refusals.VERSION
    keys = _values(headers, b"sec-websocket-key")
    try:
        good = len(keys) == 1 and len(base64.b64decode(keys[0], validate=True)) == 16
    except binascii.Error:
        good = False
    return None if good else refusals.HANDSHAKE


def _websocket(scope: dict[str, Any]) -> dict[str, Any]:
    """The scope of a handshake."""
    raw_path, _, query = scope["extensions"]["gateway.target"]["raw"].partition(b"?")
    protocols = b",".join(_values(scope["headers"], b"sec-websocket-protocol")).decode("latin-1")
    return scope | {
        "type": "websocket",
        "scheme": "wss" if scope["scheme"] == "https" else "ws",
        "path": unquote(raw_path.decode("latin-1")),
        "raw_path": raw_path,
        "query_string": query,
        "subprotocols": [each.strip() for each in protocols.split(",") if each.strip()],
    }


def _values(headers: list[Field], name: bytes) -> list[bytes]:
    return [value for key, value in headers if key == name]


def _head(status: int, fields: list[Field]) -> bytes:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    return b"\r\n".join([f"HTTP/1.1 {status} {phrase}".encode(), *map(b": ".join, fields), b"", b""])
