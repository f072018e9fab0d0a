"""Values read once, in SQLite."""

from __future__ import annotations

import sqlite3

from gateway.sqlite import Database

SCHEMA = (
    """
    CREATE TABLE once (
        key TEXT PRIMARY KEY,
        value BLOB NOT NULL,
        expires_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX once_by_expiry ON once (expires_at)",
)

PUT = "REPLACE INTO once (key, value, expires_at) VALUES (?, ?, ?)"
POP = "DELETE FROM once WHERE key = ? AND expires_at > ? RETURNING value"


class SqliteOnce:
    """A OnceStore."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def put(self, key: str, value: bytes, *, now: int, expires_at: int) -> None:
        await self._db.change(PUT, key, value, expires_at)

    async def pop(self, key: str, now: int) -> bytes | None:
        return await self._db.write(lambda db: _pop(db, key, now))


def _pop(db: sqlite3.Connection, key: str, now: int) -> bytes | None:
    found = db.execute(POP, (key, now)).fetchone()
    return None if found is None else bytes(found[0])
