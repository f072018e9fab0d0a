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

import asyncio
import os
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Literal, TypeVar

from gateway.errors import StoreError
from gateway.timing import Timed, untimed

PATIENCE = 5.0
"""Seconds a write waits, at most, for its turn in this process, and again for the lock of another one."""

GLANCE = 0.1
"""Seconds a read waits, at most: only for a process that is repairing the file after a crash."""

TOGETHER = 64
"""Writes in one transaction, at most: other processes wait until it ends."""

CHECKPOINT = 4000
"""Pages of 4 KiB that are written before they are put in their places: those written many times are put there once."""

BROKEN = (sqlite3.Error, OSError, ValueError, TypeError, LookupError, ArithmeticError)

Value = str | bytes | int | float | None
Schema = Sequence[Sequence[str]]
"""The statements that lead from each version of a file to the next, oldest first; only ever added to."""

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
            _prepare(path, schema)
            self._path, self._file = path, _file(path)
            self._reader = _connect(path, GLANCE)
            self._reader.execute("PRAGMA query_only = ON")
            self._writer = _connect(path, PATIENCE)
            self._writer.execute(f"PRAGMA synchronous = {synchronous}")
            self._writer.execute("PRAGMA foreign_keys = ON")
            self._writer.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT}")
        except BROKEN as error:
            raise StoreError(f"{path}: {error}") from error
        self._thread = ThreadPoolExecutor(1, "sqlite")
        self._waiting: deque[_Write] = deque()
        self._writing = False  # the thread looks again before it rests
        self._lock = Lock()  # of both

    def all(self, into: Callable[..., T], sql: str, *values: Value) -> list[T]:
        """Each row of a SELECT, its columns given to `into`."""
        began = time.perf_counter()
        try:
            self._same_file()
            rows = [into(*row) for row in self._reader.execute(sql, values).fetchall()]
        except BROKEN as error:
            self._timed("read", time.perf_counter() - began, False)
            raise StoreError(f"{type(error).__name__}: {error}") from error
        self._timed("read", time.perf_counter() - began, True)
        return rows

    def one(self, into: Callable[..., T], sql: str, *values: Value) -> T | None:
        """The first row, None where there is none."""
        return next(iter(self.all(into, sql, *values)), None)

    def version(self) -> int:
        """Another one once anybody, in any process, has committed: what was read before may have changed. Not timed."""
        try:
            self._same_file()
            return int(self._reader.execute("PRAGMA data_version").fetchone()[0])
        except BROKEN as error:
            raise StoreError(f"{type(error).__name__}: {error}") from error

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What `work` returns; all it did, or, when it raises, nothing. It may be done twice, the first time undone."""
        began, loop = time.perf_counter(), asyncio.get_running_loop()
        write = _Write(work, time.monotonic() + PATIENCE, loop.create_future())
        self._waiting.append(write)
        loop.call_soon(self._wake)  # after this turn, in which others may write too
        try:
            result: T = await write.told
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
        self._wake()
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._writer.close)
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
            self._same_file()
            with self._writer as db:
                db.execute("BEGIN IMMEDIATE")
                if not _all(db, writes):
                    db.execute("BEGIN IMMEDIATE")
                    for write in writes:
                        _apart(db, write)
        except Exception as error:  # none of them lasts
            for write in writes:
                write.error = write.error or StoreError(f"{type(error).__name__}: {error}")

    def _same_file(self) -> None:
        # What others revoke stands in the file of that name; one that was removed or replaced still opens and reads.
        if _file(self._path) != self._file:
            raise StoreError(f"{self._path} was replaced; start the gateway anew")


def version_of(path: Path | str) -> int:
    """Of the tables in a file, 0 where there are none. Makes and changes nothing. Raises StoreError."""
    if not Path(path).exists():
        return 0
    try:
        with closing(_connect(path, PATIENCE)) as db:
            db.execute("PRAGMA query_only = ON")
            (version,) = db.execute("PRAGMA user_version").fetchone()
            return int(version)
    except BROKEN as error:
        raise StoreError(f"{path}: {error}") from error


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


def _file(path: Path | str) -> tuple[int, int]:
    found = os.stat(path)
    return found.st_dev, found.st_ino


def _connect(path: Path | str, patience: float) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=patience, isolation_level=None, check_same_thread=False)


def _prepare(path: Path | str, schema: Schema) -> None:
    with suppress(FileExistsError):
        # Only ever a new file: closing one that this process has open elsewhere would drop SQLite's locks on it
        # (sqlite.org/howtocorrupt.html, 2.2). SQLite gives its -wal and -shm the same permissions.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    with closing(_connect(path, PATIENCE)) as db:
        _use_wal(db)
        with db:
            db.execute("BEGIN IMMEDIATE")
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version > len(schema):
                raise StoreError(f"{path} was made by a newer version of the gateway")
            for statements in schema[version:]:
                for statement in statements:
                    db.execute(statement)
            db.execute(f"PRAGMA user_version = {len(schema)}")


def _use_wal(db: sqlite3.Connection) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            (mode,) = db.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError:
            # Of processes that switch a new file at the same moment, SQLite turns some away without waiting.
            if time.monotonic() > until:
                raise
            time.sleep(0.01)
            continue
        if mode != "wal":
            raise StoreError("this file system cannot hold a SQLite database in WAL mode")
        return
