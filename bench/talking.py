"""Websockets for the bench: an app that says everything back, and clients that wait for that and say it again.

Raw frames and one `data_received` each: client and app share a core, and must not be what is measured.
"""

from __future__ import annotations

import asyncio
import base64
import os
import sys
import time
from typing import cast

import uvloop

from tests.support.frames import accepted, frame

SAID = bytes(range(64))
MASK = b"\x12\x34\x56\x78"
BINARY = 2
MASKED = bytes([0x80 | BINARY, 0x80 | len(SAID)]) + MASK
MESSAGE = MASKED + bytes(byte ^ MASK[at % 4] for at, byte in enumerate(SAID))
ECHO = frame(BINARY, SAID)
TIMES = len(SAID) // len(MASK)
HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class App(asyncio.Protocol):
    """Says back messages of that one size; other requests are answered with 200."""

    def __init__(self) -> None:
        self._buffer = b""
        self._open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._open:
            self._shake()
        while self._open and len(self._buffer) >= len(MESSAGE):
            one, self._buffer = self._buffer[: len(MESSAGE)], self._buffer[len(MESSAGE) :]
            if not one.startswith(MASKED[:2]):
                self._transport.close()
                return
            body = int.from_bytes(one[len(MASKED) :]) ^ int.from_bytes(one[2 : len(MASKED)] * TIMES)
            self._transport.write(ECHO[:2] + body.to_bytes(len(SAID)))

    def _shake(self) -> None:
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return
        fields = dict(line.lower().partition(b":")[::2] for line in head.split(b"\r\n")[1:])
        if b"sec-websocket-key" not in fields:
            self._transport.write(HELLO)
            self._transport.close()
            return
        keys = [line for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key:")]
        self._transport.write(accepted(keys[0].partition(b":")[2].strip().decode()))
        self._open, self._buffer = True, rest


class Client(asyncio.Protocol):
    """`count` is how many of its messages came back."""

    def __init__(self, request: bytes) -> None:
        self.count = 0
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.trouble = ""
        self._request = request
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self.ready.done():
            head, end, self._buffer = self._buffer.partition(b"\r\n\r\n")
            if end and head.startswith(b"HTTP/1.1 101"):
                self.ready.set_result(None)
            else:
                self.ready.set_exception(RuntimeError(head.decode("latin-1")))
        elif len(self._buffer) >= len(ECHO):
            if self._buffer != ECHO:
                self._fail("something else came back than was said")
                return
            self._buffer = b""
            self.count += 1
            self.transport.write(MESSAGE)

    def connection_lost(self, error: Exception | None) -> None:
        self._fail("closed too early")

    def _fail(self, trouble: str) -> None:
        self.trouble = self.trouble or trouble
        self.transport.close()
        if not self.ready.done():
            self.ready.set_exception(RuntimeError(trouble))


def handshake(host: str, path: str, fields: dict[str, str]) -> bytes:
    key = base64.b64encode(os.urandom(16)).decode()
    shaken = {"Host": host, "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    lines = [f"{name}: {value}" for name, value in {**shaken, "Sec-WebSocket-Key": key, **fields}.items()]
    return "\r\n".join([f"GET {path} HTTP/1.1", *lines, "", ""]).encode()


class Talk:
    """Connections that are open; `speak` as often as needed, then `close`."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        self._clients: list[Client] = []
        self._begun = False

    def open(self, port: int, request: bytes, connections: int) -> None:
        """Raises RuntimeError when one is refused."""
        self._runner.run(self._open(port, request, connections))

    async def _open(self, port: int, request: bytes, connections: int) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(connections):
            _, client = await loop.create_connection(lambda: Client(request), "127.0.0.1", port)
            await asyncio.wait_for(client.ready, 30)
            self._clients.append(client)

    def speak(self, seconds: float) -> tuple[int, float]:
        """Messages that came back, and in how many seconds. Raises RuntimeError if one was lost."""
        return self._runner.run(self._speak(seconds))

    async def _speak(self, seconds: float) -> tuple[int, float]:
        before, began = sum(client.count for client in self._clients), time.monotonic()
        for client in () if self._begun else self._clients:
            client.transport.write(MESSAGE)
        self._begun = True
        await asyncio.sleep(seconds)
        if troubles := {client.trouble for client in self._clients if client.trouble}:
            raise RuntimeError(", ".join(troubles))
        return sum(client.count for client in self._clients) - before, time.monotonic() - began

    def close(self) -> None:
        self._runner.run(self._close())
        self._runner.close()

    async def _close(self) -> None:
        for client in self._clients:
            client.transport.abort()
        await asyncio.sleep(0)


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(App, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
