"""Whether anybody has committed to a SQLite file."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.sqlite import commits
from gateway.sqlite.database import Database
from tests.support.coroutines import in_a_loop

SCHEMA = (("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT",),)
ADD = "INSERT INTO notes (text) VALUES ('x')"
OTHER_PROCESS = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=0.2, isolation_level=None)
db.execute(sys.argv[2])
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "notes.db"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    opened = open_database(path)
    yield opened
    asyncio.run(opened.close())


def open_database(path: Path) -> Database:
    return Database(path, SCHEMA, synchronous="NORMAL")


def elsewhere(path: Path, sql: str) -> subprocess.CompletedProcess[str]:
    """Carried out by another process."""
    return subprocess.run([sys.executable, "-c", OTHER_PROCESS, path, sql], capture_output=True, text=True, check=False)


def descriptors(path: Path) -> int:
    """Of the index of that file, that this process has open."""
    return sum(os.path.realpath(f"/proc/self/fd/{each}") == f"{path}-shm" for each in os.listdir("/proc/self/fd"))


@in_a_loop
async def test_each_commit_of_any_process_gives_the_file_another_mark_and_nothing_else_does(
    database: Database, path: Path
) -> None:
    marks = [database.version()]
    await database.change(ADD)
    marks.append(database.version())
    assert elsewhere(path, ADD).returncode == 0
    marks.append(database.version())
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute(ADD)
        marks.append(database.version())
        other.execute("BEGIN IMMEDIATE")
        other.execute(ADD)
        assert database.version() == marks[-1]
        other.execute("ROLLBACK")
        assert database.version() == marks[-1]
        other.execute("BEGIN IMMEDIATE")
        other.execute(ADD)
        other.execute("COMMIT")
        marks.append(database.version())
    database.all(str, "SELECT text FROM notes")
    assert database.version() == marks[-1]
    assert len(set(marks)) == len(marks)


@in_a_loop
async def test_marks_do_not_come_back_when_the_log_begins_again(database: Database, path: Path) -> None:
    seen = {database.version()}
    for number in range(1, 200):
        await database.change(ADD)
        if number % 20 == 0:
            assert elsewhere(path, "PRAGMA wal_checkpoint(TRUNCATE)").returncode == 0
        assert database.version() not in seen
        seen.add(database.version())


@in_a_loop
async def test_what_is_committed_while_others_look_is_seen_by_whoever_looks_afterwards(
    database: Database, path: Path
) -> None:
    wrong: list[int] = []
    counts: dict[object, int] = {}  # by the version that they were read at
    committed, ended = 0, False

    def look() -> None:
        while not ended:
            before = committed
            if (version := database.version()) not in counts:
                counts[version] = database.one(int, "SELECT count(*) FROM notes") or 0
            if counts[version] < before:
                wrong.append(before)

    reader = threading.Thread(target=look)
    reader.start()
    try:
        for _ in range(2000):
            await database.change(ADD)
            committed += 1
    finally:
        ended = True
        reader.join()
    assert wrong == []


@in_a_loop
async def test_a_database_that_is_closed_takes_no_lock_from_another_one_on_the_same_file(
    database: Database, path: Path
) -> None:
    beside = open_database(path)
    holding, done = threading.Event(), threading.Event()

    def hold(db: sqlite3.Connection) -> None:
        db.execute(ADD)
        holding.set()
        done.wait(10)

    write = asyncio.ensure_future(database.write(hold))
    await asyncio.to_thread(holding.wait, 10)
    await beside.close()
    refused = await asyncio.to_thread(elsewhere, path, ADD)
    done.set()
    await write
    assert "locked" in refused.stderr
    assert elsewhere(path, ADD).returncode == 0


@in_a_loop
async def test_the_last_one_to_be_closed_leaves_no_descriptor_open(path: Path) -> None:
    first, second = open_database(path), open_database(path)
    await first.close()
    assert second.version() == second.version()
    assert descriptors(path) > 0
    await second.close()
    assert descriptors(path) == 0


@in_a_loop
async def test_an_index_of_a_format_that_we_do_not_know_is_not_looked_at(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commits, "FORMAT", 4007000)
    database = open_database(path)
    before = database.version()
    assert elsewhere(path, ADD).returncode == 0
    assert database.version() != before
    await database.close()
