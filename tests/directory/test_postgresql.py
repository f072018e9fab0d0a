"""The directory in PostgreSQL: what only this implementation can show, on a server that fails in the usual ways."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from gateway.directory.base import Directory
from gateway.directory.postgresql import SCHEMA, migrate, open_directory
from gateway.errors import StoreError
from gateway.policy.credentials import Credentials, Person
from gateway.postgresql import engine, pool, seam
from gateway.postgresql.engine import PostgresqlSql
from tests.directory.deeds import ADA, CODES, NOW, PASSKEY, PASSWORD, READS, TOTP, WRITES, fill
from tests.support.postgres import Postgres, postgres

BEN = Person("ben", "Ben", NOW)
SOON = 15.0
"""Seconds within which a condition has to come true, on a slow machine."""


@pytest.fixture
def directory(runner: asyncio.Runner, address: str) -> Iterator[Directory]:
    opened = open_directory(address)
    yield opened
    runner.run(opened.life.close())


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a test need not wait as long as people would."""
    monkeypatch.setattr(engine, "DEADLINE", 1.0)
    monkeypatch.setattr(seam, "CONNECT", 0.6)


async def soon(directory: Directory) -> float:
    """Seconds until it answers again."""
    began = time.monotonic()
    while True:
        try:
            await directory.life.ping()
            return time.monotonic() - began
        except StoreError:
            assert time.monotonic() < began + SOON, "it never did"
            await asyncio.sleep(0.05)


async def refused(work: Awaitable[object]) -> tuple[str, float]:
    """What the StoreError says, and after how long."""
    began = time.monotonic()
    with pytest.raises(StoreError) as found:
        await work
    return str(found.value), time.monotonic() - began


@asynccontextmanager
async def connected(address: str) -> AsyncIterator[Any]:
    """Somebody else."""
    connection = await asyncpg.connect(address)
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def opened(address: str) -> AsyncIterator[Directory]:
    """Until the end of the block."""
    directory = open_directory(address)
    try:
        yield directory
    finally:
        await directory.life.close()


@asynccontextmanager
async def locked(address: str) -> AsyncIterator[Any]:
    """Until the end of the block nobody can read or write people; a connection that can do other things."""
    async with connected(address) as other, other.transaction():
        await other.execute("LOCK TABLE people IN ACCESS EXCLUSIVE MODE")
        yield other


async def waiting(other: Any, count: int = 1, *, without: int = 0) -> list[int]:
    """The server's numbers of those who wait for the lock, once there are so many, not counting one who is to go."""
    until = time.monotonic() + SOON
    sql = "SELECT DISTINCT pid FROM pg_locks WHERE NOT granted"
    while time.monotonic() < until:
        found = [row[0] for row in await other.fetch(sql)]
        if len(found) >= count and without not in found:
            return found
        await asyncio.sleep(0.01)
    raise AssertionError("nobody waits")


def test_opening_connects_to_nobody_and_needs_no_event_loop() -> None:
    directory = open_directory("postgresql://127.0.0.1:1/gateway")
    text, _ = asyncio.run(refused(directory.life.ping()))
    assert text.startswith("PostgreSQL: ConnectionRefusedError: ")


async def test_whatever_needs_a_closed_directory_is_an_error(directory: Directory) -> None:
    await fill(directory)
    await directory.life.close()
    for use in (*WRITES, *READS):
        await refused(use(directory))


async def test_without_its_tables_it_says_what_to_run_and_works_once_somebody_did(postgresql: Postgres) -> None:
    address = postgresql.database()
    async with opened(address) as directory:
        for use in (*WRITES, *READS):
            assert (await refused(use(directory)))[0] == "the directory has no tables yet; run: gateway migrate"
        tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        assert postgresql.sql(tables, address.rpartition("/")[2]) == "0"
        await migrate(address, dry=False)
        assert await soon(directory) < 5
        await fill(directory)
        assert await directory.credentials.of("ada") == Credentials("ada", PASSWORD, (TOTP,), (PASSKEY,), CODES)


@pytest.mark.parametrize("transports", ["", "{", "7", "null"])
async def test_a_passkey_that_does_not_parse_is_an_error_and_no_passkey(
    directory: Directory, address: str, transports: str
) -> None:
    await fill(directory)
    async with connected(address) as other:
        await other.execute("UPDATE passkeys SET transports = $1", transports)
    await refused(directory.credentials.of("ada"))
    assert await directory.credentials.owner("p") == "ada"


async def test_no_error_repeats_what_was_to_be_stored(address: str) -> None:
    sql = PostgresqlSql(address, SCHEMA, print)
    insert = "INSERT INTO passwords (subject, hash, created_at, changed_at) VALUES (?, ?, ?, ?)"
    for values in (("hush", None, 1, 1), ("hush", "hush", 1, 1), (b"hush", "hush", 1, 1), ("hush", "hu\0sh", 1, 2**80)):
        text, _ = await refused(sql.change(insert, *values))
        assert "hush" not in text and "PostgreSQL: " in text
    await sql.close()


async def test_no_more_connections_are_made_than_are_allowed(directory: Directory, address: str) -> None:
    await fill(directory)
    async with locked(address) as other:
        reading = [asyncio.ensure_future(directory.people.get("ada")) for _ in range(pool.SIZE)]
        await waiting(other, pool.SIZE)
        text, took = await refused(directory.people.get("ada"))
        assert text == "PostgreSQL: all connections are busy" and took < 3
        count = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'gateway'"
        )
        assert await other.fetchval(count) == pool.SIZE
    assert await asyncio.gather(*reading) == [ADA] * pool.SIZE


async def test_a_statement_that_takes_too_long_is_ended_and_others_go_on(
    directory: Directory, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "STATEMENT", 0.3)
    await directory.people.add(ADA)
    async with connected(address) as other, other.transaction():
        await other.execute("SELECT * FROM people WHERE subject = 'ada' FOR UPDATE")
        text, _ = await refused(directory.people.set_disabled("ada", True))
        assert "statement timeout" in text
        assert await directory.people.get("ada") == ADA


async def test_a_server_that_says_nothing_keeps_nobody_waiting(
    directory: Directory, postgresql: Postgres, impatient: None
) -> None:
    await fill(directory)
    with postgresql.paused():
        began = time.monotonic()
        many = [refused(use(directory)) for use in (*READS, *WRITES) * 3]
        told = await asyncio.gather(*many)
        assert time.monotonic() - began < 6  # in turn they would take half a minute
        assert max(took for _, took in told) < 6
        began, quick = time.monotonic(), 0
        while time.monotonic() < began + 2:
            text, took = await refused(directory.life.ping())
            assert text == "PostgreSQL: it does not answer in time"
            quick += took < 0.1
            await asyncio.sleep(0.01)
        assert quick >= 10  # all but the few who try
    assert await soon(directory) < 5
    assert await directory.people.set_disabled("ada", True)


@pytest.mark.parametrize("how", ["restarted", "crashed"])
async def test_connections_that_died_with_the_server_are_replaced_and_nobody_notices(
    directory: Directory, postgresql: Postgres, how: str
) -> None:
    await fill(directory)
    await asyncio.gather(*(directory.people.get("ada") for _ in range(4)))
    await asyncio.to_thread(postgresql.restart if how == "restarted" else postgresql.crash)
    assert await directory.people.set_disabled("ada", True)
    postgresql.restart()  # so that the loop has no chance to see the connections end
    assert all(await asyncio.gather(*(directory.people.get("ada") for _ in range(4))))


async def test_while_the_server_is_away_all_fail_at_once_and_then_work_again(
    directory: Directory, postgresql: Postgres
) -> None:
    await fill(directory)
    with postgresql.stopped():
        for use in (*WRITES, *READS):
            text, took = await refused(use(directory))
            assert "PostgreSQL" in text and took < 3
    assert await soon(directory) < 5
    assert await directory.people.get("ada") == ADA


async def test_a_read_whose_connection_is_cut_is_repeated(directory: Directory, address: str) -> None:
    await directory.people.add(ADA)
    async with locked(address) as other:
        reading = asyncio.ensure_future(directory.people.get("ada"))
        [pid] = await waiting(other)
        await other.execute("SELECT pg_terminate_backend($1)", pid)
        assert await waiting(other, without=pid)
    assert await reading == ADA


async def test_a_write_whose_connection_is_cut_is_an_error_and_not_repeated(directory: Directory, address: str) -> None:
    await directory.people.add(ADA)
    async with locked(address) as other:
        writing = asyncio.ensure_future(refused(directory.people.set_disabled("ada", True)))
        [pid] = await waiting(other)
        await other.execute("SELECT pg_terminate_backend($1)", pid)
        await writing
    assert await directory.people.get("ada") == ADA


async def test_work_that_is_given_up_leaves_nothing_behind(directory: Directory, address: str) -> None:
    await fill(directory)
    async with locked(address) as other:
        writing = asyncio.ensure_future(directory.people.set_disabled("ada", True))
        await waiting(other)
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
    for _ in range(pool.SIZE * 2):
        assert await directory.credentials.owner("p") == "ada"


@pytest.fixture(scope="module")
def second() -> Iterator[Postgres]:
    """Another server, which may become a standby, and is none afterwards."""
    with postgres() as server:
        yield server


@pytest.fixture
def either(runner: asyncio.Runner, second: Postgres, address: str) -> str:
    """The address of two databases that know nothing of each other: whichever is the primary, the second first."""
    database = address.rpartition("/")[2]
    second.sql(f"CREATE DATABASE {database}")
    runner.run(migrate(second.address(database), dry=False))
    return address.replace("@", f"@127.0.0.1:{second.port},")


async def test_a_standby_is_no_directory_until_it_is_promoted(second: Postgres, either: str) -> None:
    async with opened(second.address(either.rpartition("/")[2])) as alone, opened(either) as both:
        await alone.people.add(ADA)
        second.demote()
        second.restart()
        try:
            assert await both.people.add(BEN)
            assert await both.people.list() == [BEN]
            for use in (*READS, *WRITES):
                text, _ = await refused(use(alone))
                assert text == "PostgreSQL: no host of that address is a primary that can be written to"
        finally:
            second.sql("SELECT pg_promote()")
        await soon(alone)
        assert await alone.people.list() == [ADA]


async def test_a_server_that_can_no_longer_be_written_to_is_left_for_one_that_can(
    second: Postgres, either: str
) -> None:
    async with opened(either) as directory:
        assert await directory.people.add(ADA)
        second.sql("ALTER SYSTEM SET default_transaction_read_only = on")
        second.sql("SELECT pg_reload_conf()")
        try:
            until = time.monotonic() + SOON
            while second.sql("SHOW default_transaction_read_only") == "off":
                assert time.monotonic() < until
            assert await directory.people.add(BEN)
            assert await directory.people.list() == [BEN]
        finally:
            reset = "ALTER SYSTEM RESET default_transaction_read_only"
            second.sql(reset, default_transaction_read_only="off")
            second.sql("SELECT pg_reload_conf()")


async def test_a_host_that_is_dead_costs_its_share_once_and_the_next_one_is_taken(
    postgresql: Postgres, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seam, "CONNECT", 4.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, and never answers
        port = silent.getsockname()[1]
        async with opened(address.replace("127.0.0.1:", f"127.0.0.1:{port},127.0.0.1:")) as directory:
            began = time.monotonic()
            assert await directory.people.add(ADA)
            assert time.monotonic() >= began + 2
            began = time.monotonic()
            assert all(await asyncio.gather(*(directory.people.get("ada") for _ in range(pool.SIZE))))
            assert time.monotonic() < began + 1.9
