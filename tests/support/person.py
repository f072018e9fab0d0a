"""A person at a browser: what they do, in their words, and what they read."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Locator, Page, expect

from tests.support.browser import Authenticator, window
from tests.support.house import SHORT, House, Newcomer


class Person:
    """`page` is the tab they look at."""

    def __init__(self, page: Page, house: House, who: Newcomer) -> None:
        self.page = page
        self.house = house
        self.who = who

    def another_tab(self) -> Person:
        """The same person, the same browser."""
        return Person(self.page.context.new_page(), self.house, self.who)

    def opens(self, path: str) -> None:
        self.page.goto(self.house.url + path)

    def presses(self, name: str, *, exact: bool = True) -> None:
        self.page.get_by_role("button", name=name, exact=exact).click()

    def follows(self, name: str) -> None:
        self.page.get_by_role("link", name=name, exact=True).click()

    def types(self, label: str, text: str) -> None:
        self.page.get_by_label(label, exact=True).fill(text)

    def reads(self, text: str) -> None:
        """Fails unless it is there for them to see."""
        expect(self.page.get_by_text(text).first).to_be_visible()

    def is_at(self, path: str) -> None:
        """Fails unless the address bar says so."""
        expect(self.page).to_have_url(self.house.url + path)

    @property
    def deeds(self) -> list[str]:
        return self.house.deeds(self.who)

    @property
    def status(self) -> Locator:
        """The app's own notice of what it did."""
        return self.page.locator(".notice")

    def comes_signed_in(self) -> None:
        """Since just now; how that goes is told by other tests."""
        session = self.house.session_of(self.who, self.page.evaluate("navigator.userAgent"))
        self.page.context.add_cookies([{"name": "gateway_session", "value": session, "url": self.house.url}])

    def signs_in(self, path: str = "/") -> None:
        """With the password, and a code for those who have one."""
        self.opens("/.gateway/signin?next=" + path)
        self.answers_sign_in()
        self.is_at(path)

    def answers_sign_in(self) -> None:
        self.types("User name", self.who.name)
        self.types("Password", self.who.password)
        self.presses("Sign in")
        if self.who.phone is not None:
            self.types("Authenticator code", self.who.phone.code())
            self.presses("Sign in")

    def signs_out(self) -> None:
        self.opens("/.gateway/account")
        self.presses("Not you? Sign out")
        self.reads("You are signed out of this browser")

    def adds_passkey(self, name: str) -> Authenticator:
        """On the account page, with the machine that holds it. It counts from the next sign-in."""
        machine = Authenticator(self.page)
        self.opens("/.gateway/account/passkey")
        self.types("Name", name)
        self.presses("Add a passkey")
        self.reads("The passkey is added. It can confirm things from your next sign-in.")
        return machine

    def signs_in_anew(self, machine: Authenticator) -> None:
        """By password, although the browser would offer the passkey."""
        self.signs_out()
        the_next_second()
        machine.touch(False)
        self.signs_in()
        machine.touch(True)

    def ends_confirmation(self) -> None:
        """So that whatever is sensitive is asked for again."""
        self.opens("/.gateway/account")
        self.presses("End it now")
        self.reads("Your confirmation is over")

    def changes_email(self, address: str) -> None:
        self.opens("/account")
        self.types("New address", address)
        self.presses("Change e-mail")

    def is_asked(self, action: str) -> None:
        """Fails unless the page before them asks to confirm just that."""
        expect(self.page.get_by_role("heading", name="Confirm access")).to_be_visible()
        expect(self.page.locator(".doing")).to_have_text(action)

    def confirms(self) -> None:
        """By password, on the page before them."""
        self.types("Password", self.who.password)
        self.presses("Confirm")


def goes_stale() -> None:
    """Until what was proved is too old to change an e-mail address."""
    time.sleep(SHORT + 1.1)


def the_next_second() -> None:
    """What was enrolled in the second of a sign-in counts as later than it."""
    time.sleep(1.05 - time.time() % 1)


@contextmanager
def at_a_browser(browser: Browser, house: House, who: Newcomer, **more: Any) -> Iterator[Person]:
    """Somebody with a browser profile of their own. `more` is what `window` takes."""
    with window(browser, **more) as page:
        yield Person(page, house, who)
