"""Which version the tables are of, and bringing them up to date.

A table of one row says it: the `version`, and the `oldest` that a program may know and still go on. Gateways only look;
`gateway migrate` changes, in one transaction, and one at a time.
"""

from __future__ import annotations

import asyncio
from typing import cast

import asyncpg
from asyncpg import Connection

from gateway.errors import StoreError
from gateway.postgresql.seam import BROKEN, connect, hosts_of, said
from gateway.sql import Migration, Schema

KEY = 0x7374657075700001
"""Of the lock that migrations take; any number that nobody else takes one under."""

GLANCE = 5.0
"""Seconds for looking alone; changing takes as long as it takes."""

FOUND = "SELECT version, oldest FROM gateway_schema"
BEGIN = (
    "BEGIN ISOLATION LEVEL READ COMMITTED",
    "SET LOCAL lock_timeout = '60s'",
    f"SELECT pg_advisory_xact_lock({KEY})",
    # A change of a table that has to wait for others makes everybody wait behind it: rather try again later.
    "SET LOCAL lock_timeout = '5s'",
    "CREATE TABLE IF NOT EXISTS gateway_schema (version BIGINT NOT NULL, oldest BIGINT NOT NULL)",
)


async def look(connection: Connection, schema: Schema) -> None:
    """Return if a program that knows `schema` can use the tables. Raises StoreError, saying what to do."""
    version, oldest = await _found(connection)
    if version < schema.newest:
        there = f"is of version {version}, and {schema.newest} is needed" if version else "has no tables yet"
        raise StoreError(f"the directory {there}; run: gateway migrate")
    _can_go_on(oldest, schema)


async def migrate(address: str, schema: Schema, *, dry: bool) -> Migration:
    """Do what is missing; `dry` only looks. Raises StoreError."""
    try:
        connection = await connect(address, hosts_of(address), statement=0)
        try:
            async with asyncio.timeout(GLANCE if dry else None):
                version, oldest = await (_found(connection) if dry else _up_to_date(connection, schema))
        finally:
            connection.terminate()  # which undoes what is not done
    except BROKEN as error:
        raise StoreError(f"PostgreSQL: {said(error)}") from None
    _can_go_on(oldest, schema)
    return Migration(version, schema.newest)


async def _up_to_date(connection: Connection, schema: Schema) -> tuple[int, int]:
    """What was found before."""
    for statement in BEGIN:
        await connection.execute(statement)
    version, oldest = await _found(connection)
    if version < schema.newest:
        for statements in schema.versions[version:]:
            for statement in statements:
                await connection.execute(statement)
        await connection.execute("DELETE FROM gateway_schema")
        row = "INSERT INTO gateway_schema (version, oldest) VALUES ($1, $2)"
        await connection.execute(row, schema.newest, schema.oldest)
    await connection.execute("COMMIT")
    return version, oldest


async def _found(connection: Connection) -> tuple[int, int]:
    try:
        row = await connection.fetchrow(FOUND)
    except asyncpg.UndefinedTableError:
        row = None
    return (0, 0) if row is None else cast(tuple[int, int], tuple(row))


def _can_go_on(oldest: int, schema: Schema) -> None:
    if oldest > schema.newest:
        raise StoreError(
            f"the directory was made by a newer version of the gateway: "
            f"this one knows version {schema.newest}, and at least {oldest} is needed"
        )
