"""One directory file, opened."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.directory.base import Directory
from gateway.directory.sqlite import open_directory
from tests.support.coroutines import pytest_pyfunc_call, runner

__all__ = ["directory", "path", "pytest_pyfunc_call", "runner"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "directory.db"


@pytest.fixture
def directory(runner: asyncio.Runner, path: Path) -> Iterator[Directory]:
    opened = open_directory(path)
    yield opened
    runner.run(opened.life.close())
