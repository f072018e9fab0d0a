"""Credentials, in SQL, each of them its person's and gone with its person."""

from __future__ import annotations

import json

from gateway.policy.credentials import Credentials, Passkey, Password, RecoveryCode, Totp
from gateway.sql import Sql, Value

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
    FROM people WHERE subject = ?
    AND NOT EXISTS (SELECT 1 FROM totps WHERE id = ?) AND NOT EXISTS (SELECT 1 FROM passkeys WHERE id = ?)
    ON CONFLICT DO NOTHING
"""
ADD_TOTP = f"""
    INSERT INTO totps (id, label, sealed_secret, created_at, last_step, last_used_at, subject)
    SELECT ?, ?, ?, ?, ?, ?, subject {IS_FREE}
"""
ADD_PASSKEY = f"""
    INSERT INTO passkeys
        (id, label, rp_id, public_key, sign_count, backed_up, transports, created_at, last_used_at, subject)
    SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, subject {IS_FREE}
"""
REMOVE_TOTP = "DELETE FROM totps WHERE subject = ? AND id = ?"
REMOVE_PASSKEY = "DELETE FROM passkeys WHERE subject = ? AND id = ?"

ADVANCE_TOTP = "UPDATE totps SET last_step = ?, last_used_at = ? WHERE subject = ? AND id = ? AND last_step < ?"
ADVANCE_PASSKEY = """
    UPDATE passkeys SET sign_count = ?, last_used_at = ?
    WHERE subject = ? AND id = ? AND (sign_count < ? OR sign_count = 0 AND sign_count = ?)
"""

FORGET_RECOVERY_CODES = "DELETE FROM recovery_codes WHERE subject = ?"
ADD_RECOVERY_CODE = "INSERT INTO recovery_codes (subject, hash, created_at) VALUES (?, ?, ?)"
USE_RECOVERY_CODE = "DELETE FROM recovery_codes WHERE subject = ? AND hash = ?"


class SqlCredentials:
    """A CredentialStore."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def of(self, subject: str) -> Credentials:
        return Credentials(
            subject,
            await self._sql.one(Password, READ_PASSWORD, subject),
            tuple(await self._sql.all(Totp, READ_TOTPS, subject)),
            tuple(await self._sql.all(_passkey, READ_PASSKEYS, subject)),
            tuple(await self._sql.all(RecoveryCode, READ_RECOVERY_CODES, subject)),
        )

    async def owner(self, id: str) -> str | None:
        return await self._sql.one(str, OWNER, id)

    async def set_password(self, subject: str, password: Password, *, expected: str | None) -> bool:
        values = (password.hash, password.created_at, password.changed_at, subject)
        if expected is None:
            return await self._sql.change(FIRST_PASSWORD, *values) == 1
        return await self._sql.change(NEXT_PASSWORD, *values, expected) == 1

    async def add(self, subject: str, credential: Totp | Passkey) -> bool:
        # All or nothing also where it is a single statement: two tables are looked at, and nobody may add in between.
        sql, columns = _insert(credential)
        values = (*columns, subject, credential.id, credential.id)
        return await self._sql.all_or_nothing((sql, values)) == 1

    async def remove(self, subject: str, id: str) -> bool:
        # An id is never in both tables: one statement after the other is as good as both at once.
        values = subject, id
        return await self._sql.change(REMOVE_TOTP, *values) == 1 or await self._sql.change(REMOVE_PASSKEY, *values) == 1

    async def advance(self, subject: str, id: str, counter: int, now: int) -> bool:
        values = counter, now, subject, id, counter
        if await self._sql.change(ADVANCE_TOTP, *values) == 1:
            return True
        return await self._sql.change(ADVANCE_PASSKEY, *values, counter) == 1

    async def replace_recovery_codes(self, subject: str, codes: tuple[RecoveryCode, ...]) -> None:
        added = [(ADD_RECOVERY_CODE, (subject, code.hash, code.created_at)) for code in codes]
        await self._sql.all_or_nothing((FORGET_RECOVERY_CODES, (subject,)), *added)

    async def use_recovery_code(self, subject: str, hash: str) -> bool:
        return await self._sql.change(USE_RECOVERY_CODE, subject, hash) == 1


def _insert(credential: Totp | Passkey) -> tuple[str, tuple[Value, ...]]:
    match credential:
        case Totp():
            return ADD_TOTP, _totp_columns(credential)
        case Passkey():
            return ADD_PASSKEY, _passkey_columns(credential)


def _totp_columns(totp: Totp) -> tuple[Value, ...]:
    return (totp.id, totp.label, totp.sealed_secret, totp.created_at, totp.last_step, totp.last_used_at)


def _passkey_columns(passkey: Passkey) -> tuple[Value, ...]:
    return (
        passkey.id,
        passkey.label,
        passkey.rp_id,
        passkey.public_key,
        passkey.sign_count,
        int(passkey.backed_up),
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
