"""The stories of the server are told twice: of the ASGI app, which is the reference, and of the express lane."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.edge import servers

TOLD_TWICE = {"test_limits", "test_relay", "test_server"}
"""No handshake takes the lane: those of websockets are told once."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    name = metafunc.module.__name__.rpartition(".")[2]
    if name in TOLD_TWICE:
        metafunc.parametrize("lane", [False, True], ids=["asgi", "express"], indirect=True)


@pytest.fixture(autouse=True)
def lane(request: pytest.FixtureRequest) -> Iterator[None]:
    servers.EXPRESS = getattr(request, "param", False)
    yield
    servers.EXPRESS = False
