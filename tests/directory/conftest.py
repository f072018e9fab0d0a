"""One directory, opened: in a file, or in any of the places that there are."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.directory.base import Directory
from gateway.directory.postgresql import migrate
from gateway.directory.sqlite import open_directory
from tests.directory.deeds import opened_at
from tests.support.coroutines import pytest_pyfunc_call, runner
from tests.support.postgres import Postgres

__all__ = ["address", "directory", "path", "place", "pytest_pyfunc_call", "runner", "shared"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "directory.db"


@pytest.fixture
def address(runner: asyncio.Runner, postgresql: Postgres) -> str:
    """Of a new database with the directory's tables."""
    made = postgresql.database()
    runner.run(migrate(made, dry=False))
    return made


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest) -> str:
    """Where a directory may be, as routes.toml says it."""
    if request.param == "sqlite":
        return f"sqlite:{request.getfixturevalue('path')}"
    return str(request.getfixturevalue("address"))


@pytest.fixture
def directory(runner: asyncio.Runner, path: Path) -> Iterator[Directory]:
    opened = open_directory(path)
    yield opened
    runner.run(opened.life.close())


@pytest.fixture
def shared(runner: asyncio.Runner, place: str) -> Iterator[Directory]:
    opened = opened_at(place)
    yield opened
    runner.run(opened.life.close())
