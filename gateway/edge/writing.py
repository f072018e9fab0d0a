"""How an answer is written to a client: in few pieces, and counted."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, Protocol

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from gateway.policy.headers import Field


def head(status: int, said: Sequence[Field], fields: Sequence[Field], *, keep_alive: bool, chunked: bool) -> bytes:
    """Of an answer, as uvicorn writes it. `said` are the fields that stand in each."""
    written = [STATUS_LINE[status], *[b"%b: %b\r\n" % field for field in (*said, *fields)]]
    if not keep_alive:
        written.append(b"connection: close\r\n")
    if chunked:
        written.append(b"transfer-encoding: chunked\r\n")
    written.append(b"\r\n")
    return b"".join(written)


class Counting(Protocol):
    """Whose bytes they are."""

    written: int


class Outflow:
    """Whether a client takes what is written to it. Whoever writes counts in `written`."""

    __slots__ = ("_left", "_since")

    def __init__(self, now: float) -> None:
        self._left = 0  # bytes that had left at the last look
        self._since = now

    def stalled(self, transport: Any, written: int, now: float) -> float:
        """For how many seconds not a byte has left, though there are some; 0.0 while there are none."""
        waiting = transport.get_write_buffer_size()
        left = written - waiting
        if not waiting or left > self._left:
            self._left, self._since = left, now
        return now - self._since


class Corked:
    """Holds the head of an answer for its first piece of body, so that both leave in one write.

    Never longer than this turn of the loop: an answer whose body takes its time shows its head at once.
    """

    __slots__ = ("_head", "_loop", "_owner", "_transport", "is_closing")

    def __init__(self, transport: Any, loop: Any, owner: Counting) -> None:
        self._owner = owner
        self._transport = transport
        self._loop = loop
        self._head: bytes | None = None
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        self._owner.written += len(data)
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


class Unchunked:
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
