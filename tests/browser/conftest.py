"""What the stories need: the gateway in front of the notes app, one for each module."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.support.house import House, house
from tests.support.person import Person, at_a_browser


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("house")) as opened:
        yield opened


@pytest.fixture
def alice(browser: Browser, home: House) -> Iterator[Person]:
    """Has a password, and is signed in."""
    with at_a_browser(browser, home, home.newcomer()) as person:
        person.comes_signed_in()
        yield person


@pytest.fixture
def ida(browser: Browser, home: House) -> Iterator[Person]:
    """Has a password and an authenticator app, and is signed in."""
    with at_a_browser(browser, home, home.newcomer(phone=True)) as person:
        person.comes_signed_in()
        yield person
