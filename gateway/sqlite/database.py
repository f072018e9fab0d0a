"""A SQLite file that several processes share: read in the calling thread, written in a thread of its own.

The rules of this file:

- A read is one statement, run to its end. No transaction stays open behind it, so the next read sees whatever any
  process has committed by then (law 6); in WAL mode it never waits for a writer.
- A write sees all or nothing of every other one, and what it has read cannot change before it commits. It may have to
  wait for another process, and therefore never runs on the event loop.
- Writes that wait at the same moment share one BEGIN IMMEDIATE transaction; where one fails they are done again with a
  savepoint for each, so that it takes back no other's. Nobody is told of a result before the commit that makes it last.
- What fails below, and a row that makes no sense, becomes a StoreError here and nowhere else (law 1).
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeVar

from gateway.errors import StoreError
from gateway.sqlite import commits, files
from gateway.sqlite.files import BROKEN, Schema, connect, identity, prepare
from gateway.sqlite.writer import Writer
from gateway.timing import Timed, untimed

GLANCE = 0.1
"""Seconds a read waits, at most: only for a process that is repairing the file after a crash."""

LOOK = 0.01
"""Seconds until it is looked again whether the file of that name is still the same."""

CHECKPOINT = 4000
"""Pages of 4 KiB that are written before they are put in their places: those written many times are put there once."""

CACHE = 8
"""MiB of pages that are kept to be written on, once there are so many: else some would be read again for each write."""

Value = str | bytes | int | float | None
T = TypeVar("T")


class Database:
    """`synchronous` is SQLite's: NORMAL may lose the last writes to a power cut, never to a crash; FULL does not.

    `timed` is told of each "read" and "write".
    """

    def __init__(
        self,
        path: Path | str,
        schema: Schema,
        *,
        synchronous: Literal["NORMAL", "FULL"],
        timed: Timed = untimed,
    ) -> None:
        self._timed = timed
        try:
            with commits.opening:
                prepare(path, schema)
                self._path, self._file = path, identity(path)
                self._reader = connect(path, GLANCE)
                self._reader.execute("PRAGMA query_only = ON")
                writing = connect(path, files.PATIENCE)
                writing.execute(f"PRAGMA synchronous = {synchronous}")
                writing.execute("PRAGMA foreign_keys = ON")
                writing.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT}")
                writing.execute(f"PRAGMA cache_size = {-1024 * CACHE}")
                self._reader.execute("PRAGMA data_version").fetchone()  # opens the index
                self._commits = commits.watch(path)
        except BROKEN as error:
            raise StoreError(f"{path}: {error}") from error
        self._writer = Writer(writing, self._same_file)
        self._look_at = 0.0  # of time.monotonic()

    def all(self, into: Callable[..., T], sql: str, *values: Value) -> list[T]:
        """Each row of a SELECT, its columns given to `into`."""
        began = time.perf_counter()
        try:
            self._look()
            rows = [into(*row) for row in self._reader.execute(sql, values).fetchall()]
        except BROKEN as error:
            self._timed("read", time.perf_counter() - began, False)
            raise StoreError(f"{type(error).__name__}: {error}") from error
        self._timed("read", time.perf_counter() - began, True)
        return rows

    def one(self, into: Callable[..., T], sql: str, *values: Value) -> T | None:
        """The first row, None where there is none."""
        return next(iter(self.all(into, sql, *values)), None)

    def version(self) -> object:
        """Another one once anybody, in any process, has committed: what was read before may have changed. Not timed."""
        try:
            self._look()
            if self._commits is None:
                return self._reader.execute("PRAGMA data_version").fetchone()[0]
            return self._commits.mark()
        except BROKEN as error:
            raise StoreError(f"{type(error).__name__}: {error}") from error

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What `work` returns; all it did, or, when it raises, nothing. It may be done twice, the first time undone."""
        began = time.perf_counter()
        try:
            result = await self._writer.write(work)
        except (*BROKEN, RuntimeError, StoreError) as error:  # RuntimeError: the thread was closed
            self._timed("write", time.perf_counter() - began, False)
            if isinstance(error, StoreError):
                raise
            raise StoreError(f"{type(error).__name__}: {error}") from error
        self._timed("write", time.perf_counter() - began, True)
        return result

    async def change(self, sql: str, *values: Value) -> int:
        """How many rows a single statement changed."""
        return await self.write(lambda db: db.execute(sql, values).rowcount)

    async def close(self) -> None:
        """After the writes under way."""
        self._reader.close()
        await self._writer.close()
        looking, self._commits = self._commits, None
        if looking is not None:
            looking.close()

    def _look(self) -> None:
        """Who replaces a file does not race with a request."""
        now = time.monotonic()
        if now >= self._look_at:
            self._same_file()
            self._look_at = now + LOOK

    def _same_file(self) -> None:
        # What others revoke stands in the file of that name; one that was removed or replaced still opens and reads.
        if identity(self._path) != self._file:
            raise StoreError(f"{self._path} was replaced; start the gateway anew")
