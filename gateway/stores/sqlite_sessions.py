"""Sessions in SQLite: one row each, found by the hash of its current id or, for a moment, of the one before."""

from __future__ import annotations

from gateway.policy.facts import Session
from gateway.sqlite.database import Database, Value
from gateway.stores.base import SUPERSEDED_GRACE
from gateway.stores.encoding import events_of, events_text

SCHEMA = (
    """
    CREATE TABLE sessions (
        token_hash BLOB PRIMARY KEY,
        ref TEXT NOT NULL UNIQUE,
        app TEXT NOT NULL,
        subject TEXT NOT NULL,
        signed_in_at INTEGER NOT NULL,
        last_seen INTEGER NOT NULL,
        events TEXT NOT NULL,
        address TEXT NOT NULL,
        agent TEXT NOT NULL,
        keep_until INTEGER NOT NULL,
        superseded_hash BLOB,
        superseded_at INTEGER
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX sessions_by_superseded_hash ON sessions (superseded_hash) WHERE superseded_hash IS NOT NULL",
    "CREATE INDEX sessions_by_subject ON sessions (subject)",
    "CREATE INDEX sessions_by_keep_until ON sessions (keep_until)",
)

CREATE = """
    INSERT INTO sessions
        (token_hash, ref, app, subject, signed_in_at, last_seen, events, address, agent, keep_until)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
BY_CURRENT = """
    SELECT ref, app, subject, signed_in_at, last_seen, events, address, agent, FALSE
    FROM sessions WHERE token_hash = ?
"""
# A clock that is set back must not give the old id more time.
BY_SUPERSEDED = """
    SELECT ref, app, subject, signed_in_at, last_seen, events, address, agent, TRUE
    FROM sessions WHERE superseded_hash = ? AND abs(? - superseded_at) < ?
"""
ROTATE = """
    UPDATE sessions SET
        token_hash = ?, ref = ?, app = ?, subject = ?, signed_in_at = ?, last_seen = ?, events = ?,
        address = ?, agent = ?, keep_until = ?, superseded_hash = token_hash, superseded_at = ?
    WHERE token_hash = ?
"""
TOUCH = "UPDATE sessions SET last_seen = max(last_seen, ?), keep_until = max(keep_until, ?) WHERE ref = ?"
REVOKE_ONE = "DELETE FROM sessions WHERE ref = ? AND subject = coalesce(?, subject) AND ref IS NOT ? RETURNING ref"
REVOKE_ALL = "DELETE FROM sessions WHERE subject = ? AND ref IS NOT ? RETURNING ref"
FIND = """
    SELECT ref, app, subject, signed_in_at, last_seen, events, address, agent, FALSE
    FROM sessions WHERE {} ORDER BY last_seen DESC, ref
"""
FIND_ALL = FIND.format("TRUE")
FIND_ONE = FIND.format("ref = ? AND subject = coalesce(?, subject)")
FIND_BY_SUBJECT = FIND.format("subject = ?")


class SqliteSessions:
    """A SessionStore."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def create(self, token_hash: bytes, session: Session, *, keep_until: int) -> None:
        await self._db.change(CREATE, token_hash, *_columns(session), keep_until)

    async def get(self, token_hash: bytes, now: int) -> Session | None:
        return self.at_once(token_hash, now)

    def at_once(self, token_hash: bytes, now: int) -> Session | None:
        """`get` never waits."""
        current = self._db.one(_session, BY_CURRENT, token_hash)
        return current or self._db.one(_session, BY_SUPERSEDED, token_hash, now, SUPERSEDED_GRACE)

    async def rotate(self, old: bytes, new: bytes, session: Session, *, now: int, keep_until: int) -> bool:
        return await self._db.change(ROTATE, new, *_columns(session), keep_until, now, old) == 1

    async def touch(self, ref: str, last_seen: int, *, keep_until: int) -> None:
        await self._db.change(TOUCH, last_seen, keep_until, ref)

    async def revoke(self, *, ref: str | None = None, subject: str | None = None, keep: str | None = None) -> list[str]:
        sql, values = (REVOKE_ALL, (subject, keep)) if ref is None else (REVOKE_ONE, (ref, subject, keep))
        return await self._db.write(lambda db: [ended for (ended,) in db.execute(sql, values).fetchall()])

    async def find(self, *, ref: str | None = None, subject: str | None = None) -> list[Session]:
        if ref is not None:
            return self._db.all(_session, FIND_ONE, ref, subject)
        if subject is not None:
            return self._db.all(_session, FIND_BY_SUBJECT, subject)
        return self._db.all(_session, FIND_ALL)


def _columns(session: Session) -> tuple[Value, ...]:
    return (
        session.ref,
        session.app,
        session.subject,
        session.signed_in_at,
        session.last_seen,
        events_text(session.events),
        session.address,
        session.agent,
    )


def _session(
    ref: str,
    app: str,
    subject: str,
    signed_in_at: int,
    last_seen: int,
    events: str,
    address: str,
    agent: str,
    superseded: int,
) -> Session:
    return Session(ref, app, subject, signed_in_at, last_seen, events_of(events), address, agent, superseded == 1)
