"""For everybody: the pages of a whole story are clean for axe-core, on a phone in the dark too, and need no mouse."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.journeys.ageing import older
from tests.support.browser import axe, window
from tests.support.house import House
from tests.support.ledger import LOGIN, ROUTES, WHOAMI, Ledger, ledger
from tests.support.person import Person, at_a_browser
from tests.support.processes import Gateway, gateway

SIGHTS: tuple[tuple[int, Literal["light", "dark"]], ...] = ((1280, "light"), (320, "dark"))
APP = """
[[app]]
name = "ledger"
upstream = "{upstream}"
signin = "app"
"""
CHANGES_EMAIL = """
    const form = document.createElement("form");
    form.method = "post";
    form.action = "/email";
    form.innerHTML = '<input name="email" value="new@b.test">';
    document.body.append(form);
    form.submit();
"""
STICKS_OUT = "document.documentElement.scrollWidth > innerWidth"


def is_good(person: Person) -> None:
    """The page before them."""
    looks_good(person.page)


def looks_good(page: Page) -> None:
    """On a desk by day and on a small phone by night."""
    for width, scheme in SIGHTS:
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # colours change at once
        where = f"{page.title()}, {width} px, {scheme}"
        assert axe(page) == [], where
        assert not page.evaluate(STICKS_OUT), where


def test_the_pages_of_signing_in_and_confirming_are_clean(browser: Browser, home: House) -> None:
    with at_a_browser(browser, home, home.newcomer(phone=True)) as ida:
        assert ida.who.phone is not None
        ida.opens("/")
        is_good(ida)
        ida.types("User name", ida.who.name)
        ida.types("Password", ida.who.password)
        ida.presses("Sign in")
        is_good(ida)
        ida.types("Authenticator code", ida.who.phone.code())
        ida.presses("Sign in")
        is_good(ida)
        ida.ends_confirmation()
        ida.changes_email("a.rather.long.address.to.break.narrow.pages@subdomain.example.com")
        is_good(ida)
        ida.types("Authenticator code", "000000")
        ida.presses("Confirm")
        is_good(ida)
        ida.follows("Password")
        is_good(ida)
        expired = ida.page.url
        ida.confirms()
        is_good(ida)
        assert not ida.page.locator("main").evaluate("e => e.scrollWidth > e.clientWidth")
        ida.page.goto(expired)
        is_good(ida)
        ida.opens("/log")
        is_good(ida)
        ida.opens("/billing")
        is_good(ida)
        ida.presses("Sign out")
        is_good(ida)


def test_the_pages_of_an_account_are_clean(alice: Person) -> None:
    alice.adds_passkey("Laptop")
    is_good(alice)
    for path in ("passkey", "totp", "recovery"):
        alice.opens(f"/.gateway/account/{path}")
        is_good(alice)
    alice.presses("Make new codes")
    is_good(alice)


@pytest.fixture(scope="module")
def book() -> Iterator[Ledger]:
    with ledger() as running:
        yield running


@pytest.fixture(scope="module")
def front(book: Ledger, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    routes = APP.format(upstream=book.url) + LOGIN + WHOAMI + ROUTES
    with gateway(tmp_path_factory.mktemp("ledger"), routes, people={}) as started:
        yield started


def test_the_pages_of_an_app_with_its_own_sign_in_are_clean(browser: Browser, front: Gateway, book: Ledger) -> None:
    with window(browser) as page:
        page.goto(front.url + "/.gateway/account")
        expect(page.get_by_role("heading", name="Sign in to ledger first")).to_be_visible()
        looks_good(page)
        page.get_by_role("link", name="Sign in to ledger").click()
        page.fill("[name=user]", "ann")
        page.fill("[name=pass]", "ann-own-pw1")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_text("Signed in as ann")).to_be_visible()
        page.goto(front.url + "/.gateway/account")
        expect(page.get_by_text("You confirm with your password for ledger. Change it there.")).to_be_visible()
        looks_good(page)
        page.goto(front.url)
        older(front.folder)
        page.evaluate(CHANGES_EMAIL)
        expect(page.get_by_text("The password you use for ledger.")).to_be_visible()
        page.get_by_label("Password").fill("not it")
        page.get_by_role("button", name="Confirm").click()
        expect(page.get_by_role("alert")).to_have_text("Wrong password.")
        looks_good(page)
        page.get_by_role("button", name="Not you? Sign out").click()
        expect(page.get_by_text("You may still be signed in to ledger itself.")).to_be_visible()
        looks_good(page)
        page.get_by_role("link", name="Back to ledger").click()
        expect(page.get_by_text("Signed in as ann")).to_be_visible()
    assert book.did("ann") == []


def test_whoever_was_signed_in_to_the_app_before_says_who_they_are(
    browser: Browser, front: Gateway, book: Ledger
) -> None:
    with window(browser) as page:
        page.context.add_cookies([{"name": "sid", "value": book.sign_in_directly("Bob"), "url": front.url}])
        page.goto(front.url)
        page.evaluate(CHANGES_EMAIL)
        expect(page.get_by_label("Password")).to_be_focused()
        looks_good(page)
        page.get_by_label("User name").fill("ann")
        page.get_by_label("Password").fill("ann-own-pw1")
        page.get_by_role("button", name="Confirm").click()
        expect(page.get_by_role("alert")).to_have_text("That is not the account you are signed in to ledger with.")
        expect(page.get_by_label("User name")).to_have_value("Bob")
        looks_good(page)
        page.get_by_label("Password").fill("bob-own-pw1")
        page.get_by_role("button", name="Confirm").click()
        expect(page.get_by_text("Changed to new@b.test")).to_be_visible()
    assert (book.did("ann"), book.did("Bob")) == ([], ["email new@b.test"])


def tab_to(person: Person, name: str) -> None:
    """With the Tab key alone."""
    for _ in range(40):
        person.page.keyboard.press("Tab")
        if person.page.evaluate("document.activeElement.innerText") == name:
            return
    raise AssertionError(f"Tab never came to {name!r}")


def test_a_whole_story_by_keyboard(browser: Browser, home: House) -> None:
    with at_a_browser(browser, home, home.newcomer()) as alice:
        keys = alice.page.keyboard
        alice.opens("/account")
        keys.type(alice.who.name)
        keys.press("Tab")
        keys.type(alice.who.password)
        keys.press("Enter")
        alice.is_at("/account")
        tab_to(alice, "Delete my account")
        keys.press("Enter")
        alice.is_asked("Delete your account")
        expect(alice.page.get_by_label("Password", exact=True)).to_be_focused()
        keys.type("not it")
        keys.press("Enter")
        alice.reads("Wrong password.")
        expect(alice.page.get_by_label("Password", exact=True)).to_be_focused()
        tab_to(alice, "Cancel")
        keys.press("Enter")
        alice.is_at("/account")
        tab_to(alice, "Delete my account")
        keys.press("Space")
        alice.is_asked("Delete your account")
        keys.type(alice.who.password)
        keys.press("Enter")
        alice.is_at("/")
        assert alice.deeds == ["deleted account: "]
