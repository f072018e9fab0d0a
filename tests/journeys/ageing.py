"""Time, made to pass in the databases of a gateway that goes on running: what was, was longer ago."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from gateway.flows.sessions import key_of, new_token
from gateway.policy.facts import AuthEvent, Session
from gateway.stores.sqlite import open_state

STATE, DIRECTORY = "gateway-state.db", "gateway.db"
STALE = 1000
"""Seconds: more than any `max_age` in these tests, less than any session lasts."""


def older(folder: Path, seconds: int = STALE) -> None:
    """Everybody signed in, and last proved anything, that much earlier."""
    with closing(sqlite3.connect(folder / STATE, timeout=10)) as db, db:
        for ref, events in db.execute("SELECT ref, events FROM sessions").fetchall():
            earlier = [{**each, "auth_time": each["auth_time"] - seconds} for each in json.loads(events)]
            db.execute("UPDATE sessions SET events = ? WHERE ref = ?", (json.dumps(earlier), ref))
        times = "signed_in_at = signed_in_at - ?1, superseded_at = superseded_at - ?1"
        db.execute(f"UPDATE sessions SET {times}", (seconds,))
    credentials_older(folder, seconds)


def credentials_older(folder: Path, seconds: int) -> None:
    """What was enrolled so far was enrolled that much earlier, and a minute: before any session here began (law 8)."""
    with closing(sqlite3.connect(folder / DIRECTORY, timeout=10)) as db, db:
        for table in ("passwords", "totps", "passkeys", "recovery_codes"):
            db.execute(f"UPDATE {table} SET created_at = created_at - ?", (seconds + 60,))


def signed_in(folder: Path, subject: str, *, ago: int = 0, app: str = "notes") -> str:
    """The id of a new session of `subject`, who gave a password that long ago."""

    async def sign_in() -> bytes:
        state = open_state(folder / STATE)
        now, token = int(time.time()), new_token()
        event = AuthEvent("password", now - ago, ("pwd",))
        session = Session(token[:8].hex(), app, subject, now - ago, now, (event,))
        await state.sessions.create(key_of(token), session, keep_until=now + 9999)
        await state.life.close()
        return token

    credentials_older(folder, max(ago, 0))
    return asyncio.run(sign_in()).decode()
