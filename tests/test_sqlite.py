"""A SQLite file that several processes share."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import pytest

from gateway.errors import StoreError
from gateway.sqlite import files, writer
from gateway.sqlite.database import LOOK, Database
from tests.support.coroutines import in_a_loop

FIRST = ("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT", "INSERT INTO notes VALUES (1, 'a')")
SECOND = ("ALTER TABLE notes ADD COLUMN tag TEXT", "UPDATE notes SET tag = 'old'")
ADD = "INSERT INTO notes (text) VALUES (?)"
TEXTS = "SELECT text FROM notes ORDER BY id"


def open_database(path: Path, *schema: tuple[str, ...]) -> Database:
    return Database(path, schema or (FIRST,), synchronous="NORMAL")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "notes.db"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    opened = open_database(path)
    yield opened
    asyncio.run(opened.close())


def add(text: str, db: sqlite3.Connection) -> int:
    """How many there are by then."""
    db.execute(ADD, (text,))
    (count,) = db.execute("SELECT count(*) FROM notes").fetchone()
    return int(count)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """As another process would hold it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


@in_a_loop
async def test_a_new_file_and_all_beside_it_can_be_read_by_its_owner_alone(path: Path) -> None:
    before = os.umask(0)
    try:
        database = open_database(path)
        await database.change(ADD, "b")
    finally:
        os.umask(before)
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
    await database.close()
    assert modes == {"notes.db": 0o600, "notes.db-wal": 0o600, "notes.db-shm": 0o600}


@in_a_loop
async def test_what_was_written_is_there_when_the_file_is_opened_again(path: Path) -> None:
    for expected in (["a"], ["a", "b"], ["a", "b", "b"]):
        database = open_database(path)
        assert database.all(str, TEXTS) == expected
        assert await database.change(ADD, "b") == 1
        await database.close()


@in_a_loop
async def test_a_file_that_another_process_is_making_is_waited_for(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        made = threading.Timer(0.1, other.execute, ["COMMIT"])
        made.start()
        database = open_database(path)
        made.join()
    assert database.all(str, TEXTS) == ["a"]
    await database.close()


@in_a_loop
async def test_an_older_file_is_brought_up_to_date_once(path: Path) -> None:
    await open_database(path, FIRST).close()
    for tag in ("old", "new"):
        database = open_database(path, FIRST, SECOND)
        assert database.one(str, "SELECT tag FROM notes") == tag
        await database.change("UPDATE notes SET tag = 'new'")
        await database.close()


@in_a_loop
async def test_an_update_that_fails_leaves_the_older_file_as_it_was(path: Path) -> None:
    await open_database(path, FIRST).close()
    with pytest.raises(StoreError, match="no such table"):
        open_database(path, FIRST, (*SECOND, "UPDATE missing SET a = 1"))
    database = open_database(path, FIRST, SECOND)
    assert database.one(str, "SELECT tag FROM notes") == "old"
    await database.close()


@in_a_loop
async def test_a_file_of_a_newer_version_is_not_opened(path: Path) -> None:
    await open_database(path, FIRST, SECOND).close()
    with pytest.raises(StoreError, match="newer version"):
        open_database(path, FIRST)


def garbage(path: Path) -> None:
    path.write_bytes(b"This is no database. " * 300)


def no_folder(path: Path) -> None:
    path.parent.rmdir()


@pytest.mark.parametrize("spoil", [garbage, Path.mkdir, no_folder])
def test_what_cannot_be_opened_is_a_store_error_that_names_the_file(path: Path, spoil: Callable[[Path], None]) -> None:
    path = path.parent / "folder" / path.name
    path.parent.mkdir()
    spoil(path)
    with pytest.raises(StoreError, match=str(path)):
        open_database(path)


@pytest.mark.parametrize(
    "into", [int, json.loads, {}.__getitem__, [].__getitem__, lambda text: len(text) // 0, lambda: None]
)
def test_a_row_that_makes_no_sense_is_a_store_error(database: Database, into: Callable[..., object]) -> None:
    with pytest.raises(StoreError):
        database.one(into, TEXTS)
    with pytest.raises(StoreError):
        database.all(into, TEXTS)


@in_a_loop
async def test_a_file_that_was_damaged_is_a_store_error(database: Database, path: Path) -> None:
    await database.change(ADD, "b" * 10_000)
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    path.write_bytes(path.read_bytes()[:4096] + os.urandom(8192))
    with pytest.raises(StoreError):
        database.all(str, TEXTS)
    with pytest.raises(StoreError):
        await database.change(ADD, "c")


@in_a_loop
async def test_a_write_that_fails_writes_nothing(database: Database) -> None:
    def half(db: sqlite3.Connection) -> None:
        db.execute(ADD, ("b",))
        db.execute(ADD, (None,))

    with pytest.raises(StoreError, match="NOT NULL"):
        await database.write(half)
    await database.change(ADD, "c")
    assert database.all(str, TEXTS) == ["a", "c"]


@in_a_loop
async def test_while_another_process_writes_reads_go_on_and_writes_wait(database: Database, path: Path) -> None:
    with locked(path):
        writing = asyncio.ensure_future(database.change(ADD, "b"))
        for _ in range(20):
            await asyncio.sleep(0.005)
            assert database.all(str, TEXTS) == ["a"]
        assert not writing.done()
    assert await writing == 1
    assert database.all(str, TEXTS) == ["a", "b"]


@in_a_loop
async def test_writes_that_cannot_begin_give_up_together(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "PATIENCE", 0.3)
    database = open_database(path)
    with locked(path):
        began = time.monotonic()
        results = await asyncio.gather(*(database.change(ADD, "b") for _ in range(10)), return_exceptions=True)
        took = time.monotonic() - began
    assert [type(result) for result in results] == [StoreError] * 10
    assert 0.3 <= took < 1.5  # not ten times as long
    assert database.all(str, TEXTS) == ["a"]
    await database.close()


@in_a_loop
async def test_a_read_leaves_no_transaction_open(database: Database, path: Path) -> None:
    await database.change(ADD, "b")
    assert database.one(str, TEXTS) == "a"
    with closing(sqlite3.connect(path)) as other:
        blocked, _, _ = other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    assert not blocked


@in_a_loop
async def test_a_file_that_was_closed_is_a_store_error(path: Path) -> None:
    database = open_database(path)
    await database.close()
    with pytest.raises(StoreError):
        database.one(str, TEXTS)
    with pytest.raises(StoreError):
        await database.change(ADD, "b")


@in_a_loop
async def test_a_file_is_closed_after_the_writes_under_way(path: Path) -> None:
    database = open_database(path)
    writing = [asyncio.ensure_future(database.change(ADD, "b")) for _ in range(20)]
    await asyncio.sleep(0)
    await database.close()
    assert await asyncio.gather(*writing) == [1] * 20


@in_a_loop
async def test_every_call_is_timed_and_those_that_failed_are_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "PATIENCE", 0.05)
    told: list[tuple[str, float, bool]] = []
    database = Database(path, (FIRST,), synchronous="NORMAL", timed=lambda *each: told.append(each))
    await database.change(ADD, "b")
    database.one(str, TEXTS)
    with locked(path), pytest.raises(StoreError):
        await database.change(ADD, "c")
    with pytest.raises(StoreError):
        database.all(str, "SELECT nothing")
    await database.close()
    assert [(call, ok) for call, _, ok in told] == [("write", True), ("read", True), ("write", False), ("read", False)]
    assert told[2][1] >= 0.05 and all(0 < seconds < 5 for _, seconds, _ in told)


@in_a_loop
async def test_a_write_that_nobody_waits_for_any_more_is_no_failure_of_the_file(path: Path) -> None:
    told: list[tuple[str, float, bool]] = []
    database = Database(path, (FIRST,), synchronous="NORMAL", timed=lambda *each: told.append(each))
    with locked(path), pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await database.change(ADD, "b")
    await database.close()
    assert told == []


def test_reads_cannot_write(database: Database) -> None:
    with pytest.raises(StoreError, match="readonly"):
        database.all(str, "DELETE FROM notes RETURNING text")


@contextmanager
def counted(database: Database) -> Iterator[list[str]]:
    """The statements that begin or end a transaction."""
    seen: list[str] = []
    database._writer.connection.set_trace_callback(
        lambda sql: seen.append(sql) if sql in ("BEGIN IMMEDIATE", "COMMIT") else None
    )
    yield seen
    database._writer.connection.set_trace_callback(None)


@in_a_loop
async def test_writes_that_wait_together_share_a_commit_and_each_has_its_own_result(database: Database) -> None:
    with counted(database) as seen:
        results = await asyncio.gather(*(database.write(partial(add, f"{number}")) for number in range(50)))
    assert results == list(range(2, 52))
    assert seen == ["BEGIN IMMEDIATE", "COMMIT"]
    assert database.all(str, TEXTS) == ["a", *map(str, range(50))]


@in_a_loop
async def test_more_writes_than_go_together_are_all_written(database: Database) -> None:
    count = 3 * writer.TOGETHER + 1
    with counted(database) as seen:
        results = await asyncio.gather(*(database.write(partial(add, "b")) for _ in range(count)))
    assert results == list(range(2, count + 2))
    assert seen == ["BEGIN IMMEDIATE", "COMMIT"] * 4


@pytest.mark.parametrize("error", [KeyError("x"), sqlite3.IntegrityError("y"), RuntimeError("z"), StoreError("w")])
@in_a_loop
async def test_one_that_fails_takes_back_its_own_and_no_others(database: Database, error: Exception) -> None:
    def half(db: sqlite3.Connection) -> None:
        add("half", db)
        raise error

    writes = [partial(add, "b"), half, partial(add, "c"), half, partial(add, "d")]
    results = await asyncio.gather(*map(database.write, writes), return_exceptions=True)
    assert [type(result) for result in results] == [int, StoreError, int, StoreError, int]
    assert database.all(str, TEXTS) == ["a", "b", "c", "d"]


@in_a_loop
async def test_a_savepoint_for_each_is_made_only_where_one_fails(database: Database) -> None:
    seen: list[str] = []
    database._writer.connection.set_trace_callback(seen.append)
    await asyncio.gather(*(database.change(ADD, f"{number}") for number in range(9)))
    assert not any("SAVEPOINT" in sql for sql in seen)
    results = await asyncio.gather(*(database.change(ADD, text) for text in ("b", None, "c")), return_exceptions=True)
    database._writer.connection.set_trace_callback(None)
    assert [type(result) for result in results] == [int, StoreError, int]
    assert seen.count("SAVEPOINT apart") == 3
    assert database.all(str, TEXTS) == ["a", *map(str, range(9)), "b", "c"]


@in_a_loop
async def test_a_write_that_ends_the_transaction_and_hides_it_takes_all_down(database: Database) -> None:
    writes = [partial(add, "b"), lambda db: db.execute("ROLLBACK"), partial(add, "c")]
    results = await asyncio.gather(*map(database.write, writes), return_exceptions=True)
    assert [type(result) for result in results] == [StoreError] * 3
    assert database.all(str, TEXTS) == ["a"]


@in_a_loop
async def test_where_the_transaction_itself_ends_nobody_is_told_that_it_was_written(database: Database) -> None:
    def ends(db: sqlite3.Connection) -> None:
        db.execute("ROLLBACK")  # as SQLite does by itself when a disk is full
        raise sqlite3.OperationalError("database or disk is full")

    writes = [partial(add, "b"), ends, partial(add, "c")]
    results = await asyncio.gather(*map(database.write, writes), return_exceptions=True)
    assert [type(result) for result in results] == [StoreError] * 3
    assert database.all(str, TEXTS) == ["a"]
    assert await database.write(partial(add, "d")) == 2


@in_a_loop
async def test_nobody_hears_of_a_result_before_everybody_can_read_it(database: Database, path: Path) -> None:
    async def written(number: int) -> bool:
        await database.write(partial(add, f"{number}"))
        with closing(sqlite3.connect(path)) as other:
            return other.execute("SELECT 1 FROM notes WHERE text = ?", (f"{number}",)).fetchone() is not None

    assert all(await asyncio.gather(*map(written, range(30))))


@in_a_loop
async def test_one_that_nobody_waits_for_any_more_is_not_begun(database: Database, path: Path) -> None:
    with locked(path):
        first = asyncio.ensure_future(database.change(ADD, "b"))
        await asyncio.sleep(0.05)  # the thread waits for the lock by then
        others = [asyncio.ensure_future(database.change(ADD, "c")) for _ in range(2 * writer.TOGETHER)]
        last = asyncio.ensure_future(database.change(ADD, "d"))
        await asyncio.sleep(0)
        for other in others:
            other.cancel()
        await asyncio.sleep(0)
    assert await first == await last == 1
    assert database.all(str, TEXTS) == ["a", "b", "d"]


KILLED = """
import asyncio, os, sqlite3, sys
from gateway.sqlite.database import Database
from tests.test_sqlite import ADD, FIRST

async def main():
    database = Database(sys.argv[1], (FIRST,), synchronous="NORMAL")
    async def one(n):
        await database.change(ADD, f"{n}")
        os.write(1, f"{n}\\n".encode())
        if n == 700:
            os.kill(os.getpid(), 9)
    await asyncio.gather(*map(one, range(2000)))

asyncio.run(main())
"""


def test_what_was_told_to_be_written_outlives_the_process(path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], capture_output=True, timeout=60, check=False)
    assert done.returncode == -9, done.stderr
    told = done.stdout.decode().split()
    with closing(sqlite3.connect(path)) as db:
        kept = {text for (text,) in db.execute(TEXTS)}
    assert len(told) > 600 and kept.issuperset(told)


@in_a_loop
async def test_the_version_is_another_one_as_soon_as_somebody_has_committed(database: Database, path: Path) -> None:
    seen = [database.version()]

    def changed() -> bool:
        seen.append(database.version())
        return seen[-1] not in seen[:-1]

    assert not changed()
    await database.change(ADD, "b")
    assert changed() and not changed()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:  # as another process does
        other.execute("UPDATE notes SET text = 'c'")
        assert changed() and not changed()
        other.execute("BEGIN IMMEDIATE")
        other.execute("DELETE FROM notes")
        assert not changed()
        other.execute("COMMIT")
        assert changed()


def test_a_file_that_was_replaced_has_no_version(path: Path) -> None:
    database = open_database(path)
    database.version()
    path.rename(path.with_suffix(".old"))
    path.write_bytes(path.with_suffix(".old").read_bytes())
    time.sleep(2 * LOOK)
    with pytest.raises(StoreError, match="replaced"):
        database.version()
    asyncio.run(database.close())
