"""One state file, opened."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.stores.base import State
from gateway.stores.sqlite import open_state
from tests.support.coroutines import pytest_pyfunc_call, runner

__all__ = ["path", "pytest_pyfunc_call", "runner", "state"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def state(runner: asyncio.Runner, path: Path) -> Iterator[State]:
    opened = open_state(path)
    yield opened
    runner.run(opened.life.close())
