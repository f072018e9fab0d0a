"""What a person has is read again as soon as anybody has changed it, and not before."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.config.secrets import Keyring
from gateway.directory.base import Directory
from gateway.directory.sqlite import open_directory
from gateway.errors import StoreError
from gateway.flows import proof
from gateway.flows.proof import Prover
from gateway.flows.throttle import Throttle
from gateway.policy.credentials import Credentials, Password, Person
from gateway.sqlite.database import LOOK
from gateway.stores.base import State

PASSWORD = Password("hash", 1, 1)
ADA = Credentials("ada", PASSWORD)


@pytest.fixture
def prover(state: State, directory: Directory) -> Prover:
    return Prover(directory, {}, Throttle(state.throttle, Keyring([b"s" * 32])))


async def enter(directory: Directory, subject: str) -> None:
    assert await directory.people.add(Person(subject, subject, 1))
    assert await directory.credentials.set_password(subject, PASSWORD, expected=None)


def read(directory: Directory) -> Callable[[], int]:
    """How many statements its tables were read with by then."""
    asked: list[str] = []
    directory.people._sql._db._reader.set_trace_callback(asked.append)  # type: ignore[attr-defined]
    return lambda: sum(" FROM " in sql for sql in asked)


async def test_what_a_person_has_is_read_once_until_something_changes(prover: Prover, directory: Directory) -> None:
    await enter(directory, "ada")
    count = read(directory)
    for _ in range(3):
        assert await prover.credentials("ada") == ADA
    once = count()
    assert once > 0
    await enter(directory, "ben")
    assert await prover.credentials("ada") == ADA
    assert count() == 2 * once


async def test_a_change_by_another_process_counts_for_whoever_asks_next(
    prover: Prover, directory: Directory, tmp_path: Path
) -> None:
    await enter(directory, "ada")
    assert await prover.credentials("ada") == ADA
    with closing(sqlite3.connect(tmp_path / "directory.db", isolation_level=None)) as other:
        other.execute("UPDATE passwords SET hash = 'other'")
        assert await prover.credentials("ada") == Credentials("ada", replace(PASSWORD, hash="other"))
        other.execute("UPDATE people SET disabled = 1")
        assert await prover.credentials("ada") == Credentials("ada", disabled=True)
        other.execute("DELETE FROM people")
        assert await prover.credentials("ada") == Credentials("ada")


async def test_what_changes_while_it_is_read_is_not_remembered_as_it_was(
    prover: Prover, directory: Directory, tmp_path: Path
) -> None:
    await enter(directory, "ada")
    with closing(sqlite3.connect(tmp_path / "directory.db", isolation_level=None)) as other:

        def meanwhile(sql: str) -> None:
            if "FROM people" in sql and not other.in_transaction:
                other.execute("UPDATE passwords SET hash = hash || '+'")

        directory.people._sql._db._reader.set_trace_callback(meanwhile)  # type: ignore[attr-defined]
        await prover.credentials("ada")
        directory.people._sql._db._reader.set_trace_callback(None)  # type: ignore[attr-defined]
        (stored,) = other.execute("SELECT hash FROM passwords").fetchone()
    assert (await prover.credentials("ada")).password == replace(PASSWORD, hash=stored)


async def test_whoever_is_not_there_is_not_remembered_and_of_others_not_too_many(
    prover: Prover, directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proof, "MANY", 3)
    for number in range(7):
        assert await prover.credentials(f"nobody-{number}") == Credentials(f"nobody-{number}")
    assert prover._known == {}
    for number in range(7):
        await enter(directory, f"{number}")
    for number in range(7):
        assert await prover.credentials(f"{number}") == Credentials(f"{number}", PASSWORD)
        assert 0 < len(prover._known) <= 3


async def test_what_is_remembered_of_a_file_that_was_replaced_is_a_store_error(state: State, tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    directory = open_directory(path)
    prover = Prover(directory, {}, Throttle(state.throttle, Keyring([b"s" * 32])))
    await enter(directory, "ada")
    assert await prover.credentials("ada") == ADA
    path.rename(path.with_suffix(".old"))
    path.write_bytes(path.with_suffix(".old").read_bytes())
    await asyncio.sleep(2 * LOOK)
    with pytest.raises(StoreError, match="replaced"):
        await prover.credentials("ada")
    await directory.life.close()
