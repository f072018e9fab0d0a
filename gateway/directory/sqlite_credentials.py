"""Credentials in SQLite, each of them its person's and gone with its person."""

from __future__ import annotations

import json
import sqlite3

from gateway.policy.credentials import Credentials, Passkey, Password, RecoveryCode, Totp
from gateway.sqlite import Database, Value

SCHEMA = (
    """
    CREATE TABLE passwords (
        subject TEXT PRIMARY KEY REFERENCES people ON DELETE CASCADE,
        hash TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        changed_at INTEGER NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE totps (
        id TEXT PRIMARY KEY,
        subject TEXT NOT NULL REFERENCES people ON DELETE CASCADE,
        label TEXT NOT NULL,
        sealed_secret BLOB NOT NULL,
        created_at INTEGER NOT NULL,
        last_step INTEGER NOT NULL,
        last_used_at INTEGER
    ) STRICT
    """,
    "CREATE INDEX totps_by_subject ON totps (subject)",
    """
    CREATE TABLE passkeys (
        id TEXT PRIMARY KEY,
        subject TEXT NOT NULL REFERENCES people ON DELETE CASCADE,
        label TEXT NOT NULL,
        rp_id TEXT NOT NULL,
        public_key BLOB NOT NULL,
        sign_count INTEGER NOT NULL,
        backed_up INTEGER NOT NULL,
        transports TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        last_used_at INTEGER
    ) STRICT
    """,
    "CREATE INDEX passkeys_by_subject ON passkeys (subject)",
    """
    CREATE TABLE recovery_codes (
        subject TEXT NOT NULL REFERENCES people ON DELETE CASCADE,
        hash TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        PRIMARY KEY (subject, hash)
    ) STRICT, WITHOUT ROWID
    """,
)

READ_PASSWORD = "SELECT hash, created_at, changed_at FROM passwords WHERE subject = ?"  # noqa: S105
READ_TOTPS = """
    SELECT id, label, sealed_secret, created_at, last_step, last_used_at
    FROM totps WHERE subject = ? ORDER BY created_at, id
"""
READ_PASSKEYS = """
    SELECT id, label, rp_id, public_key, sign_count, backed_up, transports, created_at, last_used_at
    FROM passkeys WHERE subject = ? ORDER BY created_at, id
"""
READ_RECOVERY_CODES = "SELECT hash, created_at FROM recovery_codes WHERE subject = ? ORDER BY hash"
OWNER = "SELECT subject FROM passkeys WHERE id = ?"

FIRST_PASSWORD = """
    INSERT INTO passwords (hash, created_at, changed_at, subject)
    SELECT ?, ?, ?, subject FROM people WHERE subject = ?
    ON CONFLICT DO NOTHING
"""  # noqa: S105
NEXT_PASSWORD = "UPDATE passwords SET hash = ?, created_at = ?, changed_at = ? WHERE subject = ? AND hash = ?"  # noqa: S105

IS_FREE = """
    SELECT 1 FROM people WHERE subject = ?
    AND NOT EXISTS (SELECT 1 FROM totps WHERE id = ?) AND NOT EXISTS (SELECT 1 FROM passkeys WHERE id = ?)
"""
ADD_TOTP = """
    INSERT INTO totps (subject, id, label, sealed_secret, created_at, last_step, last_used_at)
    VALUES (?, ?, ?, ?, ?, ?, ?)
"""
ADD_PASSKEY = """
    INSERT INTO passkeys
        (subject, id, label, rp_id, public_key, sign_count, backed_up, transports, created_at, last_used_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
REMOVE = (
    "DELETE FROM totps WHERE subject = ? AND id = ?",
    "DELETE FROM passkeys WHERE subject = ? AND id = ?",
)
ADVANCE = (
    "UPDATE totps SET last_step = :counter, last_used_at = :now"
    " WHERE subject = :subject AND id = :id AND last_step < :counter",
    "UPDATE passkeys SET sign_count = :counter, last_used_at = :now"
    " WHERE subject = :subject AND id = :id AND (sign_count < :counter OR sign_count = 0 AND :counter = 0)",
)

FORGET_RECOVERY_CODES = "DELETE FROM recovery_codes WHERE subject = ?"
ADD_RECOVERY_CODE = "INSERT INTO recovery_codes (subject, hash, created_at) VALUES (?, ?, ?)"
USE_RECOVERY_CODE = "DELETE FROM recovery_codes WHERE subject = ? AND hash = ?"


class SqliteCredentials:
    """A CredentialStore."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def of(self, subject: str) -> Credentials:
        return Credentials(
            subject,
            self._db.one(Password, READ_PASSWORD, subject),
            tuple(self._db.all(Totp, READ_TOTPS, subject)),
            tuple(self._db.all(_passkey, READ_PASSKEYS, subject)),
            tuple(self._db.all(RecoveryCode, READ_RECOVERY_CODES, subject)),
        )

    async def owner(self, id: str) -> str | None:
        return self._db.one(str, OWNER, id)

    async def set_password(self, subject: str, password: Password, *, expected: str | None) -> bool:
        values = (password.hash, password.created_at, password.changed_at, subject)
        if expected is None:
            return await self._db.change(FIRST_PASSWORD, *values) == 1
        return await self._db.change(NEXT_PASSWORD, *values, expected) == 1

    async def add(self, subject: str, credential: Totp | Passkey) -> bool:
        return await self._db.write(lambda db: _add(db, subject, credential))

    async def remove(self, subject: str, id: str) -> bool:
        return await self._db.write(lambda db: sum(db.execute(sql, (subject, id)).rowcount for sql in REMOVE)) == 1

    async def advance(self, subject: str, id: str, counter: int, now: int) -> bool:
        values = {"subject": subject, "id": id, "counter": counter, "now": now}
        return await self._db.write(lambda db: sum(db.execute(sql, values).rowcount for sql in ADVANCE)) == 1

    async def replace_recovery_codes(self, subject: str, codes: tuple[RecoveryCode, ...]) -> None:
        await self._db.write(lambda db: _replace_recovery_codes(db, subject, codes))

    async def use_recovery_code(self, subject: str, hash: str) -> bool:
        return await self._db.change(USE_RECOVERY_CODE, subject, hash) == 1


def _add(db: sqlite3.Connection, subject: str, credential: Totp | Passkey) -> bool:
    if db.execute(IS_FREE, (subject, credential.id, credential.id)).fetchone() is None:
        return False
    match credential:
        case Totp():
            db.execute(ADD_TOTP, (subject, *_totp_columns(credential)))
        case Passkey():
            db.execute(ADD_PASSKEY, (subject, *_passkey_columns(credential)))
    return True


def _replace_recovery_codes(db: sqlite3.Connection, subject: str, codes: tuple[RecoveryCode, ...]) -> None:
    db.execute(FORGET_RECOVERY_CODES, (subject,))
    db.executemany(ADD_RECOVERY_CODE, [(subject, code.hash, code.created_at) for code in codes])


def _totp_columns(totp: Totp) -> tuple[Value, ...]:
    return (totp.id, totp.label, totp.sealed_secret, totp.created_at, totp.last_step, totp.last_used_at)


def _passkey_columns(passkey: Passkey) -> tuple[Value, ...]:
    return (
        passkey.id,
        passkey.label,
        passkey.rp_id,
        passkey.public_key,
        passkey.sign_count,
        passkey.backed_up,
        json.dumps(passkey.transports),
        passkey.created_at,
        passkey.last_used_at,
    )


def _passkey(
    id: str,
    label: str,
    rp_id: str,
    public_key: bytes,
    sign_count: int,
    backed_up: int,
    transports: str,
    created_at: int,
    last_used_at: int | None,
) -> Passkey:
    hints = tuple(json.loads(transports))
    return Passkey(id, label, rp_id, public_key, sign_count, backed_up != 0, hints, created_at, last_used_at)
