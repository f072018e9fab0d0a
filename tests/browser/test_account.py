"""The account page: what a person has, where they are signed in, and that each change is confirmed."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, expect

from tests.support.house import AuthenticatorApp, House
from tests.support.person import Person, at_a_browser, the_next_second


@pytest.fixture
def elsewhere(browser: Browser, home: House, alice: Person) -> Iterator[Person]:
    """The same person, at another browser."""
    phone = "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140 Mobile"
    with at_a_browser(browser, home, alice.who, user_agent=phone) as person:
        person.comes_signed_in()
        person.opens("/account")
        yield person


def is_out(person: Person) -> None:
    """Fails unless both an open page and a sensitive form lead to the sign-in page."""
    person.types("New address", "late@example.com")
    person.presses("Change e-mail")
    expect(person.page.get_by_role("heading", name="Sign in")).to_be_visible()
    person.opens("/account")
    expect(person.page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert person.deeds == []


def test_a_new_password_ends_every_other_session(alice: Person, elsewhere: Person) -> None:
    new = "a much longer one"
    alice.opens("/.gateway/account")
    alice.page.get_by_text("Change your password", exact=True).click()
    alice.types("Current password", "not it")
    alice.types("New password, at least 8 characters", new)
    alice.types("New password again", new)
    alice.presses("Save password")
    expect(alice.page.get_by_label("Current password")).to_be_focused()
    expect(alice.page.get_by_label("Current password")).to_have_accessible_description("Wrong password.")
    alice.types("Current password", alice.who.password)
    alice.types("New password, at least 8 characters", new)
    alice.types("New password again", new)
    alice.presses("Save password")
    alice.reads("Your password is changed. Everybody else using it was signed out.")
    alice.who.password = new
    is_out(elsewhere)
    alice.ends_confirmation()
    alice.changes_email("changed@example.com")
    alice.confirms()
    alice.is_at("/account")
    alice.signs_out()
    alice.signs_in()
    assert alice.deeds == ["changed e-mail: changed@example.com"]


def test_two_new_passwords_that_differ_are_said_beside_their_field(alice: Person) -> None:
    alice.opens("/.gateway/account")
    alice.page.get_by_text("Change your password", exact=True).click()
    alice.types("Current password", alice.who.password)
    alice.types("New password, at least 8 characters", "a much longer one")
    alice.types("New password again", "a much longer on")
    alice.presses("Save password")
    field = alice.page.get_by_label("New password, at least 8 characters")
    expect(field).to_be_focused()
    expect(field).to_have_accessible_description("The two new passwords are not the same.")


def test_an_authenticator_is_scanned_counts_from_the_next_sign_in_and_is_removed(alice: Person) -> None:
    alice.opens("/.gateway/account")
    alice.follows("Add an authenticator app")
    expect(alice.page.get_by_alt_text("QR code of the key below")).to_be_visible()
    alice.page.get_by_text("I cannot scan it").click()
    key = alice.page.locator(".key").inner_text().replace(" ", "")
    uri = urlsplit(alice.page.get_by_role("link", name="Open it in an app").get_attribute("href") or "")
    assert (uri.scheme, uri.netloc, parse_qs(uri.query)["secret"]) == ("otpauth", "totp", [key])
    phone = AuthenticatorApp(key)
    alice.types("Authenticator code", "12345")
    alice.types("Name", "Phone")
    alice.presses("Add it")
    alice.reads("Wrong code. Each code works once; wait for the next one.")
    expect(alice.page.get_by_label("Name", exact=True)).to_have_value("Phone")
    alice.types("Authenticator code", phone.code())
    alice.presses("Add it")
    alice.reads("The authenticator app is added. It can confirm things from your next sign-in.")

    alice.ends_confirmation()
    alice.changes_email("too-new@example.com")
    alice.is_asked("Change your e-mail address")
    expect(alice.page.get_by_text("Authenticator code")).to_be_hidden()

    alice.signs_out()
    the_next_second()
    alice.who.phone = phone
    alice.signs_in()
    alice.opens("/.gateway/account")
    alice.page.get_by_text("Remove Phone").first.click()
    alice.presses("Remove Phone")
    alice.reads("It is removed.")
    expect(alice.page.get_by_text("Phone", exact=True)).to_be_hidden()
    alice.who.phone = None
    alice.signs_out()
    alice.signs_in()


def test_a_passkey_has_a_name_and_is_removed_by_it(alice: Person) -> None:
    machine = alice.adds_passkey("Laptop")
    expect(alice.page.get_by_role("listitem").filter(has_text="Laptop")).to_contain_text("never used")
    alice.follows("Add a passkey")
    alice.presses("Add a passkey")
    alice.reads("This device holds a passkey for this account already.")
    alice.ends_confirmation()
    alice.page.get_by_text("Remove Laptop").first.click()
    alice.presses("Remove Laptop")
    alice.is_asked("Remove a way to confirm")
    alice.confirms()
    alice.reads("It is removed.")
    expect(alice.page.get_by_text("Laptop", exact=True)).to_be_hidden()
    machine.touch(False)
    alice.signs_out()
    the_next_second()
    alice.signs_in()
    alice.ends_confirmation()
    alice.changes_email("removed@example.com")
    alice.is_asked("Change your e-mail address")
    expect(alice.page.get_by_text("Passkey")).to_be_hidden()


def test_recovery_codes_are_shown_this_once(ida: Person) -> None:
    ida.ends_confirmation()
    ida.follows("Make new ones")
    ida.is_asked("Make new recovery codes")
    ida.follows("Password")
    ida.confirms()
    ida.presses("Make new codes")
    ida.reads("Save these now: they are shown this once.")
    code = ida.page.locator(".codes code").first.inner_text()
    ida.opens("/.gateway/account/recovery")
    ida.reads("You have 10 codes left; new ones replace them.")
    ida.page.go_back()
    assert code not in ida.page.content()


def test_adding_a_way_to_confirm_is_itself_confirmed(alice: Person) -> None:
    alice.ends_confirmation()
    for link, action in (
        ("Add a passkey", "Add a passkey"),
        ("Add an authenticator app", "Add an authenticator app"),
        ("Make new ones", "Make new recovery codes"),
    ):
        alice.opens("/.gateway/account")
        alice.follows(link)
        alice.is_asked(action)
        alice.presses("Cancel")


def test_another_browser_is_listed_and_signed_out(alice: Person, elsewhere: Person) -> None:
    alice.opens("/.gateway/account")
    places = alice.page.get_by_role("region", name="Where you are signed in")
    expect(places.get_by_role("listitem")).to_have_count(2)
    expect(places.get_by_role("listitem").filter(has_text="This browser")).to_contain_text("Chrome on Linux")
    other = places.get_by_role("listitem").filter(has_text="Chrome on Android")
    expect(other).to_contain_text("127.0.0.1")
    other.get_by_role("button").click()
    alice.reads("That session is over.")
    expect(places.get_by_role("listitem")).to_have_count(1)
    is_out(elsewhere)


def test_signing_out_everywhere_else_is_confirmed_first(alice: Person, elsewhere: Person) -> None:
    alice.ends_confirmation()
    alice.presses("Sign out everywhere else")
    alice.is_asked("Sign out another device")
    alice.confirms()
    alice.reads("That session is over.")
    is_out(elsewhere)


def test_a_confirmation_ended_now_is_over(alice: Person) -> None:
    alice.opens("/.gateway/account")
    alice.reads("Confirmed just now (Password), until")
    alice.presses("End it now")
    alice.reads("You will be asked before the next protected action.")
    alice.changes_email("ended@example.com")
    alice.is_asked("Change your e-mail address")
    assert alice.deeds == []
