"""The directory in one SQLite file: what only this implementation can show."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from gateway.directory.base import Directory
from gateway.directory.sqlite import open_directory
from gateway.errors import StoreError
from gateway.policy.credentials import Credentials
from gateway.sqlite import files
from tests.directory.deeds import ADA, CODES, PASSKEY, PASSWORD, READS, TOTP, WRITES, fill


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


async def test_while_the_file_is_locked_it_is_read_and_not_written(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "PATIENCE", 0.02)
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


def test_who_keeps_people_in_a_file_loads_no_driver() -> None:
    code = "import sys, gateway.cli, gateway.directory.sqlite; sys.exit('asyncpg' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2]).returncode == 0


async def test_a_file_of_the_first_release_opens_and_is_as_a_new_one(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.executescript(Path(__file__).with_name("version_1.sql").read_text())
    old, new = open_directory(path), open_directory(path.with_name("new.db"))
    assert await old.people.list() == [ADA]
    assert await old.credentials.of("ada") == Credentials("ada", PASSWORD, (TOTP,), (PASSKEY,), CODES)
    await fill(new)
    await old.life.close()
    await new.life.close()
    assert dump(path) == dump(path.with_name("new.db"))


def dump(path: Path) -> list[str]:
    """Everything in it, as SQL, with no more white space than it takes."""
    with closing(sqlite3.connect(path)) as other:
        lines = [*other.iterdump(), str(other.execute("PRAGMA user_version").fetchone())]
    return [" ".join(line.split()).replace("( ", "(").replace(" )", ")").replace(" ;", ";") for line in lines]
