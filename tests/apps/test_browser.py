"""The same stories as a person sees them: Chromium, the app's own pages, Confirm access, and the app's answer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.apps.django_admin import OFFICE_PASSWORD, Office
from tests.apps.documented import A_WHILE, SHORT, STALE, in_front_of
from tests.apps.dokuwiki import WIKI_PASSWORD, DokuWiki
from tests.journeys.ageing import credentials_older
from tests.support.browser import Authenticator, window
from tests.support.processes import PEOPLE, Gateway


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with window(browser) as opened:
        yield opened


def sign_in(page: Page, front: Gateway, target: str) -> None:
    """Go to the app; meet the gateway's sign-in page first."""
    page.goto(front.url + target)
    page.get_by_label("User name").fill("alice")
    page.get_by_label("Password", exact=True).fill(PEOPLE["alice"])
    page.get_by_role("button", name="Sign in", exact=True).click()


def confirm(page: Page) -> None:
    page.get_by_label("Password", exact=True).fill(PEOPLE["alice"])
    page.get_by_role("button", name="Confirm", exact=True).click()


def test_a_wiki_profile_is_changed_after_confirming_with_a_password(page: Page, wiki: DokuWiki, tmp_path: Path) -> None:
    with in_front_of("wiki", wiki.url, tmp_path, max_age=SHORT) as front:
        sign_in(page, front, "/doku.php?id=start&do=login")
        page.locator("input[name=u]").fill("admin")
        page.locator("input[name=p]").fill(WIKI_PASSWORD)
        page.locator("#dw__login button[type=submit]").click()
        page.get_by_role("link", name="Log Out").wait_for()
        time.sleep(STALE)
        page.get_by_role("link", name="Update Profile").click()
        confirm(page)
        page.locator("input[name=email]").fill("chromium@example.test")
        page.locator("input[name=oldpass]").fill(WIKI_PASSWORD)
        time.sleep(STALE)
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("heading", name="Confirm access")).to_be_visible()
        expect(page.get_by_text("chromium@example.test")).to_be_visible()
        assert wiki.emails()["admin"] != "chromium@example.test"
        confirm(page)
        expect(page.get_by_text("User profile successfully updated")).to_be_visible()
        assert page.url == front.url + "/doku.php?id=start&do=profile"
        assert wiki.emails()["admin"] == "chromium@example.test"
        before = len(wiki.seen())
        page.reload()
        assert not [line for line in wiki.seen()[before:] if line.startswith("POST")]


def test_a_person_is_promoted_in_django_after_a_touch_of_a_passkey(
    page: Page, django: Office, django_front: Gateway
) -> None:
    bob = django.add("bob-with-a-browser")
    target = f"/admin/auth/user/{bob}/change/"
    device = Authenticator(page)
    sign_in(page, django_front, "/.gateway/account/passkey")
    page.get_by_role("button", name="Add a passkey").click()
    page.wait_for_url("**/.gateway/account?done=passkey")
    assert len(device.credentials()) == 1
    credentials_older(django_front.folder, A_WHILE)
    page.context.clear_cookies()
    page.goto(django_front.url + target)  # the device offers its passkey by itself
    page.wait_for_url("**/admin/login/**")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(OFFICE_PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.goto(django_front.url + "/.gateway/account")
    page.locator("form[action$=stepdown] button").click()
    page.goto(django_front.url + target)
    page.get_by_label("Email address").fill("touched@example.test")
    page.get_by_label("Staff status").check()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("heading", name="Confirm access")).to_be_visible()
    assert django.person(bob)[1] == 0
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url("**/admin/auth/user/")
    expect(page.get_by_text("was changed successfully")).to_be_visible()
    assert django.person(bob) == ("touched@example.test", 1)
    assert django.posts(target) == 1
    page.go_back()
    page.reload()
    assert django.posts(target) == 1
