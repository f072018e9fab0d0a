"""MediaWiki with its own login alone, as a person sees it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.apps.kept import forgiven, keeping
from tests.apps.mediawiki import PEDIA_PEOPLE, MediaWiki
from tests.journeys.ageing import older
from tests.support.browser import window
from tests.support.processes import Gateway

ANN, BOB = PEDIA_PEOPLE["Ann Admin"], PEDIA_PEOPLE["Bob"]


@pytest.fixture(scope="module")
def front(pedia: MediaWiki, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with keeping("mediawiki", pedia.url, tmp_path_factory.mktemp("pedia-seen")) as started:
        yield started


@pytest.fixture
def page(browser: Browser, front: Gateway) -> Iterator[Page]:
    """The administrator's, signed in a moment ago."""
    forgiven(front)
    with window(browser) as opened:
        sign_in(opened, front, "Ann Admin", ANN)
        yield opened


def sign_in(page: Page, front: Gateway, name: str, password: str) -> None:
    page.goto(front.url + "/index.php/Special:UserLogin")
    page.get_by_label("Username").fill(name)
    page.locator("#wpPassword1").fill(password)
    page.get_by_role("button", name="Log in").click()
    page.locator("#pt-logout").wait_for()


def confirm(page: Page, password: str) -> None:
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Confirm", exact=True).click()


def test_rights_are_given_once_after_confirming_with_the_wikis_own_password(
    page: Page, pedia: MediaWiki, front: Gateway
) -> None:
    pedia.add("Cara", "cara's pedia pw 3")
    page.goto(front.url + "/index.php/Special:UserRights/Cara")
    page.locator("#wpGroup-sysop").check()
    older(front.folder)
    page.locator("input[name=saveusergroups]").click()
    expect(page.get_by_role("heading", name="Confirm access")).to_be_visible()
    expect(page.get_by_text("Cara")).to_be_visible()
    confirm(page, BOB)
    expect(page.get_by_text("Wrong password")).to_be_visible()
    assert pedia.person("Cara")[2] == []
    pedia.program.stop()
    pedia.start()
    confirm(page, ANN)
    expect(page.get_by_text("The user groups of Cara have been saved")).to_be_visible()
    assert pedia.person("Cara")[2] == ["sysop"]
    page.reload()
    assert pedia.program.output().count("POST /index.php/Special:UserRights") == 1


def test_who_signs_out_by_script_and_in_as_another_is_who_is_asked(
    page: Page, pedia: MediaWiki, front: Gateway
) -> None:
    page.goto(front.url + "/index.php/Special:ChangeEmail")
    page.get_by_label("New email address").fill("whose@kept.test")
    other = page.context.new_page()
    other.goto(front.url + "/index.php/Main_Page")
    with other.expect_response(lambda answer: "api.php" in answer.url and answer.request.method == "POST"):
        other.locator("#pt-logout a").click()
    other.locator("#pt-login").wait_for()
    assert not [each for each in page.context.cookies() if each["name"] == "gateway_session"]
    sign_in(other, front, "Bob", BOB)
    older(front.folder)
    page.get_by_role("button", name="Change email").click()
    expect(page.locator(".who")).to_contain_text("Bob")
    confirm(page, ANN)
    expect(page.get_by_text("Wrong password")).to_be_visible()
    assert "whose@kept.test" not in {pedia.person(name)[0] for name in PEDIA_PEOPLE}
