"""Tries counted in SQLite."""

from __future__ import annotations

import math
import sqlite3

from gateway.sqlite.database import Database
from gateway.stores.base import Limit, Taken

SCHEMA = (
    """
    CREATE TABLE throttles (
        key TEXT PRIMARY KEY,
        tries INTEGER NOT NULL,
        last REAL NOT NULL,
        last_but_one REAL NOT NULL,
        forget_at REAL NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX throttles_by_forget_at ON throttles (forget_at)",
)

COUNTED = "SELECT tries, last FROM throttles WHERE key = ? AND forget_at > ?"
COUNT = "REPLACE INTO throttles (key, tries, last, last_but_one, forget_at) VALUES (?, ?, ?, ?, ?)"
SET_BACK = "UPDATE throttles SET last = ?, last_but_one = min(last_but_one, ?) WHERE key = ?"
# The try that is given back made nobody wait either: the clock runs from the one before it.
GIVE_BACK = "UPDATE throttles SET tries = max(tries - 1, 0), last = last_but_one WHERE key = ?"
FORGIVE = "DELETE FROM throttles WHERE key = ?"


class SqliteThrottle:
    """A ThrottleStore."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def take(self, key: str, now: float, limit: Limit) -> Taken:
        return await self._db.write(lambda db: _take(db, key, now, limit))

    async def give_back(self, key: str) -> None:
        await self._db.change(GIVE_BACK, key)

    async def forgive(self, key: str) -> None:
        await self._db.change(FORGIVE, key)


def _take(db: sqlite3.Connection, key: str, now: float, limit: Limit) -> Taken:
    tries, last = db.execute(COUNTED, (key, now)).fetchone() or (0, now)
    if tries >= limit.free:
        pause = min(limit.first_wait * 2 ** (tries - limit.free), limit.longest)
        if last > now:  # the clock was set back: the wait begins now, or it would last until that time comes again
            db.execute(SET_BACK, (now, now, key))
        wait = pause - max(now - last, 0)
        if wait > 0:
            return Taken(math.ceil(wait), tries)
    db.execute(COUNT, (key, tries + 1, now, last, now + limit.window))
    return Taken(0, tries + 1)
