"""The directory in one SQLite file, which brings its own tables up to date when it is opened."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from gateway.directory.base import Directory
from gateway.directory.schema import SQLITE, spelled
from gateway.directory.sql import directory_on
from gateway.sql import Migration, Statement, Value
from gateway.sqlite.database import Database
from gateway.sqlite.files import version_of
from gateway.timing import Timed, untimed

SCHEMA = spelled(SQLITE)

T = TypeVar("T")


def open_directory(
    path: Path | str, *, complain: Callable[[str], None] | None = None, timed: Timed = untimed
) -> Directory:
    """Open the file, making it when it is not there, readable by its owner alone. Raises StoreError.

    There is nothing to `complain` of: it never goes and comes back.
    """
    database = Database(path, SCHEMA.versions, synchronous="FULL", timed=timed)
    return directory_on(SqliteSql(database), database.version)


async def migrate(path: Path | str, *, dry: bool) -> Migration:
    """Bring the tables up to date; `dry` only looks. Raises StoreError."""
    migration = Migration(version_of(path), SCHEMA.newest)
    if not dry or migration.found > migration.newest:  # which it refuses to open
        await open_directory(path).life.close()
    return migration


class SqliteSql:
    """A Sql. Its reads are those of the Database, done when they are awaited and not a moment later."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def all(self, into: Callable[..., T], sql: str, *values: Value) -> list[T]:
        return self._db.all(into, sql, *values)

    async def one(self, into: Callable[..., T], sql: str, *values: Value) -> T | None:
        return self._db.one(into, sql, *values)

    async def change(self, sql: str, *values: Value) -> int:
        return await self._db.change(sql, *values)

    async def all_or_nothing(self, *statements: Statement) -> int:
        return await self._db.write(lambda db: sum(db.execute(sql, values).rowcount for sql, values in statements))

    async def close(self) -> None:
        await self._db.close()
