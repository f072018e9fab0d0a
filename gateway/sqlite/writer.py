"""Writes to one SQLite file, in a thread of its own, those that wait at the same moment together."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import Any, TypeVar

from gateway.errors import StoreError
from gateway.sqlite import files

TOGETHER = 64
"""Writes in one transaction, at most: other processes wait until it ends."""

T = TypeVar("T")


@dataclass(slots=True)
class _Write:
    """One that waits for its turn, until `begin_by` of time.monotonic(). What `work` returned, or what it raised."""

    work: Callable[[sqlite3.Connection], object]
    begin_by: float
    told: asyncio.Future[Any]
    result: object = None
    error: Exception | None = None

    def tell(self) -> None:
        """In the loop of whoever waits, if they still do."""
        if self.told.done():
            return
        if self.error is not None:
            self.told.set_exception(self.error)
        else:
            self.told.set_result(self.result)


class Writer:
    """`look` raises where nothing may be written any more."""

    def __init__(self, connection: sqlite3.Connection, look: Callable[[], None]) -> None:
        self.connection = connection
        self._look = look
        self._thread = ThreadPoolExecutor(1, "sqlite")
        self._waiting: deque[_Write] = deque()
        self._writing = False  # the thread looks again before it rests
        self._lock = Lock()  # of both

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What `work` returns, once it lasts; or whatever was raised, and RuntimeError once this is closed."""
        loop = asyncio.get_running_loop()
        write = _Write(work, time.monotonic() + files.PATIENCE, loop.create_future())
        self._waiting.append(write)
        loop.call_soon(self._wake)  # after this turn, in which others may write too
        result: T = await write.told
        return result

    async def close(self) -> None:
        """After the writes under way."""
        self._wake()
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self.connection.close)
        finally:
            self._thread.shutdown(wait=False)

    def _wake(self) -> None:
        with self._lock:
            if self._writing or not self._waiting:
                return
            try:
                self._thread.submit(self._write_all)
                self._writing = True
            except RuntimeError as error:  # it was closed
                for write in self._taken():
                    write.error = error
                    write.tell()

    def _write_all(self) -> None:
        """In the thread, until nothing waits."""
        while True:
            with self._lock:
                writes = self._taken()
                self._writing = bool(writes)
            if not writes:
                return
            self._together(writes)
            for loop in {write.told.get_loop() for write in writes}:
                with suppress(RuntimeError):  # it has ended, and nobody waits
                    loop.call_soon_threadsafe(_tell, [write for write in writes if write.told.get_loop() is loop])

    def _taken(self) -> list[_Write]:
        """The next ones whose callers still wait."""
        taken: list[_Write] = []
        while self._waiting and len(taken) < TOGETHER:
            write = self._waiting.popleft()
            if not write.told.done():
                taken.append(write)
        return taken

    def _together(self, writes: list[_Write]) -> None:
        # A locked file must not make a queue in which each write waits for all before it to run out of patience.
        now = time.monotonic()
        for write in writes:
            if now > write.begin_by:
                write.error = StoreError("the database is too busy")
        writes = [write for write in writes if write.error is None]
        if not writes:
            return
        try:
            self._look()
            with self.connection as db:
                db.execute("BEGIN IMMEDIATE")
                if not _all(db, writes):
                    db.execute("BEGIN IMMEDIATE")
                    for write in writes:
                        _apart(db, write)
        except Exception as error:  # none of them lasts
            for write in writes:
                write.error = write.error or StoreError(f"{type(error).__name__}: {error}")


def _all(db: sqlite3.Connection, writes: Sequence[_Write]) -> bool:
    """False, and all undone, where one failed. A savepoint for each would cost as much as many a write."""
    try:
        for write in writes:
            write.result = write.work(db)
            if not db.in_transaction:
                return False
    except Exception:
        db.rollback()
        return False
    return True


def _apart(db: sqlite3.Connection, write: _Write) -> None:
    """Raises what ended the whole transaction: a savepoint that is gone, such as after a disk ran full."""
    db.execute("SAVEPOINT apart")
    try:
        write.result = write.work(db)
    except Exception as error:
        write.error = error
        db.execute("ROLLBACK TO apart")
    db.execute("RELEASE apart")


def _tell(writes: Sequence[_Write]) -> None:
    for write in writes:
        write.tell()
