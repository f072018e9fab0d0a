"""Every implementation there is: a new one is one line here, and has to pass all that stands beside."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.directory import postgresql, sqlite
from gateway.directory.base import Directory
from gateway.directory.postgresql import migrate
from gateway.stores.base import State
from gateway.stores.sqlite import open_state
from tests.support.coroutines import pytest_pyfunc_call, runner
from tests.support.postgres import Postgres

__all__ = ["directory", "pytest_pyfunc_call", "runner", "state"]

STATES: dict[str, Callable[[Path], State]] = {
    "sqlite": lambda folder: open_state(folder / "state.db"),
}
DIRECTORIES: dict[str, Callable[[pytest.FixtureRequest], Directory]] = {
    "sqlite": lambda request: sqlite.open_directory(request.getfixturevalue("tmp_path") / "directory.db"),
    "postgresql": lambda request: postgresql.open_directory(request.getfixturevalue("migrated")),
}


@pytest.fixture(params=STATES)
def state(request: pytest.FixtureRequest, runner: asyncio.Runner, tmp_path: Path) -> Iterator[State]:
    opened = STATES[request.param](tmp_path)
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
