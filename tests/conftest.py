"""What most stories need: an upstream that records, and a browser."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.support.browser import chromium
from tests.support.echo import Echo
from tests.support.redis_servers import redis_cluster, redis_sentinels, redis_server, valkey_server

__all__ = ["browser", "echo", "redis_cluster", "redis_sentinels", "redis_server", "valkey_server"]


@pytest.fixture
def echo() -> Iterator[Echo]:
    with Echo() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for a module of synchronous tests."""
    with chromium() as opened:
        yield opened
