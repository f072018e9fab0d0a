"""The directory in one SQLite file: what only this implementation can show."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest

from gateway import sqlite
from gateway.directory.base import Directory
from gateway.directory.sqlite import open_directory
from gateway.errors import StoreError
from gateway.policy.credentials import Credentials, Passkey, Password, Person, RecoveryCode, Totp

NOW = 1_000_000
ADA = Person("ada", "Ada", NOW)
PASSWORD = Password("$argon2id$", NOW, NOW)
TOTP = Totp("t", "Phone", b"sealed", NOW)
PASSKEY = Passkey("p", "Key", "notes.example.com", b"key", 0, False, ("usb",), NOW)
CODES = (RecoveryCode("0a", NOW),)


async def fill(directory: Directory) -> None:
    await directory.people.add(ADA)
    await directory.credentials.set_password("ada", PASSWORD, expected=None)
    await directory.credentials.add("ada", TOTP)
    await directory.credentials.add("ada", PASSKEY)
    await directory.credentials.replace_recovery_codes("ada", CODES)


async def test_what_was_kept_is_there_after_a_restart(path: Path) -> None:
    before = open_directory(path)
    await fill(before)
    await before.life.close()
    after = open_directory(path)
    assert await after.people.list() == [ADA]
    assert await after.credentials.of("ada") == Credentials("ada", PASSWORD, (TOTP,), (PASSKEY,), CODES)
    await after.life.close()


@pytest.mark.parametrize("transports", ["", "{", "7", "null"])
async def test_a_passkey_that_does_not_parse_is_an_error_and_no_passkey(
    directory: Directory, path: Path, transports: str
) -> None:
    await fill(directory)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("UPDATE passkeys SET transports = ?", (transports,))
    with pytest.raises(StoreError):
        await directory.credentials.of("ada")


async def test_recovery_codes_for_nobody_are_an_error(directory: Directory) -> None:
    with pytest.raises(StoreError):
        await directory.credentials.replace_recovery_codes("nobody", CODES)


WRITES: list[Callable[[Directory], Awaitable[object]]] = [
    lambda directory: directory.people.add(ADA),
    lambda directory: directory.people.set_disabled("ada", True),
    lambda directory: directory.people.delete("ada"),
    lambda directory: directory.credentials.set_password("ada", PASSWORD, expected=None),
    lambda directory: directory.credentials.set_password("ada", PASSWORD, expected="$argon2id$"),
    lambda directory: directory.credentials.add("ada", TOTP),
    lambda directory: directory.credentials.remove("ada", "t"),
    lambda directory: directory.credentials.advance("ada", "t", 1, NOW),
    lambda directory: directory.credentials.replace_recovery_codes("ada", CODES),
    lambda directory: directory.credentials.use_recovery_code("ada", "0a"),
]
READS: list[Callable[[Directory], Awaitable[object]]] = [
    lambda directory: directory.life.ping(),
    lambda directory: directory.people.get("ada"),
    lambda directory: directory.people.list(),
    lambda directory: directory.credentials.of("ada"),
    lambda directory: directory.credentials.owner("p"),
]


async def test_while_the_file_is_locked_it_is_read_and_not_written(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "PATIENCE", 0.02)
    directory = open_directory(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for write in WRITES:
            with pytest.raises(StoreError):
                await write(directory)
        for read in READS:
            await read(directory)
    await directory.life.close()


async def test_whatever_needs_a_closed_file_is_an_error(path: Path) -> None:
    directory = open_directory(path)
    await directory.life.close()
    for use in (*WRITES, *READS):
        with pytest.raises(StoreError):
            await use(directory)
