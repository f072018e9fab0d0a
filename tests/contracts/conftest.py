"""Every implementation there is: a new one is one line here, and has to pass all that stands beside."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.directory.base import Directory
from gateway.directory.sqlite import open_directory
from gateway.stores import redis, sqlite
from gateway.stores.base import State
from tests.support.coroutines import pytest_pyfunc_call, runner

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
DIRECTORIES: dict[str, Callable[[Path], Directory]] = {
    "sqlite": lambda folder: open_directory(folder / "directory.db"),
}


@pytest.fixture(params=STATES)
def state(request: pytest.FixtureRequest, runner: asyncio.Runner) -> Iterator[State]:
    opened = STATES[request.param](request)
    yield opened
    runner.run(opened.life.close())


@pytest.fixture(params=DIRECTORIES)
def directory(request: pytest.FixtureRequest, runner: asyncio.Runner, tmp_path: Path) -> Iterator[Directory]:
    opened = DIRECTORIES[request.param](tmp_path)
    yield opened
    runner.run(opened.life.close())
