"""Every implementation there is: a new one is one line here, and has to pass all that stands beside."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.directory.base import Directory
from gateway.directory.sqlite import open_directory
from gateway.stores.base import State
from gateway.stores.sqlite import open_state
from tests.support.coroutines import pytest_pyfunc_call, runner

__all__ = ["directory", "pytest_pyfunc_call", "runner", "state"]

STATES: dict[str, Callable[[Path], State]] = {
    "sqlite": lambda folder: open_state(folder / "state.db"),
}
DIRECTORIES: dict[str, Callable[[Path], Directory]] = {
    "sqlite": lambda folder: open_directory(folder / "directory.db"),
}


@pytest.fixture(params=STATES)
def state(request: pytest.FixtureRequest, runner: asyncio.Runner, tmp_path: Path) -> Iterator[State]:
    opened = STATES[request.param](tmp_path)
    yield opened
    runner.run(opened.life.close())


@pytest.fixture(params=DIRECTORIES)
def directory(request: pytest.FixtureRequest, runner: asyncio.Runner, tmp_path: Path) -> Iterator[Directory]:
    opened = DIRECTORIES[request.param](tmp_path)
    yield opened
    runner.run(opened.life.close())
