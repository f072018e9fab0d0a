"""What the HTTP server does differently from uvicorn as it comes.

It hands over the request target as it was received, keeps trailers out of the headers, and refuses what only the
parser can see: HTTP/0.9, endless heads, bodies of requests that ask for another protocol. It knows how long a client
may take, and answers a request whose turn has come before it closes on a later one.
"""

from __future__ import annotations

import asyncio
import fcntl
import struct
import termios
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from gateway.edge import refusals
from gateway.edge.refusals import Refusal, Refused
from gateway.edge.server_websocket import WebSocketProtocol
from gateway.edge.worker import Worker
from gateway.edge.writing import Corked, Outflow, Unchunked

SPARE = 256
"""Connections beyond the limit that may say what they want before they are refused; all others are at once."""

LINGER = 2.0
"""Seconds in which a client that was refused can read why: to close on what it still sends would take that from it."""

LULL = 1.0
"""Seconds that a kept connection has been idle before it is closed at the end: a proxy may just be using it again."""

FRAMING = frozenset({b"content-length", b"transfer-encoding"})


class HttpProtocol(HttpToolsProtocol):
    """`scope["extensions"]["gateway.target"]["raw"]` is the request target, byte for byte.

    A connection is in one of these states, and in each somebody else is waited for: a head has begun, a body is read,
    an answer is under way, a refusal was said, or nothing is asked.
    """

    __slots__ = (
        *("_asks", "_head_bytes", "_heard", "_outflow", "_piece", "_reading", "_refusal", "_refused", "_running"),
        *("_since", "_taken", "written"),
    )
    server_state: Worker

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.written = 0  # bytes, ever
        self._piece = 0  # bytes of the last piece that came
        self._asks = False  # a head has begun and not ended
        self._head_bytes = 0  # of it, without the piece that it began in
        self._reading = False  # the body of the newest request is not whole
        self._running: RequestResponseCycle | None = None  # the one that is answered now, or was last
        self._taken: Any = None  # what is known of the newest request, where somebody has looked before the app
        self._refusal: Refusal | None = None  # what is said when the answers before it are
        self._refused: float | None = None  # since when it is said

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        now = self.loop.time()
        self._outflow = Outflow(now)
        self._since = self._heard = now  # when its state began; when the client last moved, or could not
        excess = len(self.connections) - self.server_state.limits.connections
        if excess > 0:
            self._refusal = refusals.many_connections(self.server_state.limits)
        if excess > SPARE:
            self._say()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._running is not None and not self._running.response_complete:  # uvicorn tells only the newest
            self._running.disconnected = True
            self._running.message_event.set()
        super().connection_lost(exc)

    # what the transport and the parser call

    def data_received(self, data: bytes) -> None:
        if self._refusal is not None:
            self._say()
            return
        self._heard = self.loop.time()
        self._piece = len(data)
        newest, inside = self.cycle, self._reading
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError as error:
            cause = error.__context__
            self._refuse(cause.refusal if isinstance(cause, Refused) else refusals.MALFORMED)
        except httptools.HttpParserUpgrade as upgrade:
            if self._should_upgrade():
                self._hand_over(data[upgrade.args[0] :])
            else:
                self._unsupported_upgrade_warning()
        if self._asks and self.cycle is newest and not inside:  # nothing else was in this piece
            self._head_bytes += len(data)
            limits = self.server_state.limits
            if self._head_bytes > limits.head and self._refusal is None:
                short = self.headers or len(self.url) <= limits.target
                self._refuse(refusals.large_head(limits) if short else refusals.long_target(limits))

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._asks, self._head_bytes, self._since = True, 0, self._heard

    def on_headers_complete(self) -> None:
        self._asks = False
        version = self.parser.get_http_version()
        if version not in ("1.0", "1.1"):
            raise ValueError("unknown HTTP version")
        self._measure()
        upgrade = self.parser.should_upgrade()
        if upgrade:
            self._check_upgrade(version)
        self.scope["extensions"] = {"gateway.target": {"raw": self.url}}
        if self._taken is not None:
            self.scope["extensions"]["gateway.taken"] = self._taken
        super().on_headers_complete()
        if upgrade and self._should_upgrade():
            return
        self._reading = True
        if self.server_state.draining:
            self.cycle.keep_alive = False
        if not upgrade:
            self.headers = []  # the scope has its own; what comes now are trailers, and dropped (RFC 9110, 6.5.1)

    def on_message_complete(self) -> None:
        self._reading = False
        super().on_message_complete()

    def _measure(self) -> None:
        limits = self.server_state.limits
        if len(self.url) > limits.target:
            raise Refused(refusals.long_target(limits))
        if len(self.headers) > limits.fields:
            raise Refused(refusals.many_fields(limits))
        if self._head_bytes + self._piece > limits.head and self._head_size() > limits.head:
            raise Refused(refusals.large_head(limits))

    def _head_size(self) -> int:
        """Bytes, about."""
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _check_upgrade(self, version: str) -> None:
        if version == "1.0" or any(name in FRAMING for name, _ in self.headers):
            raise ValueError("the parser would take a body for the other protocol, uvicorn HTTP/1.0 for 1.1")
        if not self._should_upgrade():
            return
        if self._unfinished:
            raise ValueError("the answer to the request before it would go into the websocket")
        if self.server_state.websockets >= self.server_state.limits.websockets:
            raise Refused(refusals.many_websockets(self.server_state.limits))

    def _hand_over(self, early: bytes) -> None:
        """From here on the connection is a websocket's, or refused."""
        self.connections.discard(self)
        full = self.flow.write_paused
        websocket = WebSocketProtocol(self.app, self.server_state, dict(self.scope), self.transport, full=full)
        self.transport.set_protocol(websocket)
        websocket.begin(early)

    def _unsupported_upgrade_warning(self) -> None:
        """The request is served as if it had not asked (RFC 9110, 7.8), and is the last: the parser lost its place."""
        self.cycle.keep_alive = False

    # answers

    @property
    def _unfinished(self) -> bool:
        return self._running is not None and not self._running.response_complete

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        if cycle.scope["http_version"] == "1.0":
            app = Unchunked(app, cycle)
        cycle.transport = Corked(cycle.transport, self.loop, self)  # type: ignore[assignment]
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """In place of uvicorn's, which sets a timer for each request, and forgets it at the first byte of anything."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self._since = self._heard = self.loop.time()  # whatever has begun meanwhile was not waited for
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self._refusal is not None:
            self._say()

    def _refuse(self, refusal: Refusal) -> None:
        """Hear no more of this client, and tell it so once the requests before are answered."""
        self._refusal = refusal
        if self._reading and self.pipeline and self.pipeline[0][0] is self.cycle:
            self.pipeline.popleft()
        elif self._reading:
            self._reading = False
            if self.cycle.response_started:  # no word can follow now; what was answered whole still arrives
                (self.transport.close if self.cycle.response_complete else self.transport.abort)()
                return
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            self._running = None
        self._say()

    def _say(self) -> None:
        if self._refusal is None or self._refused is not None or self._unfinished:
            return
        self._refused = self.loop.time()
        self.transport.write(self._refusal.written(self.server_state.default_headers))
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()

    # what the worker calls

    def look(self, now: float) -> None:
        """Is anything late that the client owes us? While it waits for us, its time stands still."""
        limits = self.server_state.limits
        if self._outflow.stalled(self.transport, self.written, now) > limits.pause:
            self.transport.abort()
        elif self.transport.is_closing():
            return
        elif self._refused is not None:
            if now - self._refused > LINGER:
                self.transport.abort()
        elif self._reading:
            if self.flow.read_paused or (self.cycle.waiting_for_100_continue and not self.cycle.response_complete):
                self._heard = now
            elif now - self._heard > limits.pause:
                self._refuse(refusals.slow_body(limits))
        elif self._unfinished:
            return
        elif self._asks:
            if now - self._since > limits.head_within:
                self._refuse(refusals.slow_head(limits))
        elif now - self._since > (limits.head_within if self.scope is None else self.timeout_keep_alive):
            self.transport.close()

    def leave(self, now: float) -> None:
        """The answer under way is the last. What is idle is closed, unless a request is about to be read from it."""
        if self._unfinished:
            if not self.cycle.response_started:
                self.cycle.keep_alive = False
        elif not self._asks and self._refusal is None and not self.transport.is_closing():
            if now - self._since > LULL and not _unread(self.transport):
                self.transport.close()

    def cut(self) -> None:
        self.transport.abort()


def _unread(transport: asyncio.Transport) -> int:
    """Bytes that have arrived and were not read yet."""
    found = fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.FIONREAD, bytes(4))
    return int(struct.unpack("i", found)[0])


def serve_config(http: type[HttpProtocol] = HttpProtocol) -> dict[str, Any]:
    """Keyword arguments for `uvicorn.Config`."""
    return {
        "http": http,
        "ws": WebSocketProtocol,  # made above, and never by uvicorn
        "loop": "uvloop",
        "lifespan": "on",
        "proxy_headers": False,  # whom to believe is decided by the gateway
        "server_header": False,
        "access_log": False,
        "timeout_keep_alive": 75,
    }
