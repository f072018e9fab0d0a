"""The stories of the server are told twice: of the ASGI app, which is the reference, and of the express lane."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.edge import servers


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if getattr(metafunc.module, "gateway", None) is servers.gateway:
        metafunc.parametrize("lane", [False, True], ids=["asgi", "express"], indirect=True)


@pytest.fixture(autouse=True)
def lane(request: pytest.FixtureRequest) -> Iterator[None]:
    servers.EXPRESS = getattr(request, "param", False)
    yield
    servers.EXPRESS = False
