"""Passwords wait here to be hashed, and give way to requests (law 10)."""

from __future__ import annotations

import asyncio
import os
import select
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import cast

from gateway.errors import Busy
from gateway.verifiers.answering import call
from gateway.verifiers.apart import NICENESS, Answer, Apart

PATIENCE = 1.0
"""Seconds that the process apart may take."""

REST = 60.0
"""Seconds without work after which it ends."""

BETWEEN, TURN = 0.001, 0.00025
"""Seconds: how long the loop goes on, at least, before it lends its core, and for how long."""

BUSY = 0.75
"""The loop lends it if it would have taken more than that share of it."""


class Hasher:
    """`threads` passwords are hashed at once, one if not told otherwise, and at most `waiting` wait for their turn.

    That happens in processes apart, which take a core only when nobody else wants it. A loop that is always busy lends
    its own, a little at a time. Where that is not enough, since something else wants all of it, a thread of this
    process begins again, and insists on its share.
    """

    def __init__(self, threads: int = 1, waiting: int = 64) -> None:
        self.limits = (threads, waiting)
        self._apart = [Apart() for _ in range(threads)]
        self._insisting = ThreadPoolExecutor(threads, "hashing", initializer=_take_a_little)
        self._free = asyncio.Semaphore(threads)
        self._waiting = 0
        self._most = threads + waiting
        self._rest: asyncio.TimerHandle | None = None

    @property
    def waiting(self) -> int:
        """How many there are now, those being hashed among them."""
        return self._waiting

    async def hash(self, password: str) -> str:
        """An Argon2 string. Raises Busy."""
        return cast(str, await self._queue("hashed", password))

    async def verify(self, stored: str | None, password: str) -> str | None:
        """None if it is wrong, else the string to store from now on. Raises Busy.

        Without a stored one it takes as long, and is wrong: who does not exist cannot be told from who mistyped.
        """
        return await self._queue("verified", stored, password)

    def close(self) -> None:
        """Let go of the processes. Whoever still waits for one is served by a thread."""
        for each in self._apart:
            each.end()

    async def _queue(self, *question: str | None) -> str | None:
        if self._waiting >= self._most:
            raise Busy("too many passwords wait to be checked")
        self._waiting += 1
        if self._rest is not None:
            self._rest.cancel()
        try:
            async with self._free:
                return await self._answer(question)
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._rest = asyncio.get_running_loop().call_later(REST, self.close)

    async def _answer(self, question: tuple[str | None, ...]) -> str | None:
        until = time.monotonic() + PATIENCE
        apart = min(self._apart, key=lambda each: each.busy)
        if not apart.late:
            if await _idle(apart, until):
                answer = apart.ask(question)
                if await _lend(answer, until) and not isinstance(said := answer.result(), OSError):
                    return said
            apart.late = apart.busy
        return await asyncio.get_running_loop().run_in_executor(self._insisting, lambda: call(*question))


async def _idle(apart: Apart, until: float) -> bool:
    """Whether it can be asked. Whoever asked it before may have left, and others may wait here as well."""
    while (asked := apart.asked) is not None and not asked.done():
        if not await _lend(asked, until):
            return False
    return True


async def _lend(answer: Answer, until: float) -> bool:
    """Whether it is there, by then at the latest. Meanwhile a loop that takes most of a core stops for short turns.

    For the first one at once: Linux would let somebody who has not run yet go on until its next tick.
    """
    busy = True
    while not answer.done() and time.monotonic() < until:
        if busy:
            select.select((), (), (), TURN)  # sleep, all of the loop; time.sleep fails under libfaketime
        began, spent = time.monotonic(), time.thread_time()
        await asyncio.wait([answer], timeout=BETWEEN)
        busy = time.thread_time() - spent > BUSY * (time.monotonic() - began)
    return answer.done()


def _take_a_little() -> None:
    """Linux gives each thread its own niceness; elsewhere it would be the whole process's."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, max(NICENESS, os.getpriority(os.PRIO_PROCESS, 0)))
