"""What most stories need: an upstream that records, a browser, and a PostgreSQL."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.support.browser import chromium
from tests.support.echo import Echo
from tests.support.postgres import Postgres, postgres
from tests.support.redis_servers import redis_cluster, redis_sentinels, redis_server, valkey_server

__all__ = ["browser", "echo", "postgres", "redis_cluster", "redis_sentinels", "redis_server", "valkey_server"]


@pytest.fixture
def echo() -> Iterator[Echo]:
    with Echo() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for a module of synchronous tests."""
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Postgres]:
    """One server for all who share it: each test has a database, or leaves it as it was."""
    with postgres() as server:
        yield server
