"""Redmine as a person sees it: what its pages send by script waits in a small window beside them."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.apps.kept import keeping
from tests.apps.redmine import API_KEYS, TRACKER_PEOPLE, Redmine
from tests.journeys.ageing import older
from tests.support.browser import window


def test_a_key_that_a_script_fetches_is_shown_after_confirming(
    browser: Browser, tracker: Redmine, tmp_path: Path
) -> None:
    with keeping("redmine", tracker.url, tmp_path) as front, window(browser) as page:
        page.goto(front.url + "/login?back_url=/my/account")
        page.get_by_label("Login").fill("bob")
        page.locator("#password").fill(TRACKER_PEOPLE["bob"])
        page.get_by_role("button", name="Login").click()
        key = page.locator("#api-access-key")
        older(front.folder)
        with page.expect_popup() as opened:
            page.get_by_role("link", name="Show").click()
        popup = opened.value
        expect(popup.get_by_text("See or renew your API key")).to_be_visible()
        popup.get_by_label("Password", exact=True).fill("not it")
        popup.get_by_role("button", name="Confirm", exact=True).click()
        expect(popup.get_by_text("Wrong password")).to_be_visible()
        expect(key).to_be_empty()
        popup.get_by_label("Password", exact=True).fill(TRACKER_PEOPLE["bob"])
        popup.get_by_role("button", name="Confirm", exact=True).click()
        expect(key).to_have_text(API_KEYS["bob"])
