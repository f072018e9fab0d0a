"""The state in one SQLite file: what only this implementation can show."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from secrets import token_hex, token_urlsafe

import pytest

from gateway.errors import StoreError
from gateway.policy.facts import AuthEvent, Confirmation, Session
from gateway.sqlite import files
from gateway.sqlite.database import Database
from gateway.stores.base import HoldLimits, Limit, State
from gateway.stores.encoding import confirmation_text
from gateway.stores.sqlite import VERSIONS, open_state
from gateway.stores.sqlite_confirmations import PUT

NOW = 1_000_000
ADA = Session("ref-a", "notes", "ada", NOW, NOW, (AuthEvent("password", NOW, ("pwd",)),))
ASKED = Confirmation("c", "notes", "ref-a", "ada", ("r",), "POST", "/", (), "/", NOW, NOW + 100, ticket="t")
EVENT = '{"verifier": "password", "auth_time": 1, "amr": ["pwd"]}'
TABLES = ("sessions", "confirmations", "held", "throttles", "once")


def execute(path: Path, sql: str, *values: object) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        return other.execute(sql, values).fetchall()


async def fill(state: State) -> None:
    await state.sessions.create(b"a" * 32, ADA, keep_until=NOW + 100)
    await state.confirmations.put(ASKED, b"sealed", HoldLimits())
    await state.throttle.take("ada", NOW, Limit(window=100))
    await state.once.put("key", b"value", now=NOW, expires_at=NOW + 100)


@pytest.mark.parametrize(
    ("at", "left"),
    [
        (NOW + 99, {"sessions", "confirmations", "held", "throttles", "once"}),
        (NOW + 100, {"sessions"}),
        (NOW + 101, set()),
    ],
)
async def test_purging_deletes_what_has_expired(state: State, path: Path, at: int, left: set[str]) -> None:
    await fill(state)
    await state.life.purge(at)
    assert {table for table in TABLES if execute(path, f"SELECT 1 FROM {table}")} == left


async def test_what_is_held_now_is_counted_with_its_bytes(state: State) -> None:
    assert await state.confirmations.held(NOW) == (0, 0)
    await fill(state)
    await state.confirmations.put(replace(ASKED, id="d"), b"of ten byt", HoldLimits())
    await state.confirmations.put(replace(ASKED, id="e"), None, HoldLimits())
    assert await state.confirmations.held(NOW + 99) == (2, 16)
    assert await state.confirmations.held(NOW + 100) == (0, 0)


TOTAL = "SELECT bytes, (SELECT coalesce(sum(size), 0) FROM confirmations) FROM held_total"


async def test_the_sum_of_what_is_held_follows_whatever_comes_and_goes(state: State, path: Path) -> None:
    store = state.confirmations
    for number in range(6):
        asked = replace(ASKED, id=f"{number}", session=f"ref-{number}", expires_at=NOW + 100 + number)
        assert await store.put(asked, bytes(10 + number), HoldLimits())
    assert execute(path, TOTAL) == [(75, 75)]
    assert await store.put(replace(ASKED, id="0"), bytes(100), HoldLimits())  # in place of the first
    assert execute(path, TOTAL) == [(165, 165)]
    assert await store.update(replace(ASKED, id="1", ticket="u"), NOW)
    assert await store.claim("1", "u", NOW) is not None
    await store.drop(id="2")
    await store.drop(session="ref-3")
    await store.put(replace(ASKED, id="n"), None, HoldLimits())
    assert execute(path, TOTAL) == [(129, 129)]
    await state.life.purge(NOW + 104)
    assert execute(path, TOTAL) == [(15, 15)]


async def test_what_has_expired_and_is_not_deleted_yet_takes_no_room(state: State, path: Path) -> None:
    limits = HoldLimits(total_bytes=100)
    assert await state.confirmations.put(replace(ASKED, id="old"), bytes(80), limits)
    later = replace(ASKED, id="new", session="ref-b", created_at=NOW + 100, expires_at=NOW + 200)
    assert not await state.confirmations.put(replace(later, created_at=NOW + 99), bytes(80), limits)
    assert await state.confirmations.put(later, bytes(80), limits)
    assert execute(path, TOTAL) == [(160, 160)]


async def test_what_an_older_file_holds_is_added_up_once(path: Path) -> None:
    older = Database(path, VERSIONS[:2], synchronous="NORMAL")
    for number in range(3):
        await older.change(PUT, f"{number}", "ref", NOW, 0, "", 10 * number or None, "{}")
    await older.close()
    await open_state(path).life.close()
    assert execute(path, TOTAL) == [(30, 30)]


@pytest.mark.parametrize("version", [1, 2, 3])
async def test_what_an_older_file_holds_is_still_held_once_and_counted(path: Path, version: int) -> None:
    older, asked = Database(path, VERSIONS[:version], synchronous="NORMAL"), {}
    for number in range(40):
        each = asked[f"{number}"] = replace(ASKED, id=f"{number}", session=f"ref-{number % 3}", ticket=f"t-{number}")
        size = None if number % 4 == 0 else number
        text = confirmation_text(each)
        await older.change(PUT, each.id, each.session, NOW + 100 - number % 7, 0, each.ticket, size, text)
        if size is not None:
            await older.change("INSERT INTO held (id, sealed) VALUES (?, ?)", each.id, bytes([number]) * number)
    await older.close()
    state = open_state(path)
    store, total = state.confirmations, sum(number for number in range(40) if number % 4)
    assert execute(path, TOTAL) == [(total, total)]
    assert await store.held(NOW) == (30, total)
    assert await store.put(replace(ASKED, id="new"), bytes(5), HoldLimits())
    for number in range(20):
        held = None if number % 4 == 0 else bytes([number]) * number
        each = asked[f"{number}"]
        assert await store.get(each.id, NOW) == each
        assert await store.claim(each.id, each.ticket, NOW) == (each, held)
        assert await store.claim(each.id, each.ticket, NOW) is None
    assert await store.claim("new", "t", NOW) == (replace(ASKED, id="new"), bytes(5))
    await store.drop(session="ref-0")
    left = sum(number for number in range(20, 40) if number % 4 and number % 3)
    assert execute(path, TOTAL) == [(left, left)]
    await state.life.purge(NOW + 100)
    assert execute(path, TOTAL) == [(0, 0)]
    assert execute(path, "SELECT count(*) FROM held") == [(0,)]
    await state.life.close()


async def test_keeping_one_more_costs_the_same_however_many_there_are(state: State, path: Path) -> None:
    execute(
        path,
        """
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000)
        INSERT INTO confirmations SELECT i, 'x' || i, 'ref-' || i, ?, 0, '', 10, '{}' FROM n
        """,
        NOW + 100,
    )
    database = state.confirmations._db
    steps: list[int] = []
    await database.write(lambda db: db.set_progress_handler(lambda: steps.append(1), 1000))
    assert await state.confirmations.put(ASKED, b"sealed", HoldLimits())
    assert len(steps) < 5  # thousands of steps; adding up 50,000 takes a few hundred thousand


async def test_what_somebody_left_of_a_confirmation_they_deleted_is_nobody_elses(state: State, path: Path) -> None:
    assert await state.confirmations.put(ASKED, b"sealed", HoldLimits())
    execute(path, "DELETE FROM confirmations")  # from outside, where foreign keys mean nothing
    assert execute(path, "SELECT sealed FROM held") == [(b"sealed",)]
    assert await state.confirmations.put(replace(ASKED, id="d"), None, HoldLimits())
    assert await state.confirmations.put(replace(ASKED, id="e"), b"other", HoldLimits())
    assert await state.confirmations.claim("d", "t", NOW) == (replace(ASKED, id="d"), None)
    assert await state.confirmations.claim("e", "t", NOW) == (replace(ASKED, id="e"), b"other")


async def test_what_is_kept_at_once_is_written_side_by_side(state: State, path: Path) -> None:
    async def keep(count: int) -> list[bool]:
        each = [replace(ASKED, id=token_urlsafe(24), session=token_hex(16), back="/" * 300) for _ in range(count)]
        return await asyncio.gather(*(state.confirmations.put(one, bytes(300), HoldLimits()) for one in each))

    assert all(await keep(2000))
    execute(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    assert all(await keep(64))
    pages = path.with_name(path.name + "-wal").stat().st_size // 4096
    assert pages < 110  # one for each of 64 ids and sessions, which are random, or less; by ids alone it was 289


async def test_what_was_kept_is_there_after_a_restart(path: Path) -> None:
    before = open_state(path)
    await fill(before)
    await before.life.close()
    after = open_state(path)
    assert await after.sessions.get(b"a" * 32, NOW) == ADA
    assert await after.confirmations.claim("c", "t", NOW) == (ASKED, b"sealed")
    assert await after.once.pop("key", NOW) == b"value"
    assert (await after.throttle.take("ada", NOW, Limit())).tries == 2
    await after.life.close()


@pytest.mark.parametrize(
    "events",
    [
        "",
        "{",
        "null",
        "7",
        '["password"]',
        '[["password", 1, ["pwd"]]]',
        EVENT,
        f"[{EVENT.replace('1', 'NaN')}]",
        f"[{EVENT.replace('1', 'true')}]",
        f"[{EVENT.replace('1', '1e9')}]",
        f"[{EVENT.replace('verifier', 'name')}]",
        f"[{EVENT.replace('}', chr(44) + chr(34) + 'x' + chr(34) + ': 1}')}]",
    ],
)
async def test_a_session_that_does_not_parse_is_an_error_and_no_session(state: State, path: Path, events: str) -> None:
    await fill(state)
    execute(path, "UPDATE sessions SET events = ?, superseded_hash = ?, superseded_at = ?", events, b"b" * 32, NOW)
    for read in (state.sessions.get(b"a" * 32, NOW), state.sessions.get(b"b" * 32, NOW), state.sessions.find()):
        with pytest.raises(StoreError):
            await read


@pytest.mark.parametrize("facts", ["", "{}", "[]", "null", '{"routes": [], "shown": [], "events": []}'])
async def test_a_confirmation_that_does_not_parse_is_an_error_and_is_not_claimed(
    state: State, path: Path, facts: str
) -> None:
    await fill(state)
    execute(path, "UPDATE confirmations SET facts = ?", facts)
    with pytest.raises(StoreError):
        await state.confirmations.get("c", NOW)
    with pytest.raises(StoreError):
        await state.confirmations.claim("c", "t", NOW)
    assert execute(path, "SELECT sealed FROM held") == [(b"sealed",)]


USES: list[Callable[[State], Awaitable[object]]] = [
    lambda state: state.life.ping(),
    lambda state: state.life.purge(NOW),
    lambda state: state.sessions.create(b"b" * 32, replace(ADA, ref="ref-b"), keep_until=NOW),
    lambda state: state.sessions.rotate(b"a" * 32, b"b" * 32, ADA, now=NOW, keep_until=NOW),
    lambda state: state.sessions.touch("ref-a", NOW, keep_until=NOW),
    lambda state: state.sessions.revoke(ref="ref-a"),
    lambda state: state.confirmations.put(ASKED, None, HoldLimits()),
    lambda state: state.confirmations.update(ASKED, NOW),
    lambda state: state.confirmations.claim("c", "t", NOW),
    lambda state: state.confirmations.drop(id="c"),
    lambda state: state.throttle.take("ada", NOW, Limit()),
    lambda state: state.throttle.give_back("ada"),
    lambda state: state.throttle.forgive("ada"),
    lambda state: state.once.put("key", b"", now=NOW, expires_at=NOW),
    lambda state: state.once.pop("key", NOW),
]
READS: list[Callable[[State], Awaitable[object]]] = [
    lambda state: state.sessions.get(b"a" * 32, NOW),
    lambda state: state.sessions.find(),
    lambda state: state.confirmations.get("c", NOW),
]


async def test_whatever_needs_a_locked_file_is_an_error(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "PATIENCE", 0.02)
    state = open_state(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for use in USES:
            with pytest.raises(StoreError):
                await use(state)
        for read in READS:
            assert not await read(state)
    await state.life.ping()
    await state.life.close()


async def test_whatever_needs_a_closed_file_is_an_error(path: Path) -> None:
    state = open_state(path)
    await state.life.close()
    for use in (*USES, *READS):
        with pytest.raises(StoreError):
            await use(state)


async def test_whatever_needs_a_missing_table_is_an_error(state: State, path: Path) -> None:
    for table in ("sessions", "held", "confirmations", "throttles", "once"):
        execute(path, f"DROP TABLE {table}")
    for use in (*USES, *READS):
        with pytest.raises(StoreError):
            await use(state)


async def test_an_update_does_not_write_what_is_held_again(state: State, path: Path) -> None:
    await state.confirmations.put(ASKED, bytes(1 << 20), HoldLimits())
    execute(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    assert await state.confirmations.update(ASKED, NOW)
    assert path.with_name(f"{path.name}-wal").stat().st_size < 100_000
