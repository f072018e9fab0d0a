"""The directory in one SQLite file, which brings its own tables up to date when it is opened."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gateway.directory.base import Directory
from gateway.directory.schema import SQLITE, spelled
from gateway.directory.sql import directory_on
from gateway.sql import Migration
from gateway.sqlite import Database, SqliteSql, version_of
from gateway.timing import Timed, untimed

SCHEMA = spelled(SQLITE)


def open_directory(
    path: Path | str, *, complain: Callable[[str], None] | None = None, timed: Timed = untimed
) -> Directory:
    """Open the file, making it when it is not there, readable by its owner alone. Raises StoreError.

    There is nothing to `complain` of: it never goes and comes back.
    """
    return directory_on(SqliteSql(Database(path, SCHEMA.versions, synchronous="FULL", timed=timed)))


async def migrate(path: Path | str, *, dry: bool) -> Migration:
    """Bring the tables up to date; `dry` only looks. Raises StoreError."""
    migration = Migration(version_of(path), SCHEMA.newest)
    if not dry or migration.found > migration.newest:  # which it refuses to open
        await open_directory(path).life.close()
    return migration
