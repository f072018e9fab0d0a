"""Values read once, in SQLite."""

from __future__ import annotations

import sqlite3

from gateway.sqlite.database import Database

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
AGREE = """
    INSERT INTO once (key, value, expires_at) VALUES (?1, ?2, ?3)
    ON CONFLICT (key) DO UPDATE SET
        value = iif(expires_at > ?4, value, excluded.value),
        expires_at = iif(expires_at > ?4, expires_at, excluded.expires_at)
    RETURNING value
"""
POP = "DELETE FROM once WHERE key = ? AND expires_at > ? RETURNING value"


class SqliteOnce:
    """A OnceStore."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def put(self, key: str, value: bytes, *, now: int, expires_at: int) -> None:
        await self._db.change(PUT, key, value, expires_at)

    async def agree(self, key: str, value: bytes, *, now: int, expires_at: int) -> bytes:
        def act(db: sqlite3.Connection) -> bytes:
            (kept,) = db.execute(AGREE, (key, value, expires_at, now)).fetchone()
            return bytes(kept)

        return await self._db.write(act)

    async def pop(self, key: str, now: int) -> bytes | None:
        return await self._db.write(lambda db: _pop(db, key, now))


def _pop(db: sqlite3.Connection, key: str, now: int) -> bytes | None:
    found = db.execute(POP, (key, now)).fetchone()
    return None if found is None else bytes(found[0])
