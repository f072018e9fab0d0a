"""What most stories need: an upstream that records, and a browser."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.support.browser import chromium
from tests.support.echo import Echo


@pytest.fixture
def echo() -> Iterator[Echo]:
    with Echo() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for a module of synchronous tests."""
    with chromium() as opened:
        yield opened
