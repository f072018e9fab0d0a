"""The main story, as a person lives it: go stale, be asked, confirm, and what was sent goes through, once."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from playwright.sync_api import expect

from tests.support.person import Person, goes_stale


def test_a_fresh_sign_in_is_not_asked(alice: Person) -> None:
    alice.changes_email("fresh@example.com")
    alice.is_at("/account")
    expect(alice.status).to_have_text("Done: changed e-mail. fresh@example.com")
    assert alice.deeds == ["changed e-mail: fresh@example.com"]


def test_what_was_sent_goes_through_once_after_confirming_by_password(alice: Person) -> None:
    goes_stale()
    alice.changes_email("new@example.com")
    alice.is_asked("Change your e-mail address")
    expect(alice.page).to_have_title("Confirm access · notes")
    expect(alice.page.locator("dl.facts")).to_contain_text("POST /account/email")
    expect(alice.page.locator("dl.facts")).to_contain_text("new@example.com")
    expect(alice.page.locator(".who")).to_contain_text(alice.who.name)
    alice.reads("You won't be asked again for 3 seconds in this browser.")
    assert alice.deeds == []
    alice.confirms()
    alice.is_at("/account")
    expect(alice.status).to_have_text("Done: changed e-mail. new@example.com")
    expect(alice.page.locator("strong", has_text="new@example.com")).to_be_visible()
    alice.page.reload()
    alice.is_at("/account")
    assert alice.deeds == ["changed e-mail: new@example.com"]


def test_the_answer_stands_at_its_own_address_and_finds_its_links_and_its_looks(alice: Person) -> None:
    alice.ends_confirmation()
    alice.opens("/index.php")
    alice.follows("delete old-menu")
    alice.is_asked("Delete a page")
    alice.confirms()
    alice.is_at("/index.php")
    alice.ends_confirmation()
    alice.opens("/")
    alice.types("Where they are from", "a drawer")
    alice.presses("Import")
    alice.confirms()
    alice.is_at("/notes/import")
    expect(alice.page.get_by_role("heading", name="Imported")).to_be_visible()
    expect(alice.page.locator(".name")).to_have_css("font-style", "italic")
    alice.follows("Account")
    alice.is_at("/account")
    assert alice.deeds == ["deleted page: old-menu"]


def test_an_authenticator_code_confirms(ida: Person) -> None:
    assert ida.who.phone is not None
    goes_stale()
    ida.changes_email("code@example.com")
    ida.is_asked("Change your e-mail address")
    ida.types("Authenticator code", ida.who.phone.code())
    ida.presses("Confirm")
    ida.is_at("/account")
    assert ida.deeds == ["changed e-mail: code@example.com"]


def test_a_passkey_of_an_earlier_session_confirms_and_one_of_this_session_does_not(alice: Person) -> None:
    machine = alice.adds_passkey("Laptop")
    alice.ends_confirmation()
    alice.changes_email("too-new@example.com")
    alice.is_asked("Change your e-mail address")
    expect(alice.page.get_by_label("Password", exact=True)).to_be_visible()
    expect(alice.page.get_by_text("Passkey")).to_be_hidden()
    alice.presses("Cancel")

    alice.opens("/billing")
    expect(alice.page.get_by_role("heading", name="You cannot confirm this yet")).to_be_visible()
    alice.reads("was added after you signed in, and cannot vouch for itself")

    alice.signs_in_anew(machine)
    goes_stale()
    alice.changes_email("touch@example.com")
    alice.is_asked("Change your e-mail address")
    alice.presses("Use a passkey")
    alice.is_at("/account")
    expect(alice.status).to_have_text("Done: changed e-mail. touch@example.com")
    expect(alice.page.locator("footer")).to_contain_text("hwk")
    alice.opens("/billing")
    expect(alice.page.get_by_role("heading", name="Billing")).to_be_visible()
    assert alice.deeds == ["changed e-mail: touch@example.com"]


def test_there_is_always_another_way(alice: Person) -> None:
    machine = alice.adds_passkey("Laptop")
    alice.signs_in_anew(machine)
    alice.ends_confirmation()
    alice.changes_email("other@example.com")
    machine.recognise(False)
    alice.presses("Use a passkey")
    alice.reads("Cancelled or timed out. Try again or use another way.")
    alice.follows("Password")
    expect(alice.page.get_by_label("Password", exact=True)).to_be_focused()
    alice.follows("Passkey")
    alice.follows("Password")
    alice.confirms()
    alice.is_at("/account")
    assert alice.deeds == ["changed e-mail: other@example.com"]


def test_a_wrong_password_is_said_beside_its_field_which_has_the_focus(alice: Person) -> None:
    alice.ends_confirmation()
    alice.changes_email("wrong@example.com")
    alice.types("Password", "not it")
    alice.presses("Confirm")
    field = alice.page.get_by_label("Password", exact=True)
    expect(alice.page).to_have_title("Error: Confirm access · notes")
    expect(alice.page.get_by_role("alert").filter(visible=True)).to_have_text("Wrong password.")
    expect(field).to_be_focused()
    expect(field).to_have_accessible_description("Wrong password.")
    expect(field).to_have_attribute("aria-invalid", "true")
    assert alice.deeds == []
    alice.confirms()
    alice.is_at("/account")
    assert alice.deeds == ["changed e-mail: wrong@example.com"]


def test_who_guesses_too_often_is_told_how_long_to_wait(alice: Person) -> None:
    alice.ends_confirmation()
    alice.changes_email("guess@example.com")
    for _ in range(6):
        alice.types("Password", "not it")
        alice.presses("Confirm")
        expect(alice.page.get_by_role("alert").filter(visible=True)).to_be_visible()
    told = re.compile(r"Too many tries\. Try again in (30|[12]\d) seconds\.")
    expect(alice.page.get_by_role("alert").filter(visible=True)).to_have_text(told)
    alice.confirms()
    expect(alice.page.get_by_role("alert").filter(visible=True)).to_have_text(told)
    assert alice.deeds == []


def test_cancel_goes_back_and_drops_what_was_sent(alice: Person) -> None:
    alice.ends_confirmation()
    alice.changes_email("cancel@example.com")
    alice.is_asked("Change your e-mail address")
    asked = alice.page.url
    alice.presses("Cancel")
    alice.is_at("/account")
    alice.page.goto(asked)
    alice.reads("If it was not confirmed, nothing was sent")
    assert alice.deeds == []


def test_going_back_from_the_page_and_sending_again_works(alice: Person) -> None:
    alice.ends_confirmation()
    alice.changes_email("first@example.com")
    alice.is_asked("Change your e-mail address")
    alice.page.go_back()
    alice.is_at("/account")
    alice.types("New address", "second@example.com")
    alice.presses("Change e-mail")
    expect(alice.page.locator("dl.facts")).to_contain_text("second@example.com")
    alice.confirms()
    alice.is_at("/account")
    assert alice.deeds == ["changed e-mail: second@example.com"]


def test_back_after_confirming_does_not_run_it_again(alice: Person) -> None:
    alice.opens("/account")
    alice.page.locator("form[action='/account/delete'] button").click()
    alice.is_asked("Delete your account")
    alice.reads("This action is confirmed by itself, every time.")
    alice.confirms()
    alice.is_at("/")
    alice.page.go_back()
    alice.reads("It was confirmed, cancelled or left waiting for too long.")
    alice.page.reload()
    alice.page.go_back()
    alice.is_at("/account")
    alice.page.go_forward()
    alice.page.go_forward()
    alice.is_at("/")
    assert alice.deeds == ["deleted account: "]


def test_what_is_asked_every_time_is_asked_every_time(alice: Person) -> None:
    for time in (1, 2):
        alice.opens("/account/delete")
        alice.presses("Delete my account")
        alice.is_asked("Delete your account")
        alice.confirms()
        alice.is_at("/")
        assert alice.deeds == ["deleted account: "] * time


def test_an_action_confirmed_by_itself_covers_nothing_else(alice: Person) -> None:
    alice.ends_confirmation()
    for label in ("laptop", "phone"):
        alice.opens("/api/keys")
        alice.types("What is it for?", label)
        alice.presses("Create a key")
        alice.is_asked("Create an API key")
        expect(alice.page.locator("dl.facts")).to_contain_text(label)
        alice.confirms()
        alice.is_at("/api/keys")
    alice.changes_email("not-covered@example.com")
    alice.is_asked("Change your e-mail address")
    assert alice.deeds == ["created API key: laptop", "created API key: phone"]


def test_several_proofs_are_asked_one_after_the_other(ida: Person) -> None:
    assert ida.who.phone is not None
    ida.ends_confirmation()
    ida.opens("/account")
    ida.presses("Turn it off")
    ida.is_asked("Turn off two-factor authentication")
    ida.reads("Step 1 of 2")
    ida.confirms()
    ida.reads("Step 2 of 2")
    assert ida.deeds == []
    ida.types("Authenticator code", ida.who.phone.code())
    ida.presses("Confirm")
    ida.is_at("/account")
    ida.reads("Two-factor authentication is off.")
    assert ida.deeds == ["disabled two-factor: "]


def test_report_mode_asks_nothing(alice: Person) -> None:
    alice.ends_confirmation()
    alice.opens("/admin/")
    expect(alice.page.get_by_role("heading", name="Administration")).to_be_visible()


def test_a_password_field_is_not_shown(alice: Person) -> None:
    alice.ends_confirmation()
    alice.opens("/account")
    alice.types("New password", "swordfish and more")
    alice.presses("Change password")
    alice.is_asked("Change your password in the app")
    expect(alice.page.locator("dl.facts")).to_contain_text("••••••")
    assert "swordfish" not in alice.page.content()


def test_uploaded_files_arrive_byte_for_byte(alice: Person, tmp_path: Path) -> None:
    sizes = (0, 3, 300_000)
    files = [tmp_path / f"über {size}.bin" for size in sizes]
    for file, size in zip(files, sizes, strict=True):
        file.write_bytes(bytes((i * 7 + i // 256) % 256 for i in range(size)))
    alice.ends_confirmation()
    alice.opens("/")
    alice.page.get_by_label("Files").set_input_files(files)
    alice.types("Where they are from", "a drawer, “second” from above")
    alice.presses("Import")
    alice.is_asked("Import notes")
    expect(alice.page.locator("dl.facts")).to_contain_text("über 300000.bin (300000 bytes)")
    alice.confirms()
    alice.is_at("/notes/import")
    for file, size in zip(files, sizes, strict=True):
        row = alice.page.get_by_role("row").filter(has_text=hashlib.sha256(file.read_bytes()).hexdigest())
        expect(row).to_contain_text(str(size))
    alice.reads("a drawer, “second” from above")


def test_the_wrong_person_can_leave(alice: Person) -> None:
    alice.ends_confirmation()
    alice.changes_email("leave@example.com")
    asked = alice.page.url
    alice.presses("Not you? Sign out")
    alice.reads("What waited for your confirmation is forgotten.")
    alice.follows("Sign in again")
    alice.answers_sign_in()
    alice.is_at("/")
    alice.page.goto(asked)
    alice.reads("nothing was sent")
    assert alice.deeds == []
