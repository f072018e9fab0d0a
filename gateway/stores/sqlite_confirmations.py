"""Confirmations in SQLite. What they hold stands in a table of its own: an update must not rewrite a megabyte."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

from gateway.policy.facts import Confirmation
from gateway.sqlite.database import Database
from gateway.stores.base import CLAIMED_KNOWN, HoldLimits
from gateway.stores.encoding import confirmation_of, confirmation_text

SCHEMA = (
    """
    CREATE TABLE confirmations (
        id TEXT PRIMARY KEY,
        session TEXT NOT NULL,
        expires_at INTEGER NOT NULL,
        version INTEGER NOT NULL,
        ticket TEXT NOT NULL,
        size INTEGER,
        facts TEXT NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX confirmations_by_session ON confirmations (session, expires_at, size)",
    "CREATE INDEX confirmations_by_expiry ON confirmations (expires_at, size)",
    """
    CREATE TABLE held (
        id TEXT PRIMARY KEY REFERENCES confirmations ON DELETE CASCADE,
        sealed BLOB NOT NULL
    ) STRICT
    """,
)

SECOND = (
    """
    CREATE TABLE claimed (
        id TEXT PRIMARY KEY,
        session TEXT NOT NULL,
        expires_at INTEGER NOT NULL,
        facts TEXT NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX claimed_by_session ON claimed (session)",
    "CREATE INDEX claimed_by_expiry ON claimed (expires_at)",
)
"""What the second version of the file adds."""

THIRD = (
    "CREATE TABLE held_total (bytes INTEGER NOT NULL) STRICT",
    "INSERT INTO held_total SELECT coalesce(sum(size), 0) FROM confirmations",
    """
    CREATE TRIGGER confirmation_kept AFTER INSERT ON confirmations WHEN NEW.size IS NOT NULL
    BEGIN UPDATE held_total SET bytes = bytes + NEW.size; END
    """,
    """
    CREATE TRIGGER confirmation_gone AFTER DELETE ON confirmations WHEN OLD.size IS NOT NULL
    BEGIN UPDATE held_total SET bytes = bytes - OLD.size; END
    """,
)
"""And the third: what all of them hold, so that it need not be added up each time. What has expired is still in it."""

FOURTH = (
    "DROP INDEX confirmations_by_session",
    "DROP INDEX confirmations_by_expiry",
    "DROP TRIGGER confirmation_kept",
    "DROP TRIGGER confirmation_gone",
    "ALTER TABLE held RENAME TO held_by_id",
    "ALTER TABLE confirmations RENAME TO confirmations_by_id",
    """
    CREATE TABLE confirmations (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        session TEXT NOT NULL,
        expires_at INTEGER NOT NULL,
        version INTEGER NOT NULL,
        ticket TEXT NOT NULL,
        size INTEGER,
        facts TEXT NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE held (
        number INTEGER PRIMARY KEY REFERENCES confirmations ON DELETE CASCADE,
        sealed BLOB NOT NULL
    ) STRICT
    """,
    """
    INSERT INTO confirmations (id, session, expires_at, version, ticket, size, facts)
    SELECT id, session, expires_at, version, ticket, size, facts FROM confirmations_by_id ORDER BY expires_at
    """,
    "INSERT INTO held SELECT number, sealed FROM confirmations JOIN held_by_id USING (id)",
    "DROP TABLE held_by_id",
    "DROP TABLE confirmations_by_id",
    "CREATE INDEX confirmations_by_session ON confirmations (session, expires_at, size)",
    "CREATE INDEX confirmations_by_expiry ON confirmations (expires_at, size)",
    *THIRD[2:],
)
"""And the fourth: what comes is added at the end, under a number that nothing else ever has. By ids, which are random,
each row was another page to write.
"""

OF_SESSION = """
    SELECT
        count(*), count(size), coalesce(sum(size), 0), (SELECT bytes FROM held_total),
        EXISTS (SELECT 1 FROM confirmations WHERE id = ?1) OR EXISTS (SELECT 1 FROM claimed WHERE id = ?1)
    FROM confirmations
    WHERE session = ?2 AND expires_at > ?3 AND number IS NOT (SELECT number FROM confirmations WHERE id = ?1)
"""
HELD_BY_ALL = "SELECT coalesce(sum(size), 0) FROM confirmations WHERE expires_at > ? AND id <> ?"
PUT = "INSERT INTO confirmations (id, session, expires_at, version, ticket, size, facts) VALUES (?, ?, ?, ?, ?, ?, ?)"
HOLD = "INSERT INTO held (number, sealed) VALUES (?, ?)"
GET = "SELECT facts FROM confirmations WHERE id = ? AND expires_at > ?"
UPDATE = """
    UPDATE confirmations SET expires_at = ?, version = version + 1, ticket = ?, facts = ?
    WHERE id = ? AND version = ? AND expires_at > ?
"""
CLAIM = """
    SELECT facts, sealed FROM confirmations LEFT JOIN held USING (number)
    WHERE id = ? AND ticket = ? AND ticket <> '' AND expires_at > ?
"""
HELD = "SELECT count(size), coalesce(sum(size), 0) FROM confirmations WHERE expires_at > ?"
REMEMBER = "REPLACE INTO claimed (id, session, expires_at, facts) VALUES (?, ?, ?, ?)"
CLAIMED = "SELECT facts FROM claimed WHERE id = ? AND expires_at > ?"
FORGET = "DELETE FROM confirmations WHERE id = ?"
UNCLAIM = "DELETE FROM claimed WHERE id = ?"
DROP = ("DELETE FROM confirmations WHERE id = ? OR session = ?", "DELETE FROM claimed WHERE id = ? OR session = ?")


class SqliteConfirmations:
    """A ConfirmationStore."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def put(self, confirmation: Confirmation, sealed: bytes | None, limits: HoldLimits) -> bool:
        return await self._db.write(lambda db: _put(db, confirmation, sealed, limits))

    async def get(self, id: str, now: int) -> Confirmation | None:
        return self._db.one(confirmation_of, GET, id, now)

    async def update(self, confirmation: Confirmation, now: int) -> bool:
        facts = confirmation_text(replace(confirmation, version=confirmation.version + 1))
        changed = await self._db.change(
            UPDATE, confirmation.expires_at, confirmation.ticket, facts, confirmation.id, confirmation.version, now
        )
        return changed == 1

    async def claim(self, id: str, ticket: str, now: int) -> tuple[Confirmation, bytes | None] | None:
        return await self._db.write(lambda db: _claim(db, id, ticket, now))

    async def claimed(self, id: str, now: int) -> Confirmation | None:
        return self._db.one(confirmation_of, CLAIMED, id, now)

    async def drop(self, *, id: str | None = None, session: str | None = None) -> None:
        await self._db.write(lambda db: _drop(db, id, session))

    async def held(self, now: int) -> tuple[int, int]:
        return self._db.all(_counted, HELD, now)[0]


def _put(db: sqlite3.Connection, confirmation: Confirmation, sealed: bytes | None, limits: HoldLimits) -> bool:
    id, now = confirmation.id, confirmation.created_at
    pending, held, held_bytes, total, known = db.execute(OF_SESSION, (id, confirmation.session, now)).fetchone()
    if pending >= limits.pending:
        return False
    if sealed is not None:
        if total + len(sealed) > limits.total_bytes:
            (total,) = db.execute(HELD_BY_ALL, (now, id)).fetchone()
        room = min(limits.session_bytes - held_bytes, limits.total_bytes - total)
        if held >= limits.per_session or len(sealed) > room:
            return False
    facts = confirmation_text(confirmation)
    if known:
        db.execute(FORGET, (id,))
        db.execute(UNCLAIM, (id,))
    put = db.execute(
        PUT,
        (
            confirmation.id,
            confirmation.session,
            confirmation.expires_at,
            confirmation.version,
            confirmation.ticket,
            None if sealed is None else len(sealed),
            facts,
        ),
    )
    if sealed is not None:
        db.execute(HOLD, (put.lastrowid, sealed))
    return True


def _counted(requests: int, size: int) -> tuple[int, int]:
    return requests, size


def _claim(db: sqlite3.Connection, id: str, ticket: str, now: int) -> tuple[Confirmation, bytes | None] | None:
    found = db.execute(CLAIM, (id, ticket, now)).fetchone()
    if found is None:
        return None
    facts, sealed = found
    confirmation = confirmation_of(facts)
    db.execute(FORGET, (id,))
    if sealed is not None:
        db.execute(REMEMBER, (id, confirmation.session, now + CLAIMED_KNOWN, facts))
    return confirmation, sealed


def _drop(db: sqlite3.Connection, id: str | None, session: str | None) -> None:
    for sql in DROP:
        db.execute(sql, (id, session))
