"""For everybody: the pages of a whole story are clean for axe-core, on a phone in the dark too, and need no mouse."""

from __future__ import annotations

from typing import Literal

from playwright.sync_api import Browser, expect

from tests.support.browser import axe
from tests.support.house import House
from tests.support.person import Person, at_a_browser

SIGHTS: tuple[tuple[int, Literal["light", "dark"]], ...] = ((1280, "light"), (320, "dark"))
STICKS_OUT = "document.documentElement.scrollWidth > innerWidth"


def is_good(person: Person) -> None:
    """The page before them, on a desk by day and on a small phone by night."""
    page = person.page
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
