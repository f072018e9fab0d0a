"""Coroutines as tests, where a module imports `runner`, and a shop for each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.identity.shop import Shop, shop
from tests.support.coroutines import pytest_pyfunc_call

__all__ = ["pytest_pyfunc_call"]


@pytest.fixture(name="app")
def an_ordinary_one() -> Iterator[Shop]:
    with shop() as opened:
        yield opened
