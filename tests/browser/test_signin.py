"""Signing in, by everything one may have; sessions that run out; and all of it without JavaScript."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.support.house import House, Newcomer, house
from tests.support.person import Person, at_a_browser, the_next_second

IDLE = 2
OFFERS_NOTHING = "delete PublicKeyCredential.isConditionalMediationAvailable"


@pytest.fixture(scope="module")
def brief(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Where sessions that nobody uses are soon over."""
    with house(tmp_path_factory.mktemp("brief"), session=f'idle = "{IDLE}s"') as opened:
        yield opened


def recovery_codes(person: Person) -> list[str]:
    """New ones, as their owner copies them from the page."""
    person.opens("/.gateway/account/recovery")
    person.presses("Make new codes")
    person.reads("they are shown this once")
    codes = person.page.locator(".codes code").all_inner_texts()
    person.follows("I saved them")
    person.reads(f"{len(codes)} codes are left.")
    return codes


def test_a_stranger_signs_in_and_comes_to_where_they_were_going(browser: Browser, home: House) -> None:
    with at_a_browser(browser, home, home.newcomer()) as alice:
        alice.opens("/index.php?page=phone-list")
        alice.answers_sign_in()
        alice.is_at("/index.php?page=phone-list")
        expect(alice.page.get_by_role("heading", name="Old pages")).to_be_visible()


def test_a_wrong_password_and_an_unknown_name_read_the_same(browser: Browser, home: House) -> None:
    for who in (home.newcomer(), Newcomer("nobody", None)):
        who.password = "not it at all"
        with at_a_browser(browser, home, who) as person:
            person.opens("/")
            person.answers_sign_in()
            field = person.page.get_by_label("Password", exact=True)
            expect(field).to_be_focused()
            expect(field).to_have_accessible_description("Wrong name or password.")
            expect(person.page.get_by_label("User name")).to_have_value(who.name)


def test_an_authenticator_is_asked_for_its_code_as_the_second_step(browser: Browser, home: House) -> None:
    with at_a_browser(browser, home, home.newcomer(phone=True)) as ida:
        assert ida.who.phone is not None
        ida.opens("/account")
        ida.types("User name", ida.who.name)
        ida.types("Password", ida.who.password)
        ida.presses("Sign in")
        ida.reads("Step 2 of 2")
        field = ida.page.get_by_label("Authenticator code")
        expect(field).to_be_focused()
        expect(field).to_have_attribute("autocomplete", "one-time-code")
        ida.types("Authenticator code", "000000")
        ida.presses("Sign in")
        ida.reads("Wrong code. Each code works once; wait for the next one.")
        expect(field).to_be_focused()
        ida.types("Authenticator code", ida.who.phone.code())
        ida.presses("Sign in")
        ida.is_at("/account")


def test_a_code_that_signed_in_does_not_confirm(ida: Person) -> None:
    assert ida.who.phone is not None
    ida.signs_out()
    ida.opens("/.gateway/signin")
    ida.types("User name", ida.who.name)
    ida.types("Password", ida.who.password)
    ida.presses("Sign in")
    code = ida.who.phone.code()
    ida.types("Authenticator code", code)
    ida.presses("Sign in")
    ida.is_at("/")
    ida.ends_confirmation()
    ida.changes_email("twice@example.com")
    ida.types("Authenticator code", code)
    ida.presses("Confirm")
    ida.reads("Wrong code. Each code works once; wait for the next one.")
    assert ida.deeds == []


def test_a_passkey_signs_in_with_nothing_typed_and_counts_as_a_confirmation(alice: Person) -> None:
    alice.adds_passkey("Laptop")
    alice.page.add_init_script(OFFERS_NOTHING)
    alice.signs_out()
    the_next_second()
    alice.follows("Sign in again")
    alice.presses("Sign in with a passkey")
    alice.is_at("/")
    expect(alice.page.locator("footer")).to_contain_text(alice.who.name)
    alice.opens("/billing")
    expect(alice.page.get_by_role("heading", name="Billing")).to_be_visible()


def test_a_browser_that_holds_a_passkey_offers_it_by_itself(alice: Person) -> None:
    alice.adds_passkey("Laptop")
    alice.signs_out()
    the_next_second()
    alice.opens("/account")
    alice.is_at("/account")
    expect(alice.page.locator("footer")).to_contain_text(alice.who.name)


def test_a_recovery_code_stands_in_for_the_phone_once_at_sign_in_and_once_at_confirm(ida: Person) -> None:
    codes = recovery_codes(ida)
    assert len(set(codes)) == 10
    ida.signs_out()
    the_next_second()

    def gives(code: str) -> None:
        ida.page.get_by_text("Recovery code").first.click()
        ida.types("Recovery code", code)

    ida.opens("/.gateway/signin")
    ida.types("User name", ida.who.name)
    ida.types("Password", ida.who.password)
    ida.presses("Sign in")
    gives(codes[0])
    ida.page.get_by_role("button", name="Sign in").last.click()
    ida.is_at("/")

    ida.ends_confirmation()
    ida.changes_email("spare@example.com")
    gives(codes[0])
    ida.page.get_by_role("button", name="Confirm").last.click()
    ida.reads("Wrong code.")
    gives(codes[1].lower().replace("-", " "))
    ida.page.get_by_role("button", name="Confirm").last.click()
    ida.is_at("/account")
    assert ida.deeds == ["changed e-mail: spare@example.com"]
    ida.opens("/.gateway/account")
    ida.reads("8 codes are left.")


def test_a_session_that_ran_out_keeps_what_was_typed(browser: Browser, brief: House) -> None:
    with at_a_browser(browser, brief, brief.newcomer()) as alice:
        alice.signs_in()
        alice.types("A new note", "half an hour of typing")
        time.sleep(IDLE + 1.1)
        alice.presses("Write it down")
        alice.reads("Your session ran out. What you sent is kept, and goes on after you sign in.")
        alice.answers_sign_in()
        alice.is_at("/")
        expect(alice.page.get_by_role("listitem").filter(has_text="half an hour of typing")).to_have_count(1)


def test_what_somebody_typed_is_not_sent_when_somebody_else_signs_in(browser: Browser, brief: House) -> None:
    with at_a_browser(browser, brief, brief.newcomer()) as alice:
        alice.signs_in()
        alice.types("A new note", "a secret of hers")
        time.sleep(IDLE + 1.1)
        alice.presses("Write it down")
        bob = Person(alice.page, brief, brief.newcomer())
        bob.answers_sign_in()
        expect(bob.page.locator("footer")).to_contain_text(bob.who.name)
        bob.signs_out()
        for person in (bob, alice):
            person.signs_in()
            expect(person.page.get_by_text("Water the fern")).to_be_visible()
            expect(person.page.get_by_text("a secret of hers")).to_be_hidden()
            person.signs_out()


def test_without_scripts_a_password_and_a_code_confirm(browser: Browser, home: House) -> None:
    with at_a_browser(browser, home, home.newcomer(phone=True), javascript=False) as ida:
        assert ida.who.phone is not None
        ida.signs_in()
        ida.ends_confirmation()
        ida.opens("/account")
        ida.presses("Turn it off")
        ida.reads("Step 1 of 2")
        ida.confirms()
        ida.reads("Step 2 of 2")
        ida.types("Authenticator code", ida.who.phone.code())
        ida.presses("Confirm")
        ida.is_at("/account")
        assert ida.deeds == ["disabled two-factor: "]


def test_without_scripts_a_passkey_says_what_to_do_instead(browser: Browser, home: House) -> None:
    who = home.newcomer()
    with at_a_browser(browser, home, who) as alice:
        alice.signs_in()
        alice.adds_passkey("Laptop")
    the_next_second()
    with at_a_browser(browser, home, who, javascript=False) as alice:
        alice.signs_in()
        alice.ends_confirmation()
        alice.changes_email("plain@example.com")
        instead = alice.page.locator("noscript p")
        expect(instead).to_be_visible()
        expect(instead).to_contain_text("Passkeys need JavaScript, which is off in this browser. Use another way.")
        expect(alice.page.get_by_role("button", name="Use a passkey")).to_be_hidden()
        alice.follows("Password")
        alice.confirms()
        alice.is_at("/account")
        assert alice.deeds == ["changed e-mail: plain@example.com"]
