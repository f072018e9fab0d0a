"""The stores, on real files."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.directory.base import Directory
from gateway.directory.sqlite import open_directory
from gateway.stores.base import State
from gateway.stores.sqlite import open_state
from tests.support.coroutines import pytest_pyfunc_call, runner

__all__ = ["directory", "pytest_pyfunc_call", "runner", "state"]


@pytest.fixture
def state(runner: asyncio.Runner, tmp_path: Path) -> Iterator[State]:
    opened = open_state(tmp_path / "state.db")
    yield opened
    runner.run(opened.life.close())


@pytest.fixture
def directory(runner: asyncio.Runner, tmp_path: Path) -> Iterator[Directory]:
    opened = open_directory(tmp_path / "directory.db")
    yield opened
    runner.run(opened.life.close())
