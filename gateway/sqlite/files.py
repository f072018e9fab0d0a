"""SQLite files: opened, made, and brought up to date."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path

from gateway.errors import StoreError

PATIENCE = 5.0
"""Seconds a write waits, at most, for its turn in this process, and again for the lock of another one."""

BROKEN = (sqlite3.Error, OSError, ValueError, TypeError, LookupError, ArithmeticError)
"""What is raised by a file that cannot be used, and by a row that makes no sense."""

Schema = Sequence[Sequence[str]]
"""The statements that lead from each version of a file to the next, oldest first; only ever added to."""


def identity(path: Path | str) -> tuple[int, int]:
    """Of the file that has that name now."""
    found = os.stat(path)
    return found.st_dev, found.st_ino


def connect(path: Path | str, patience: float) -> sqlite3.Connection:
    """For statements that begin and end their transactions themselves. It waits for locks that many seconds."""
    return sqlite3.connect(path, timeout=patience, isolation_level=None, check_same_thread=False)


def prepare(path: Path | str, schema: Schema) -> None:
    """Make it, or add what is new. Raises StoreError for one that is newer than `schema`."""
    with suppress(FileExistsError):
        # Only ever a new file: closing one that this process has open elsewhere would drop SQLite's locks on it
        # (sqlite.org/howtocorrupt.html, 2.2). SQLite gives its -wal and -shm the same permissions.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    with closing(connect(path, PATIENCE)) as db:
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


def version_of(path: Path | str) -> int:
    """Of the tables in a file, 0 where there are none. Makes and changes nothing. Raises StoreError."""
    if not Path(path).exists():
        return 0
    try:
        with closing(connect(path, PATIENCE)) as db:
            db.execute("PRAGMA query_only = ON")
            (version,) = db.execute("PRAGMA user_version").fetchone()
            return int(version)
    except BROKEN as error:
        raise StoreError(f"{path}: {error}") from error
