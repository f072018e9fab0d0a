"""Where asyncpg ends: connecting, and what its errors mean to the house.

No text made here repeats a value or a row: what PostgreSQL adds to a message in `detail` does.
"""

from __future__ import annotations

import asyncio
import functools
import re
from urllib.parse import unquote, urlsplit

import asyncpg
from asyncpg import Connection

CONNECT = 3.0
"""Seconds for all hosts of an address together."""

STATEMENT = 3.0
"""Seconds after which the server ends a statement, and a transaction in which nothing happens."""

BROKEN = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    EOFError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    RuntimeError,  # uvloop's, of a connection that ended a moment ago
)
CONFLICT = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)
"""Nothing was done, because somebody else did something at the same time."""

NOT_WRITABLE = (asyncpg.ReadOnlySQLTransactionError,)
"""Nothing was done: that server is no primary any more."""

LOST = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    RuntimeError,
)
"""The connection ended; a statement under way may have been done."""

Host = tuple[str, int] | None
HOST = re.compile(r"(\[.*\]|[^:]*)(?::([0-9]+))?")
APART = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|\?""")


@functools.cache
def numbered(sql: str) -> str:
    """With `$1`, `$2` … for each `?` that is no part of a string or a name."""
    number = 0

    def replace(found: re.Match[str]) -> str:
        nonlocal number
        if found[0] != "?":
            return found[0]
        number += 1
        return f"${number}"

    return APART.sub(replace, sql)


def said(error: BaseException) -> str:
    """What is wrong, in words."""
    match error:
        case asyncpg.TargetServerAttributeNotMatched():
            return "no host of that address is a primary that can be written to"
        case asyncpg.DataError():
            return type(error).__name__  # its text repeats the value
        case asyncpg.PostgresError():
            return f"{type(error).__name__}: {error.args[0] if error.args else ''}"
        case TimeoutError():
            return "it does not answer in time"
        case OSError() | asyncpg.ClientConfigurationError():
            return f"{type(error).__name__}: {error.args[0] if len(error.args) == 1 else error}"
    return type(error).__name__


def hosts_of(address: str) -> list[Host]:
    """Those that it names; None is a socket on this machine, which its `host` option names."""
    written = urlsplit(address).netloc.rpartition("@")[2]
    if not written:
        return [None]
    found = [HOST.fullmatch(each) for each in written.split(",")]
    return [(unquote(each[1]).strip("[]"), int(each[2] or 5432)) for each in found if each]


async def connect(address: str, hosts: list[Host], *, statement: float) -> Connection:
    """A connection to the primary, each of the `hosts` in turn with its share of the time. Raises one of BROKEN.

    The one that it is comes first in `hosts` from then on.
    """
    last: BaseException = TimeoutError()
    for host in tuple(hosts):
        try:
            async with asyncio.timeout(CONNECT / len(hosts)):
                connection = await _connect(address, host, statement)
        except BROKEN as error:
            last = error
        else:
            hosts.sort(key=lambda each: each != host)
            return connection
    raise last


async def _connect(address: str, place: Host, statement: float) -> Connection:
    limit = str(int(statement * 1000))
    settings = {"statement_timeout": limit, "idle_in_transaction_session_timeout": limit}
    if "application_name=" not in urlsplit(address).query:
        settings["application_name"] = "gateway"
    host, port = place or (None, None)
    # Behind pgbouncer one transaction is served here and the next one there: nothing may be remembered in between.
    return await asyncpg.connect(
        address,
        host=host,
        port=port,
        timeout=None,
        statement_cache_size=0,
        server_settings=settings,
        target_session_attrs="read-write",
    )
