"""One worker, from its first connection to its last.

Rules of the end, which SIGTERM begins:
- Whoever had a connection, or waited for one, is served; new ones are refused by the system.
- An answer under way is finished and says that it was the last; an idle connection is closed once it is quiet.
- Whatever still runs when the time is over is cut: websockets by 1012, all else without a word.
- A second signal ends it at once. Either way what was noted of sessions is written down.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import logging
import multiprocessing
import signal
import socket
import struct
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import cast

import uvicorn

from gateway.edge.worker import Worker

TICK = 0.05
"""Seconds between two looks at what is still under way."""

GOODBYE = 2.5
"""Seconds in which what was cut can come to an end by itself."""

WRITE_DOWN = 5.0
"""Seconds that a second signal leaves for writing down activity."""

SO_ATTACH_FILTER = 26  # asm-generic/socket.h
NO_SYN = (
    (0x30, 0, 0, 13),  # load the flags of the TCP header
    (0x54, 0, 0, 0x12),  # SYN and ACK of them
    (0x15, 0, 1, 0x02),  # SYN alone?
    (0x06, 0, 0, 0),  # then drop it
    (0x06, 0, 0, 0xFFFFFFFF),  # else pass it
)
"""A program for the kernel's packet filter (socket(7), SO_ATTACH_FILTER): code, jump if true, jump if false, value."""


class Server(uvicorn.Server):
    """Its app is a `Gateway`. A signal that ended it in good order is not raised again: the exit status is 0."""

    server_state: Worker

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        with super().capture_signals():
            if _supervised():
                signal.signal(signal.SIGQUIT, self.handle_exit)
            yield
            self._captured_signals.clear()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Terminals and systemd tell every process of a group, and then the supervisor tells its workers once more: to
        those a second signal means nothing, and SIGQUIT is the supervisor's."""
        if not _supervised():
            self.force_exit = self.should_exit
        elif sig == signal.SIGINT:
            return
        elif sig == signal.SIGQUIT:
            self.force_exit = True
        self.should_exit = True
        if self.started:
            self.server_state.draining = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self.server_state = self.config.loaded_app.worker
        await super().startup(sockets)

    async def on_tick(self, counter: int) -> bool:
        ends = await super().on_tick(counter)
        if counter % 10 == 0:
            self.server_state.look(asyncio.get_running_loop().time())
        return ends

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        worker = self.server_state
        worker.draining = True
        await self._let_in_the_last(sockets or ())
        await self._wait(worker.drain)
        for connection in worker.open:
            connection.cut()
        await self._wait(GOODBYE)
        for connection in worker.open:
            connection.transport.abort()
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # of what is cut nobody need read where
        for task in worker.tasks:
            task.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WRITE_DOWN if self.force_exit else None):
                await self.lifespan.shutdown()

    async def _wait(self, seconds: float) -> None:
        """Until nothing is under way any more, or so long."""
        worker, loop = self.server_state, asyncio.get_running_loop()
        now = looked = loop.time()
        until = now + seconds
        while (worker.connections or worker.tasks) and now < until and not self.force_exit:
            await asyncio.sleep(TICK)
            now = loop.time()
            for connection in worker.open:
                connection.leave(now)
            if now - looked >= 1:
                looked = now
                worker.look(now)

    async def _let_in_the_last(self, sockets: Sequence[socket.socket]) -> None:
        """What already waits to be accepted would be reset when the socket is closed."""
        if not _supervised():  # else the supervisor does it, for all that share them
            deafen(sockets)
        waiting = [each for listening in sockets for each in _accepted(listening)]
        for server in self.servers:
            server.close()
        for listening in sockets:
            listening.close()
        made = cast("Callable[..., asyncio.Protocol]", self.config.http_protocol_class)
        protocol = partial(made, self.config, self.server_state, self.lifespan.state)
        for each in waiting:
            with contextlib.suppress(OSError):
                await asyncio.get_running_loop().connect_accepted_socket(protocol, each)


def _supervised() -> bool:
    """This is one of several workers."""
    return multiprocessing.parent_process() is not None


def deafen(sockets: Sequence[socket.socket]) -> None:
    """Take no more connections, but lose none that is there: the kernel drops what asks for a new one.

    Who was not heard asks again after a second, and is refused by then. Elsewhere than on Linux there remains the
    moment between the last look at the queue and its end.
    """
    if sys.platform != "linux":
        return
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *each) for each in NO_SYN))
    found = struct.pack("HL", len(NO_SYN), ctypes.addressof(program))
    for each in sockets:
        with contextlib.suppress(OSError):
            each.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, found)


def _accepted(listening: socket.socket) -> Iterator[socket.socket]:
    """All that wait."""
    listening.setblocking(False)
    with contextlib.suppress(OSError):
        while True:
            accepted, _ = listening.accept()
            accepted.setblocking(False)
            yield accepted
