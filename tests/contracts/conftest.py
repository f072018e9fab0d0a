"""Every implementation there is: a new one is one line here, and has to pass all that stands beside."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest

from gateway.directory import postgresql
from gateway.directory import sqlite as sqlite_directory
from gateway.directory.base import Directory
from gateway.directory.postgresql import migrate
from gateway.stores import redis, sqlite
from gateway.stores.base import State
from tests.support.coroutines import pytest_pyfunc_call, runner
from tests.support.postgres import Postgres

__all__ = ["directory", "pytest_pyfunc_call", "runner", "state"]


def on(name: str, query: str = "") -> Callable[[pytest.FixtureRequest], State]:
    """The store on the servers of that fixture."""

    def opened(request: pytest.FixtureRequest) -> State:
        return redis.open_state(request.getfixturevalue(name).url(query), complain=pytest.fail)

    return opened


STATES: dict[str, Callable[[pytest.FixtureRequest], State]] = {
    "sqlite": lambda request: sqlite.open_state(request.getfixturevalue("tmp_path") / "state.db"),
    "redis": on("redis_server"),
    "valkey": on("valkey_server"),
    "sentinel": on("redis_sentinels"),
    "cluster": on("redis_cluster", "&replicas=0"),
}
DIRECTORIES: dict[str, Callable[[pytest.FixtureRequest], Directory]] = {
    "sqlite": lambda request: sqlite_directory.open_directory(request.getfixturevalue("tmp_path") / "directory.db"),
    "postgresql": lambda request: postgresql.open_directory(request.getfixturevalue("migrated")),
}


@pytest.fixture(params=STATES)
def state(request: pytest.FixtureRequest, runner: asyncio.Runner) -> Iterator[State]:
    opened = STATES[request.param](request)
    yield opened
    runner.run(opened.life.close())


@pytest.fixture(scope="session")
def migrated(postgresql: Postgres) -> str:
    """The address of a database with the directory's tables, empty between two tests."""
    address = postgresql.database()
    asyncio.run(migrate(address, dry=False))
    return address


@pytest.fixture(params=DIRECTORIES)
def directory(request: pytest.FixtureRequest, runner: asyncio.Runner) -> Iterator[Directory]:
    opened = DIRECTORIES[request.param](request)
    yield opened
    runner.run(_emptied(opened))


async def _emptied(directory: Directory) -> None:
    for person in await directory.people.list():
        await directory.people.delete(person.subject)
    await directory.life.close()
