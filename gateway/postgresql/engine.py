"""A PostgreSQL database that many gateways share, as a Sql.

The rules of this file:

- Nothing takes longer than DEADLINE, whatever the server does.
- What is known not to have been done is done again: work that lost a race, or met a server that is no primary any
  more. A read that lost its connection is repeated once. A write that did is not: nobody knows whether it happened.
- Nothing is begun again in the second half of the time: work cut short would look like a server that does not answer.
- Whatever goes wrong below, and a row that makes no sense, becomes a StoreError here (law 1).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from asyncpg import Connection

from gateway.errors import StoreError
from gateway.postgresql import migrating
from gateway.postgresql.pool import Pool
from gateway.postgresql.seam import BROKEN, CONFLICT, LOST, NOT_WRITABLE, STATEMENT, connect, hosts_of, numbered, said
from gateway.sql import Schema, Statement, Value
from gateway.timing import Timed, taken, untimed

DEADLINE = 5.0
"""Seconds for anything, with waiting, connecting and trying again."""

TRIES = 20
"""How often work may lose a race."""

T = TypeVar("T")


class PostgresqlSql:
    """A Sql. It connects when it is first used, and looks at each new connection whether the tables are there."""

    def __init__(self, address: str, schema: Schema, complain: Callable[[str], None], timed: Timed = untimed) -> None:
        self._address = address
        self._hosts = hosts_of(address)
        self._schema = schema
        self._timed = timed
        self._pool = Pool(self._connected, complain)

    async def all(self, into: Callable[..., T], sql: str, *values: Value) -> list[T]:
        if any(isinstance(value, str) and "\0" in value for value in values):
            return []  # no text in PostgreSQL holds a NUL: nothing there is called that
        rows = await self._run(lambda connection: connection.fetch(numbered(sql), *values), read=True)
        try:
            return [into(*row) for row in rows]
        except BROKEN as error:
            raise StoreError(f"a row makes no sense: {type(error).__name__}") from None

    async def one(self, into: Callable[..., T], sql: str, *values: Value) -> T | None:
        rows = await self.all(into, sql, *values)
        return rows[0] if rows else None

    async def change(self, sql: str, *values: Value) -> int:
        return await self._run(lambda connection: _changed(connection, sql, values))

    async def all_or_nothing(self, *statements: Statement) -> int:
        return await self._run(lambda connection: _transact(connection, statements))

    async def close(self) -> None:
        await self._pool.close()

    async def _connected(self) -> Connection:
        connection = await connect(self._address, self._hosts, statement=STATEMENT)
        try:
            await migrating.look(connection, self._schema)
        except BaseException:
            connection.terminate()
            raise
        return connection

    async def _run(self, work: Callable[[Connection], Awaitable[T]], *, read: bool = False) -> T:
        return await taken(self._tried(work, read), "read" if read else "write", self._timed)

    async def _tried(self, work: Callable[[Connection], Awaitable[T]], read: bool) -> T:
        loop = asyncio.get_running_loop()
        until, half = loop.time() + DEADLINE, loop.time() + DEADLINE / 2
        again = {NOT_WRITABLE: 1, CONFLICT: TRIES, LOST: 1 if read else 0}
        while True:
            try:
                return await self._pool.run(work, until)
            except TimeoutError as error:
                raise StoreError(f"PostgreSQL: {said(error)}") from None
            except BROKEN as error:
                kind = next((kind for kind in again if isinstance(error, kind)), ())
                if not again.get(kind) or loop.time() > half:
                    raise StoreError(f"PostgreSQL: {said(error)}") from None
                again[kind] -= 1
            if kind is CONFLICT:
                await asyncio.sleep(random.uniform(0, 0.02))  # noqa: S311
            else:
                self._pool.renew()


async def _changed(connection: Connection, sql: str, values: tuple[Value, ...]) -> int:
    """The command tag says it: "UPDATE 1", "INSERT 0 1"."""
    return int((await connection.execute(numbered(sql), *values)).rpartition(" ")[2])


async def _transact(connection: Connection, statements: tuple[Statement, ...]) -> int:
    await connection.execute("BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE")
    try:
        changed = 0
        for sql, values in statements:
            changed += await _changed(connection, sql, values)
        await connection.execute("COMMIT")
    except CONFLICT:
        await connection.execute("ROLLBACK")
        raise
    return changed
