"""The directory in one SQLite file: people and credentials together, their tables, and their life."""

from __future__ import annotations

from pathlib import Path

from gateway.directory import sqlite_credentials, sqlite_people
from gateway.directory.base import Directory
from gateway.directory.sqlite_credentials import SqliteCredentials
from gateway.directory.sqlite_people import SqlitePeople
from gateway.sqlite import Database
from gateway.timing import Timed, untimed

VERSIONS = ((*sqlite_people.SCHEMA, *sqlite_credentials.SCHEMA),)


def open_directory(path: Path | str, *, timed: Timed = untimed) -> Directory:
    """Open the file, making it when it is not there, readable by its owner alone. Raises StoreError."""
    database = Database(path, VERSIONS, synchronous="FULL", timed=timed)
    return Directory(SqlitePeople(database), SqliteCredentials(database), SqliteLife(database))


class SqliteLife:
    """A DirectoryLife."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def ping(self) -> None:
        self._db.one(str, "SELECT subject FROM people LIMIT 1")

    async def close(self) -> None:
        await self._db.close()
