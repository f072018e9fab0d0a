"""Bringing PostgreSQL's tables up to date, while others use them."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from gateway.directory.postgresql import SCHEMA, migrate
from gateway.errors import StoreError
from gateway.postgresql import migrating
from gateway.postgresql.engine import PostgresqlSql
from gateway.sql import Migration, Schema
from tests.support.postgres import Postgres
from tests.support.race import on_your_marks, race

FIRST = ("CREATE TABLE notes (id BIGINT PRIMARY KEY, text TEXT NOT NULL)", "INSERT INTO notes VALUES (1, 'a')")
SECOND = ("ALTER TABLE notes ADD COLUMN tag TEXT", "UPDATE notes SET tag = 'old'")
ONE, TWO = Schema((FIRST,), 1), Schema((FIRST, SECOND), 1)
TEXT = "SELECT text FROM notes"


async def test_tables_are_made_once_and_brought_up_to_date(postgresql: Postgres) -> None:
    address = postgresql.database()
    for schema, dry, found in (
        (ONE, True, 0), (ONE, False, 0), (ONE, False, 1), (TWO, True, 1), (TWO, False, 1), (TWO, False, 2),
    ):  # fmt: skip
        assert await migrating.migrate(address, schema, dry=dry) == Migration(found, schema.newest)
    assert postgresql.sql("SELECT text, tag FROM notes", address.rpartition("/")[2]) == "a|old"


def migrate_here(address: str) -> list[int]:
    on_your_marks()
    return [asyncio.run(migrate(address, dry=False)).found]


def test_of_those_who_migrate_at_once_one_does_and_the_others_find_it_done(postgresql: Postgres) -> None:
    [found] = race(migrate_here, postgresql.database(), processes=3)
    assert sorted(found) == [0, SCHEMA.newest, SCHEMA.newest]


async def test_a_migration_that_fails_changes_nothing(postgresql: Postgres) -> None:
    address = postgresql.database()
    await migrating.migrate(address, ONE, dry=False)
    bad = Schema((FIRST, (*SECOND, "UPDATE missing SET a = 1")), 2)
    with pytest.raises(StoreError, match='"missing" does not exist'):
        await migrating.migrate(address, bad, dry=False)
    name = address.rpartition("/")[2]
    assert postgresql.sql("SELECT version, oldest FROM gateway_schema", name) == "1|1"
    assert postgresql.sql("SELECT * FROM notes", name) == "1|a"


async def test_tables_of_an_older_version_are_not_used_until_they_are_migrated(postgresql: Postgres) -> None:
    address = postgresql.database()
    await migrating.migrate(address, ONE, dry=False)
    new = PostgresqlSql(address, TWO, print)
    with pytest.raises(StoreError, match="is of version 1, and 2 is needed; run: gateway migrate"):
        await new.all(str, TEXT)
    await migrating.migrate(address, TWO, dry=False)
    await asyncio.sleep(1.1)
    assert await new.all(str, TEXT) == ["a"]
    await new.close()


async def test_who_knows_only_the_older_version_goes_on_unless_that_is_ruled_out(postgresql: Postgres) -> None:
    address = postgresql.database()
    await migrating.migrate(address, ONE, dry=False)
    before = PostgresqlSql(address, ONE, print)
    assert await before.all(str, TEXT) == ["a"]
    await migrating.migrate(address, TWO, dry=False)
    after = PostgresqlSql(address, ONE, print)
    for old in (before, after):
        assert await old.all(str, TEXT) == ["a"]
        assert await old.change("INSERT INTO notes (id, text) VALUES (2, ?)", "b") == 1
        assert await old.change("DELETE FROM notes WHERE id = 2") == 1
        await old.close()
    assert await migrating.migrate(address, ONE, dry=False) == Migration(2, 1)
    await migrating.migrate(address, replace(TWO, versions=(FIRST, SECOND, ()), oldest=3), dry=False)
    late = PostgresqlSql(address, TWO, print)
    with pytest.raises(StoreError, match="made by a newer version of the gateway"):
        await late.all(str, TEXT)
    await late.close()
