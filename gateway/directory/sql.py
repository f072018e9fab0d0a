"""The directory on any SQL engine: people and credentials together, and their life."""

from __future__ import annotations

from collections.abc import Callable

from gateway.directory.base import Directory
from gateway.directory.sql_credentials import SqlCredentials
from gateway.directory.sql_people import SqlPeople
from gateway.sql import Sql


def directory_on(sql: Sql, version: Callable[[], object] | None = None) -> Directory:
    """`sql` is closed with it; `version` is the directory's."""
    return Directory(SqlPeople(sql), SqlCredentials(sql), SqlLife(sql), version)


class SqlLife:
    """A DirectoryLife."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def ping(self) -> None:
        await self._sql.one(str, "SELECT subject FROM people LIMIT 1")

    async def close(self) -> None:
        await self._sql.close()
