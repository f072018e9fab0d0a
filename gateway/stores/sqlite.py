"""The state in one SQLite file: the four stores together, their tables, and their life."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

from gateway.sqlite.database import Database
from gateway.stores import sqlite_confirmations, sqlite_once, sqlite_sessions, sqlite_throttle
from gateway.stores.base import Heard, State
from gateway.stores.sqlite_confirmations import SqliteConfirmations
from gateway.stores.sqlite_once import SqliteOnce
from gateway.stores.sqlite_sessions import SqliteSessions
from gateway.stores.sqlite_throttle import SqliteThrottle
from gateway.timing import Timed, untimed

VERSIONS = (
    (*sqlite_sessions.SCHEMA, *sqlite_confirmations.SCHEMA, *sqlite_throttle.SCHEMA, *sqlite_once.SCHEMA),
    sqlite_confirmations.SECOND,
    sqlite_confirmations.THIRD,
    sqlite_confirmations.FOURTH,
)  # fmt: skip

EXPIRED = (
    "DELETE FROM sessions WHERE keep_until < ?",
    "DELETE FROM confirmations WHERE expires_at <= ?",
    "DELETE FROM claimed WHERE expires_at <= ?",
    "DELETE FROM throttles WHERE forget_at <= ?",
    "DELETE FROM once WHERE expires_at <= ?",
)


def open_state(path: Path | str, *, complain: Callable[[str], None] | None = None, timed: Timed = untimed) -> State:
    """Open the file, making it when it is not there, readable by its owner alone. Raises StoreError.

    There is nothing to `complain` of.
    """
    database = Database(path, VERSIONS, synchronous="NORMAL", timed=timed)
    sessions = SqliteSessions(database)
    return State(
        sessions,
        SqliteConfirmations(database),
        SqliteThrottle(database),
        SqliteOnce(database),
        SqliteLife(database),
        sessions.at_once,
        database.version,
    )


class SqliteLife:
    """A StateLife."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def ping(self) -> None:
        await self._db.change("REPLACE INTO once (key, value, expires_at) VALUES ('ping', x'', 0)")
        self._db.one(str, "SELECT key FROM once WHERE key = 'ping'")

    async def purge(self, now: int) -> None:
        await self._db.write(lambda db: _purge(db, now))

    async def listen(self, heard: Heard) -> None:
        """A file tells nobody; and is read for next to nothing."""

    async def close(self) -> None:
        await self._db.close()


def _purge(db: sqlite3.Connection, now: int) -> None:
    for sql in EXPIRED:
        db.execute(sql, (now,))
