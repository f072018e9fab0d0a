"""phpMyAdmin as a person sees it: it calls by script, and what is stale waits in a small window beside its page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.apps.kept import keeping
from tests.apps.phpmyadmin import DESK_PEOPLE, PhpMyAdmin
from tests.journeys.ageing import older
from tests.support.browser import window
from tests.support.processes import Gateway

BOB = DESK_PEOPLE["bob"]


@pytest.fixture(scope="module")
def front(desk: PhpMyAdmin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with keeping("phpmyadmin", desk.url, tmp_path_factory.mktemp("phpmyadmin-seen")) as started:
        yield started


@pytest.fixture
def page(browser: Browser, front: Gateway) -> Iterator[Page]:
    """Bob, signed in a moment ago."""
    with window(browser) as opened:
        opened.goto(front.url + "/index.php")
        opened.get_by_label("Username").fill("bob")
        opened.get_by_label("Password").fill(BOB)
        opened.get_by_role("button", name="Log in").click()
        expect(opened.get_by_text("User: bob@")).to_be_visible()
        yield opened


def confirm(popup: Page, password: str) -> None:
    popup.get_by_label("Password", exact=True).fill(password)
    popup.get_by_role("button", name="Confirm", exact=True).click()


def test_a_statement_that_a_script_sends_waits_for_the_window_and_is_run_once(
    page: Page, desk: PhpMyAdmin, front: Gateway
) -> None:
    page.goto(front.url + "/index.php?route=/database/sql&db=bob")
    page.locator("#queryfieldscontainer .CodeMirror").click()
    page.keyboard.type("INSERT INTO plants (name) VALUES ('seen')")
    older(front.folder)
    with page.expect_popup() as opened:
        page.get_by_role("button", name="Go", exact=True).click()
    popup = opened.value
    expect(popup.get_by_role("heading", name="Confirm access")).to_be_visible()
    expect(popup.get_by_text("Run SQL statements")).to_be_visible()
    confirm(popup, "not it")
    expect(popup.get_by_text("Wrong password")).to_be_visible()
    assert "seen" not in desk.plants("bob")
    confirm(popup, BOB)
    expect(page.get_by_text("1 row inserted")).to_be_visible()
    assert desk.plants("bob").count("seen") == 1


def test_tables_are_read_and_turned_over_in_peace_and_deleting_a_row_is_asked_about(
    page: Page, desk: PhpMyAdmin, front: Gateway
) -> None:
    desk.database.sql("insert into plants (name) values " + ", ".join(f"('p{n}')" for n in range(40)), database="bob")
    older(front.folder)
    page.goto(front.url + "/index.php?route=/sql&db=bob&table=plants")
    expect(page.get_by_role("cell", name="fern")).to_be_visible()
    page.locator("input[name=navig][title=End]").first.click()
    expect(page.get_by_role("cell", name="p39")).to_be_visible()
    page.locator("tr", has_text="p39").locator("a.delete_row").click()
    with page.expect_popup() as opened:
        page.get_by_role("button", name="OK", exact=True).click()
    confirm(opened.value, BOB)
    expect(page.get_by_role("cell", name="p39")).to_have_count(0)
    assert desk.plants("bob")[-1] == "p38"
