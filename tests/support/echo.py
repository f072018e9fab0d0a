"""An upstream that records what it was sent, byte for byte, and misbehaves when the path says so.

Any path is answered with JSON: what was received. The paths in `MISBEHAVIOURS` are answered as their functions say.
It runs on raw sockets in a thread of its own: no HTTP library stands between the test and the bytes.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs

from tests.support.frames import accepted, echo_frames

BLOCK = 65536


@dataclass(frozen=True)
class Seen:
    """One request as it arrived: header names in the case they were sent in, `connection` counted from 1."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    connection: int
    at: float = 0.0  # when it was there, seconds since the epoch

    def header(self, name: str) -> str | None:
        """The first field of that name, in any case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    def number(self, name: str, default: int) -> int:
        """A number from the query."""
        return int(parse_qs(self.target.partition("?")[2]).get(name, [str(default)])[0])


class Hangup(Exception):
    """Close the connection now."""


@dataclass
class Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    number: int

    async def head(self) -> Seen:
        """A request without its body. Raises `Hangup` at the end of the connection."""
        try:
            lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise Hangup from error
        method, target, _ = lines[0].split(" ")
        fields = [line.partition(":") for line in lines[1:]]
        return Seen(method, target, tuple((name, value.strip()) for name, _, value in fields), b"", self.number)

    async def body(self, seen: Seen, take: Callable[[bytes], None]) -> None:
        """Read the body to its end in blocks."""
        try:
            if "chunked" in (seen.header("transfer-encoding") or ""):
                while size := int(await self.reader.readuntil(b"\r\n"), 16):
                    await self._exactly(size, take)
                    await self.reader.readuntil(b"\r\n")
                while await self.reader.readuntil(b"\r\n") != b"\r\n":
                    pass
            else:
                await self._exactly(int(seen.header("content-length") or 0), take)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise Hangup from error

    async def _exactly(self, size: int, take: Callable[[bytes], None]) -> None:
        while size:
            block = await self.reader.readexactly(min(size, BLOCK))
            take(block)
            size -= len(block)

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, body: bytes, *, status: str = "200 OK", fields: tuple[str, ...] = ()) -> None:
        head = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}", *fields]
        await self.send("\r\n".join([*head, "", ""]).encode("latin-1") + body)


async def close(to: Connection, seen: Seen) -> None:
    """Not one byte of an answer."""
    raise Hangup


async def hang(to: Connection, seen: Seen) -> None:
    """No answer for ?s= seconds."""
    await asyncio.sleep(seen.number("s", 60))
    raise Hangup


async def half(to: Connection, seen: Seen) -> None:
    """Ten bytes of a hundred."""
    await to.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789")
    raise Hangup


async def half_chunked(to: Connection, seen: Seen) -> None:
    """A chunked answer without its end."""
    await to.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n")
    raise Hangup


async def garbage(to: Connection, seen: Seen) -> None:
    """Not HTTP."""
    await to.send(b"220 mail.example ESMTP ready\r\n")
    raise Hangup


async def two_lengths(to: Connection, seen: Seen) -> None:
    """Content-Length and Transfer-Encoding in one answer."""
    await to.send(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")


async def http10(to: Connection, seen: Seen) -> None:
    """An old server: the end of the connection is the end of the answer."""
    await to.send(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nas in 1996")
    raise Hangup


async def no_content(to: Connection, seen: Seen) -> None:
    await to.send(b"HTTP/1.1 204 No Content\r\n\r\n")


async def not_modified(to: Connection, seen: Seen) -> None:
    """A 304 with the length of what it does not send."""
    await to.send(b'HTTP/1.1 304 Not Modified\r\nETag: "7"\r\nContent-Length: 1000\r\n\r\n')


async def early_hints(to: Connection, seen: Seen) -> None:
    await to.send(b"HTTP/1.1 103 Early Hints\r\nLink: </static/app.css>; rel=preload\r\n\r\n")
    await to.answer(b'"after 103"')


async def cookies(to: Connection, seen: Seen) -> None:
    """Three Set-Cookie lines, one of which pretends to be the gateway's."""
    lines = ("a=1; Path=/", "b=2; Expires=Wed, 01 Jan 2031 00:00:00 GMT", "gateway_session=theirs; Path=/")
    await to.answer(b"{}", fields=tuple(f"Set-Cookie: {line}" for line in lines))


async def trailer(to: Connection, seen: Seen) -> None:
    """A chunked answer with a trailer."""
    await to.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Auth-User: mallory\r\n\r\n")


async def drip(to: Connection, seen: Seen) -> None:
    """?n= chunks, ?ms= apart."""
    await to.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
    for number in range(seen.number("n", 5)):
        text = f"data: {number}\n\n".encode()
        await to.send(b"%x\r\n%s\r\n" % (len(text), text))
        await asyncio.sleep(seen.number("ms", 50) / 1000)
    await to.send(b"0\r\n\r\n")


async def big(to: Connection, seen: Seen) -> None:
    """?bytes= of zeros."""
    left = seen.number("bytes", 1 << 20)
    await to.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % left)
    while left:
        size = min(left, BLOCK)
        await to.send(bytes(size))
        left -= size


async def status(to: Connection, seen: Seen) -> None:
    """The status ?code= says."""
    await to.answer(b"{}", status=f"{seen.number('code', 418)} As Told")


async def early(to: Connection, seen: Seen) -> None:
    """An answer before the body was read; the connection closes."""
    await to.answer(b'"too large"', status="413 Content Too Large", fields=("Connection: close",))
    raise Hangup


async def sink(to: Connection, seen: Seen) -> None:
    """Read the body without keeping it; answer with its size and SHA-256."""
    digest, size = hashlib.sha256(), 0

    def take(block: bytes) -> None:
        nonlocal size
        digest.update(block)
        size += len(block)

    await to.body(seen, take)
    await to.answer(json.dumps({"size": size, "sha256": digest.hexdigest()}).encode())


async def websocket(to: Connection, seen: Seen) -> None:
    """Say back every message."""
    await to.send(accepted(seen.header("sec-websocket-key") or ""))
    try:
        await echo_frames(to.reader, to.writer)
    except asyncio.IncompleteReadError as error:
        raise Hangup from error
    raise Hangup


Behaviour = Callable[[Connection, Seen], Awaitable[None]]
BEFORE_BODY: dict[str, Behaviour] = {"/early": early, "/sink": sink}
MISBEHAVIOURS: dict[str, Behaviour] = {
    "/close": close,
    "/hang": hang,
    "/half": half,
    "/half-chunked": half_chunked,
    "/garbage": garbage,
    "/two-lengths": two_lengths,
    "/http10": http10,
    "/204": no_content,
    "/304": not_modified,
    "/103": early_hints,
    "/cookies": cookies,
    "/trailer": trailer,
    "/drip": drip,
    "/big": big,
    "/status": status,
    "/ws": websocket,
}


async def report(to: Connection, seen: Seen) -> None:
    """What was received, as JSON, ?ms= later."""
    await asyncio.sleep(seen.number("ms", 0) / 1000)
    body = {
        "method": seen.method,
        "target": seen.target,
        "headers": seen.headers,
        "body": base64.b64encode(seen.body).decode(),
        "connection": seen.connection,
    }
    text = json.dumps(body).encode()
    if seen.method == "HEAD":
        await to.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(text))
    else:
        await to.answer(text)


class Echo:
    """The upstream, from `__enter__` to `__exit__`. `seen` grows as requests arrive whole."""

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self.seen: list[Seen] = []
        self._connections = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def paths(self) -> list[str]:
        """The paths of all requests so far."""
        return [seen.path for seen in self.seen]

    def taken(self) -> list[Seen]:
        """What has arrived since the last time, which is forgotten here."""
        arrived, self.seen = self.seen, []
        return arrived

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._connections += 1
        to = Connection(reader, writer, self._connections)
        try:
            while True:
                await self._one(to)
        except (Hangup, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _one(self, to: Connection) -> None:
        seen = await to.head()
        if seen.path in BEFORE_BODY:
            self.seen.append(seen)
            await BEFORE_BODY[seen.path](to, seen)
            return
        blocks: list[bytes] = []
        await to.body(seen, blocks.append)
        seen = replace(seen, body=b"".join(blocks), at=time.time())
        self.seen.append(seen)
        await MISBEHAVIOURS.get(seen.path, report)(to, seen)
