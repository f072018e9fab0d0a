"""The directory in a PostgreSQL database, which `gateway migrate` brings up to date."""

from __future__ import annotations

from collections.abc import Callable

from gateway.directory.base import Directory
from gateway.directory.schema import POSTGRESQL, spelled
from gateway.directory.sql import directory_on
from gateway.postgresql import migrating
from gateway.postgresql.engine import PostgresqlSql
from gateway.sql import Migration
from gateway.timing import Timed, untimed

SCHEMA = spelled(POSTGRESQL)


def open_directory(
    address: str, *, complain: Callable[[str], None] = lambda words: None, timed: Timed = untimed
) -> Directory:
    """Connects when it is first used, in the event loop of whoever does. `complain` hears when it stops answering."""
    return directory_on(PostgresqlSql(address, SCHEMA, complain, timed))


async def migrate(address: str, *, dry: bool) -> Migration:
    """Bring the tables up to date; `dry` only looks. Raises StoreError."""
    return await migrating.migrate(address, SCHEMA, dry=dry)
