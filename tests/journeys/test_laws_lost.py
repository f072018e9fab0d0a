"""What a store that is down, or that lost something, leaves to be said: never more than is known."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import httpx

from tests.journeys.ageing import STATE, older
from tests.support.echo import Echo
from tests.support.processes import PEOPLE, Gateway
from tests.support.visitor import Visitor

TARGET = "/account/email?lost"
UNKNOWN = "We do not know whether it took effect"


def change(gate: Gateway, sql: str, *values: object) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(gate.folder / STATE, timeout=10)) as db, db:
        return db.execute(sql, values).fetchall()


def asked(gate: Gateway, alice: Visitor, words: str, target: str = TARGET) -> str:
    """She is at the confirm page; the id of what is held."""
    older(gate.folder)
    alice.go("POST", target, data={"email": words})
    return alice.page.url.path.rpartition("/")[2]


def answers(alice: Visitor) -> httpx.Response:
    """And goes no further."""
    form = {**alice.hidden(), "way": "password", "password": PEOPLE["alice"]}
    return alice.request("POST", alice.page.url.path, data=form)


def delivered(app: Echo, words: str) -> int:
    return len([seen for seen in app.seen if words.encode() in seen.body])


def test_a_ticket_that_the_store_knows_nothing_of_is_told_of_once(gate: Gateway, alice: Visitor, app: Echo) -> None:
    id = asked(gate, alice, "unknown-ticket")
    assert answers(alice).status_code == 303
    change(gate, "DELETE FROM confirmations WHERE id = ?", id)
    told = alice.get(TARGET)
    assert told.status_code == 409 and UNKNOWN in told.text
    assert alice.get(TARGET).json()["method"] == "GET"
    assert delivered(app, "unknown-ticket") == 0
    told = [line for line in gate.audit() if line["reason"] == "unanswered" and line["path"] == "/account/email"]
    assert told and told[-1]["subject"] == "alice"


def test_what_another_tab_confirmed_goes_on_though_one_is_lost(gate: Gateway, alice: Visitor, app: Echo) -> None:
    id = asked(gate, alice, "one-is-lost")
    assert answers(alice).status_code == 303
    other = f"{TARGET}&other"
    asked(gate, alice, "another-is-not", other)
    assert answers(alice).status_code == 303
    change(gate, "DELETE FROM confirmations WHERE id = ?", id)
    assert alice.get("/notes").status_code == 409
    assert alice.get(other).json()["method"] == "POST"
    assert alice.get("/notes").json()["method"] == "GET"
    assert [delivered(app, words) for words in ("one-is-lost", "another-is-not")] == [0, 1]


def test_a_session_that_the_store_lost_does_not_hide_what_was_confirmed_in_it(
    gate: Gateway, alice: Visitor, app: Echo
) -> None:
    asked(gate, alice, "with-the-session")
    assert answers(alice).status_code == 303
    change(gate, "DELETE FROM sessions WHERE subject = 'alice'")
    told = alice.get(TARGET)
    assert told.status_code == 409 and UNKNOWN in told.text
    assert alice.get("/notes").url.path == "/.gateway/signin"
    assert delivered(app, "with-the-session") == 0


def test_a_confirmation_that_the_store_lost_is_asked_for_again(gate: Gateway, alice: Visitor, app: Echo) -> None:
    id = asked(gate, alice, "half-forgotten")
    (before,) = change(gate, "SELECT facts, ticket, version FROM confirmations WHERE id = ?", id)
    assert answers(alice).status_code == 303
    change(gate, "UPDATE confirmations SET facts = ?, ticket = ?, version = ? WHERE id = ?", *before, id)
    alice.get(TARGET)
    assert alice.page.url.path.endswith(id) and "Confirm access" in alice.page.text
    assert alice.confirm(PEOPLE["alice"]).json()["method"] == "POST"
    assert delivered(app, "half-forgotten") == 1


def test_what_was_cancelled_after_it_was_confirmed_is_not_told_of_as_unknown(
    gate: Gateway, alice: Visitor, app: Echo
) -> None:
    asked(gate, alice, "thought-better")
    page, form = alice.page.url.path, alice.hidden()
    assert answers(alice).status_code == 303
    alice.go("POST", page + "/cancel", data=form)
    assert alice.get(TARGET).json()["method"] == "GET"
    assert delivered(app, "thought-better") == 0


def test_while_the_store_is_down_nobody_is_told_that_they_are_signed_out(gate: Gateway, alice: Visitor) -> None:
    alice.get("/.gateway/signout")
    form = alice.hidden()
    change(gate, "ALTER TABLE sessions RENAME TO gone")
    try:
        for page in ("signout", "signin", "confirm/nothing", "account"):
            assert alice.request("GET", f"/.gateway/{page}").status_code == 503
        told = alice.request("POST", "/.gateway/signout", data=form)
        assert told.status_code == 503 and "signed out" not in told.text
        assert alice.fetch("GET", "/.gateway/static/icon.svg").status_code == 200
    finally:
        change(gate, "ALTER TABLE gone RENAME TO sessions")
    assert alice.request("POST", "/.gateway/signout", data=form).status_code == 200
    assert "signed out" in alice.page.text
