"""A wire that can be cut: a TCP proxy on loopback, between the gateway and a store or an app.

passes     as if it were not there
silent     nothing arrives any more, in either direction, and nobody is told: a network that lost its way.
           What was sent waits, as TCP would send it again, and arrives when the wire is whole
slow       each piece is late by some seconds
reset      connections break, new ones too: a firewall that forgot
refused    connections break, and nobody listens: the machine is up, the program is not
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self

BLOCK = 65536
AT_ONCE = struct.pack("ii", 1, 0)


class Cutoff:
    """From `__enter__` to `__exit__`: what connects to `port` is connected to `target`, a port of 127.0.0.1."""

    def __init__(self, target: int, port: int = 0) -> None:
        self.target = target
        self.port = port
        self.connections = 0
        self._delay = 0.0
        self._resets = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._pairs: dict[asyncio.Task[None], tuple[asyncio.StreamWriter, ...]] = {}
        self._server: asyncio.Server | None = None
        self._place: socket.socket | None = None

    def whole(self) -> None:
        """It passes again; what waited goes on."""
        self._run(self._change(delay=0.0, open_=True))

    def silent(self) -> None:
        self._run(self._change(delay=0.0, open_=False))

    def slow(self, seconds: float) -> None:
        self._run(self._change(delay=seconds, open_=True))

    def reset(self) -> None:
        self._run(self._change(delay=0.0, open_=True, resets=True))

    def refused(self) -> None:
        self._run(self._change(delay=0.0, open_=True, resets=True, listens=False))

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._open())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _open(self) -> None:
        self._passes = asyncio.Event()
        self._passes.set()
        await self._listen()

    async def _listen(self) -> None:
        if self._server is None:
            self._vacate()
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def _change(self, *, delay: float, open_: bool, resets: bool = False, listens: bool = True) -> None:
        self._delay, self._resets = delay, resets
        if open_:
            self._passes.set()
        else:
            self._passes.clear()
        if resets:
            self._break()
        if listens:
            await self._listen()
        elif self._server is not None:
            self._server.close()
            self._server = None
            self._place = socket.socket()  # bound and deaf, so that nobody else gets the port
            self._place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._place.bind(("127.0.0.1", self.port))

    def _vacate(self) -> None:
        if self._place is not None:
            self._place.close()
            self._place = None

    def _break(self) -> None:
        for task, writers in self._pairs.items():
            for writer in writers:
                _reset(writer)
            task.cancel()

    async def _close(self) -> None:
        self._vacate()
        if self._server is not None:
            self._server.close()
        tasks = tuple(self._pairs)
        self._break()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        if self._resets:
            _reset(writer)
            return
        self._pairs[task] = (writer,)
        try:
            await self._passes.wait()
            there, back = await asyncio.open_connection("127.0.0.1", self.target)
            self._pairs[task] = (writer, back)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._carry(reader, back))
                both.create_task(self._carry(there, writer))
        except (OSError, ExceptionGroup):
            for each in self._pairs[task]:
                _reset(each)
        except asyncio.CancelledError:
            return  # cut
        finally:
            for each in self._pairs.pop(task):
                each.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            block = await reader.read(BLOCK)
            await asyncio.sleep(self._delay)
            await self._passes.wait()
            if not block:
                writer.write_eof()
                return
            writer.write(block)
            await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close so that the other side gets a reset, and not an end."""
    connection = writer.get_extra_info("socket")
    if connection is not None and connection.fileno() >= 0:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
    writer.transport.abort()
