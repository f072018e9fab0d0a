"""More than one page at once: two tabs, a script's call, and a page of somebody else."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.support.house import House
from tests.support.person import Person
from tests.support.processes import free_port, running

FORGERY = """<!doctype html><title>A prize</title>
<form method="post" action="{url}/account/email">
<input type="hidden" name="email" value="forged@example.com"><button>Take the prize</button></form>"""

REVOKE = """async (path) => {
  const answer = await fetch(path, { method: "DELETE" });
  return { status: answer.status, said: answer.status === 401 ? await answer.json() : null };
}"""


@pytest.fixture(scope="module")
def other_site(home: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a site whose only page sends a form to ours."""
    folder, port = tmp_path_factory.mktemp("other"), free_port()
    (folder / "index.html").write_text(FORGERY.format(url=home.url))
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    with running(command, folder, port=port):
        yield port


def held_in_two_tabs(alice: Person) -> tuple[Person, Person]:
    """Each tab asks to confirm what was done in it."""
    alice.ends_confirmation()
    first, second = alice, alice.another_tab()
    first.opens("/account")
    first.types("New password", "a longer one")
    first.presses("Change password")
    second.opens("/index.php")
    second.follows("delete old-menu")
    first.is_asked("Change your password in the app")
    second.is_asked("Delete a page")
    return first, second


def test_the_tab_that_was_asked_first_is_confirmed_first(alice: Person) -> None:
    first, second = held_in_two_tabs(alice)
    first.confirms()
    first.is_at("/account")
    second.confirms()
    second.is_at("/index.php")
    assert alice.deeds == ["changed password: ", "deleted page: old-menu"]


def test_the_tab_that_was_asked_last_is_confirmed_first(alice: Person) -> None:
    first, second = held_in_two_tabs(alice)
    second.confirms()
    second.is_at("/index.php")
    first.confirms()
    first.is_at("/account")
    assert alice.deeds == ["deleted page: old-menu", "changed password: "]


def test_a_tab_that_is_reloaded_after_the_other_was_confirmed_asks_for_nothing_more(alice: Person) -> None:
    first, second = held_in_two_tabs(alice)
    second.confirms()
    second.is_at("/index.php")
    first.page.reload()
    first.reads("You have confirmed this already.")
    first.presses("Continue")
    first.is_at("/account")
    assert alice.deeds == ["deleted page: old-menu", "changed password: "]


def test_cancelling_one_tab_leaves_the_other(alice: Person) -> None:
    first, second = held_in_two_tabs(alice)
    first.presses("Cancel")
    first.is_at("/account")
    second.confirms()
    second.is_at("/index.php")
    assert alice.deeds == ["deleted page: old-menu"]


def key_of(alice: Person, label: str) -> str:
    """The address of a new API key."""
    alice.opens("/api/keys")
    alice.types("What is it for?", label)
    alice.presses("Create a key")
    alice.confirms()
    alice.is_at("/api/keys")
    return alice.page.locator("form[data-method=DELETE]").get_attribute("action") or ""


def test_a_script_is_told_where_to_confirm_and_then_its_call_passes(alice: Person) -> None:
    key = key_of(alice, "robot")
    alice.ends_confirmation()
    alice.opens("/api/keys")
    refused = alice.page.evaluate(REVOKE, key)
    assert refused["status"] == 401
    assert refused["said"]["error"] == "insufficient_user_authentication"
    tab = alice.another_tab()
    tab.page.goto(refused["said"]["confirm_url"])
    tab.is_asked("Revoke an API key")
    expect(tab.page.locator("dl.facts")).to_contain_text(f"DELETE {key}")
    tab.reads("Nothing was sent. After confirming, go back and do it again.")
    tab.confirms()
    tab.reads("Thank you, you are confirmed. Nothing was sent yet.")
    assert alice.deeds == ["created API key: robot"]
    assert alice.page.evaluate(REVOKE, key)["status"] == 204
    assert alice.deeds == ["created API key: robot", f"revoked API key: {key.rpartition('/')[2]}"]


def test_a_button_that_calls_by_script_has_the_person_confirm(alice: Person) -> None:
    key = key_of(alice, "robot")
    alice.ends_confirmation()
    alice.opens("/api/keys")
    alice.presses("Revoke robot")
    alice.is_asked("Revoke an API key")
    alice.confirms()
    alice.is_at("/api/keys")
    alice.reads("You have no API keys.")
    assert alice.deeds == ["created API key: robot", f"revoked API key: {key.rpartition('/')[2]}"]


def take_the_prize(page: Page, host: str, port: int) -> None:
    page.goto(f"http://{host}:{port}/")
    page.get_by_role("button", name="Take the prize").click()


def test_a_form_of_a_neighbour_site_is_never_sent_even_when_confirmed(alice: Person, other_site: int) -> None:
    alice.ends_confirmation()
    take_the_prize(alice.page, "localhost", other_site)
    alice.is_asked("Change your e-mail address")
    alice.reads("The request came from another site, so it was not kept. Nothing was sent.")
    alice.confirms()
    alice.reads("Thank you, you are confirmed. Nothing was sent yet.")
    alice.follows("Go back")
    alice.is_at("/")
    take_the_prize(alice.page, "localhost", other_site)
    alice.reads("Another site tried to do this in your name. Nothing was sent to the app.")
    assert alice.deeds == []


def test_a_form_of_a_foreign_site_is_one_of_nobody_and_is_never_sent(alice: Person, other_site: int) -> None:
    take_the_prize(alice.page, "127.0.0.1", other_site)
    expect(alice.page).to_have_url(re.compile(re.escape(alice.house.url)))
    alice.opens("/account")
    expect(alice.page.locator("strong")).to_have_text(f"{alice.who.name}@example.com")
    assert alice.deeds == []
