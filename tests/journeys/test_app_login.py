"""An app that keeps its own login, unchanged: its sign-in is the sign-in, its password confirms."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import count

import httpx
import pytest

from tests.journeys.ageing import STATE, older
from tests.support.ledger import LOGIN, ROUTES, WHOAMI, Ledger, ledger
from tests.support.processes import Gateway, gateway
from tests.support.visitor import Visitor

APP = """
[[app]]
name = "ledger"
upstream = "{upstream}"
signin = "app"
"""
NAMES = count(1)


@pytest.fixture(scope="module")
def running() -> Iterator[Ledger]:
    with ledger() as book:
        yield book


@pytest.fixture(scope="module")
def knowing(running: Ledger, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """It may ask the app who somebody is."""
    routes = APP.format(upstream=running.url) + LOGIN + WHOAMI + ROUTES
    with gateway(tmp_path_factory.mktemp("knowing"), routes, people={}) as front:
        yield front


@pytest.fixture(scope="module")
def unknowing(running: Ledger, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """It has nothing to ask."""
    routes = APP.format(upstream=running.url) + LOGIN + ROUTES
    with gateway(tmp_path_factory.mktemp("unknowing"), routes, people={}) as front:
        yield front


@pytest.fixture
def book(running: Ledger) -> Iterator[Ledger]:
    yield running
    for flag in ("rotates", "trusts", "fixed", "captcha", "locked", "changed", "down"):
        setattr(running, flag, False)


@pytest.fixture
def ann(book: Ledger) -> str:
    """Somebody new, whose password is their name and "-pw"."""
    name = f"ann{next(NAMES)}"
    book.passwords[name] = name + "-pw"
    return name


@pytest.fixture
def ben(book: Ledger) -> str:
    name = f"Ben{next(NAMES)}"
    book.passwords[name] = name + "-pw"
    return name


def to_app(visitor: Visitor, name: str, password: str = "") -> httpx.Response:
    """Sign in to the app with its own form."""
    visitor.get("/login")
    return visitor.submit("/login", {"user": name, "pass": password or name + "-pw"})


def signed_in(front: Gateway, name: str) -> Visitor:
    visitor = Visitor(front.url)
    assert f"Signed in as <b>{name}</b>" in to_app(visitor, name).text
    return visitor


def with_cookie(front: Gateway, sid: str, *others: tuple[str, str]) -> Visitor:
    """A browser that has the app's cookie, wherever from."""
    visitor = Visitor(front.url)
    for name, value in (("sid", sid), *others):
        visitor.http.cookies.set(name, value, domain="localhost.local", path="/")
    return visitor


def asked(visitor: Visitor) -> bool:
    return visitor.page.url.path.startswith("/.gateway/confirm/")


def asked_for_name(visitor: Visitor) -> bool:
    return asked(visitor) and re.search(r'<input(?![^>]*readonly)[^>]*name="username"', visitor.page.text) is not None


def change(visitor: Visitor, email: str) -> httpx.Response:
    return visitor.go("POST", "/email", data={"email": email})


def confirm(visitor: Visitor, password: str, **more: str) -> httpx.Response:
    return visitor.submit(visitor.page.url.path, {"way": "password", "password": password, **more})


# observed sign-in


def test_who_has_just_signed_in_to_the_app_is_not_asked(knowing: Gateway, book: Ledger, ann: str) -> None:
    with signed_in(knowing, ann) as visitor:
        assert "Changed to a@b.test" in change(visitor, "a@b.test").text
        assert book.did(ann) == ["email a@b.test"]


def test_the_app_is_told_who_it_is_and_since_when(knowing: Gateway, ann: str) -> None:
    with signed_in(knowing, ann) as visitor:
        said = visitor.get("/").text.partition("(")[2].partition(")")[0].split()
        assert said[0] == ann and abs(time.time() - int(said[1])) < 30


def test_an_app_that_nobody_signed_in_to_works_as_it_did(knowing: Gateway) -> None:
    with Visitor(knowing.url) as visitor:
        assert visitor.get("/").url.path == "/login"
        assert "gateway" not in visitor.page.headers.get("set-cookie", "")


@pytest.mark.parametrize("front", ["knowing", "unknowing"])
def test_a_stale_request_is_held_and_passes_once_the_apps_own_password_is_given(
    front: str, book: Ledger, ann: str, request: pytest.FixtureRequest
) -> None:
    gate: Gateway = request.getfixturevalue(front)
    with signed_in(gate, ann) as visitor:
        sid = visitor.http.cookies["sid"]
        older(gate.folder)
        change(visitor, "held@b.test")
        assert asked(visitor) and "held@b.test" in visitor.page.text and not asked_for_name(visitor)
        assert book.did(ann) == []
        assert confirm(visitor, "wrong").status_code == 422
        assert book.did(ann) == []
        assert "Changed to held@b.test" in confirm(visitor, ann + "-pw").text
        assert visitor.page.url.path == "/email"
        assert book.did(ann) == ["email held@b.test"]
        assert visitor.http.cookies["sid"] == sid and book.sessions[sid] == ann


def test_the_scratch_conversation_leaves_no_session_behind(knowing: Gateway, book: Ledger, ann: str) -> None:
    with signed_in(knowing, ann) as visitor:
        older(knowing.folder)
        change(visitor, "a@b.test")
        confirm(visitor, ann + "-pw")
        assert [who for who in book.sessions.values() if who == ann] == [ann]


def test_a_cookie_that_the_app_changes_with_every_answer_keeps_its_session(
    knowing: Gateway, book: Ledger, ann: str
) -> None:
    book.rotates = True
    with signed_in(knowing, ann) as visitor:
        seen = {visitor.http.cookies["sid"]}
        for _ in range(3):
            visitor.get("/")
            seen.add(visitor.http.cookies["sid"])
        assert len(seen) == 4
        assert "Changed to" in change(visitor, "a@b.test").text
        older(knowing.folder)
        change(visitor, "b@b.test")
        assert asked(visitor) and not asked_for_name(visitor)
        assert "Changed to b@b.test" in confirm(visitor, ann + "-pw").text


def test_a_cookie_that_changes_without_a_sign_in_loses_its_session(knowing: Gateway, book: Ledger, ann: str) -> None:
    with signed_in(knowing, ann) as visitor:
        visitor.http.cookies.set("sid", book.sign_in_directly(ann), domain="localhost.local", path="/")
        change(visitor, "a@b.test")
        assert asked_for_name(visitor)


def test_signing_out_of_the_app_ends_the_session_here(knowing: Gateway, book: Ledger, ann: str) -> None:
    with signed_in(knowing, ann) as visitor:
        session = visitor.http.cookies["gateway_session"]
        bound = visitor.http.cookies["gateway_bound"]
        sid = visitor.http.cookies["sid"]
        visitor.go("POST", "/logout")
        assert "gateway_session" not in visitor.http.cookies
        book.sessions[sid] = ann
        with with_cookie(knowing, sid, ("gateway_session", session), ("gateway_bound", bound)) as thief:
            change(thief, "a@b.test")
            assert asked_for_name(thief)
        assert book.did(ann) == []


def test_a_wrong_password_at_the_app_is_no_sign_in(knowing: Gateway, ann: str) -> None:
    with Visitor(knowing.url) as visitor:
        assert "Wrong" in to_app(visitor, ann, "nonsense").text
        assert "gateway_session" not in visitor.http.cookies


def test_guessing_at_the_apps_own_door_is_slow(knowing: Gateway, book: Ledger, ann: str) -> None:
    with Visitor(knowing.url) as visitor:
        for _ in range(5):
            assert to_app(visitor, ann, "nonsense").status_code == 200
        before = len(book.requests)
        assert to_app(visitor, ann).status_code == 429
        assert int(visitor.page.headers["retry-after"]) > 0
        assert [line for line in book.requests[before:] if line.startswith("POST")] == []


# what only looks like a sign-in


@pytest.mark.parametrize("front", ["knowing", "unknowing"])
def test_a_stolen_cookie_and_any_password_are_no_sign_in_where_the_app_lets_in_whoever_is_in(
    front: str, book: Ledger, ann: str, request: pytest.FixtureRequest
) -> None:
    gate: Gateway = request.getfixturevalue(front)
    book.trusts = True
    with with_cookie(gate, book.sign_in_directly(ann)) as thief:
        assert f"Signed in as <b>{ann}</b>" in thief.go("POST", "/login", data={"user": ann, "pass": "any"}).text
        assert "gateway_session" not in thief.http.cookies
        change(thief, "thief@b.test")
        assert book.did(ann) == []


@pytest.mark.parametrize("front", ["knowing", "unknowing"])
def test_whoever_signs_in_once_more_with_the_right_password_is_signed_in(
    front: str, book: Ledger, ann: str, request: pytest.FixtureRequest
) -> None:
    gate: Gateway = request.getfixturevalue(front)
    with signed_in(gate, ann) as visitor:
        older(gate.folder)
        to_app(visitor, ann)
        assert "Changed to" in change(visitor, "a@b.test").text


@pytest.mark.parametrize("fields", ["user={ann}&user={ben}", "user={ben}&user[]={ann}", "user={ben}&u%73er={ann}"])
def test_a_sign_in_that_names_two_people_counts_for_nobody(
    unknowing: Gateway, book: Ledger, ann: str, ben: str, fields: str
) -> None:
    with Visitor(unknowing.url) as visitor:
        visitor.get("/login")
        form = fields.format(ann=ann, ben=ben) + f"&pass={ben}-pw&csrf={visitor.hidden()['csrf']}"
        headers = {"content-type": "application/x-www-form-urlencoded"}
        visitor.go("POST", "/login", content=form, headers=headers)
        assert "gateway_session" not in visitor.http.cookies


# somebody the app knows already


def test_somebody_already_signed_in_is_asked_for_name_and_password(knowing: Gateway, book: Ledger, ann: str) -> None:
    with with_cookie(knowing, book.sign_in_directly(ann)) as visitor:
        assert f"Signed in as <b>{ann}</b>" in visitor.get("/").text
        change(visitor, "a@b.test")
        assert asked_for_name(visitor) and book.did(ann) == []
        assert "Changed to a@b.test" in confirm(visitor, ann + "-pw", username=ann).text
        assert book.did(ann) == ["email a@b.test"]
        said = [(line["event"], line["reason"]) for line in knowing.audit() if line.get("subject") == f"ledger:{ann}"]
        assert said[0] == ("sign-in", "taken-over") and ("confirm", "confirmed") in said
        assert "Changed to b@b.test" in change(visitor, "b@b.test").text


def test_a_thief_of_the_apps_cookie_cannot_confirm_with_an_account_of_their_own(
    knowing: Gateway, book: Ledger, ann: str, ben: str
) -> None:
    with with_cookie(knowing, book.sign_in_directly(ann)) as thief:
        change(thief, "thief@b.test")
        assert asked_for_name(thief)
        assert confirm(thief, ben + "-pw", username=ben).status_code == 422
        assert "not the account" in thief.page.text
        assert book.did(ann) == book.did(ben) == []


def test_a_thief_of_the_apps_cookie_with_a_fresh_session_of_their_own_is_asked_as_its_owner(
    knowing: Gateway, book: Ledger, ann: str, ben: str
) -> None:
    with signed_in(knowing, ben) as thief:
        assert "Changed to" in change(thief, "ben@b.test").text
        thief.http.cookies.set("sid", book.sign_in_directly(ann), domain="localhost.local", path="/")
        change(thief, "thief@b.test")
        assert asked_for_name(thief)
        assert book.did(ann) == []


@pytest.mark.parametrize("spelled", ["sid={own}; sid={stolen}", "sid={stolen}; sid={own}", "sid={own}; s%69d={stolen}"])
def test_a_stolen_cookie_beside_ones_own_is_seen(
    knowing: Gateway, book: Ledger, ann: str, ben: str, spelled: str
) -> None:
    with signed_in(knowing, ben) as thief:
        jar = thief.http.cookies
        ours = f"gateway_session={jar['gateway_session']}; gateway_bound={jar['gateway_bound']}; "
        cookie = ours + spelled.format(own=jar["sid"], stolen=book.sign_in_directly(ann))
        thief.http.cookies.clear()
        thief.request("POST", "/email", data={"email": "thief@b.test"}, headers={"cookie": cookie})
        assert thief.page.status_code == 303
        assert book.did(ann) == book.did(ben) == []


def test_a_remember_me_cookie_that_nobody_saw_set_is_not_covered_by_a_session(
    knowing: Gateway, book: Ledger, ann: str, ben: str
) -> None:
    with signed_in(knowing, ben) as thief:
        thief.http.cookies.set("remember_me", ann, domain="localhost.local", path="/")
        change(thief, "thief@b.test")
        assert asked(thief)
        assert book.did(ann) == book.did(ben) == []


@pytest.mark.parametrize(
    ("target", "headers", "more"),
    [
        ("/email?key=key-of-{}", {}, {}),
        ("/email", {"x-api-key": "key-of-{}"}, {}),
        ("/email", {"X_Api_Key": "key-of-{}"}, {}),
        ("/email", {}, {"key": "key-of-{}"}),
    ],
)
def test_a_stolen_key_beside_a_fresh_session_of_ones_own_does_nothing_sensitive(
    knowing: Gateway, book: Ledger, ann: str, ben: str, target: str, headers: dict[str, str], more: dict[str, str]
) -> None:
    with signed_in(knowing, ben) as thief:
        headers = {name: value.format(ann) for name, value in headers.items()}
        data = {"email": "thief@b.test"} | {name: value.format(ann) for name, value in more.items()}
        thief.go("POST", target.format(ann), data=data, headers=headers)
        assert thief.page.status_code == 403
        assert book.did(ann) == book.did(ben) == []


def test_names_that_differ_in_case_are_two_people(knowing: Gateway, book: Ledger) -> None:
    with with_cookie(knowing, book.sign_in_directly("Bob")) as thief:
        change(thief, "thief@b.test")
        assert asked_for_name(thief)
        assert confirm(thief, "other-bob-pw1", username="bob").status_code == 422
        assert confirm(thief, "other-bob-pw1", username="Bob").status_code == 422
        assert book.did("Bob") == []


def test_without_whoami_nobody_is_guessed(unknowing: Gateway, book: Ledger, ann: str) -> None:
    with with_cookie(unknowing, book.sign_in_directly(ann)) as visitor:
        change(visitor, "a@b.test")
        assert visitor.page.status_code == 403
        assert "sign" in visitor.page.text.lower() and 'href="/login"' in visitor.page.text
        assert book.did(ann) == []


def test_somebody_the_app_does_not_know_is_sent_to_its_sign_in(knowing: Gateway, book: Ledger) -> None:
    with Visitor(knowing.url) as visitor:
        change(visitor, "a@b.test")
        assert visitor.page.url.path == "/.gateway/signin"
        assert 'href="/login"' in visitor.page.text
    with with_cookie(knowing, "made-up") as visitor:
        change(visitor, "a@b.test")
        assert visitor.page.url.path == "/.gateway/signin"


def test_another_person_in_another_tab_is_asked_for_themselves(
    knowing: Gateway, book: Ledger, ann: str, ben: str
) -> None:
    with signed_in(knowing, ann) as visitor:
        older(knowing.folder)
        change(visitor, "ann@b.test")
        page = visitor.page
        to_app(visitor, ben)
        visitor.page = page
        confirm(visitor, ann + "-pw")
        assert book.did(ann) == book.did(ben) == []
        assert "Changed to" in change(visitor, "ben@b.test").text
        assert book.did(ben) == ["email ben@b.test"]


def test_somebody_who_became_another_inside_the_app_is_asked_as_that_other(
    knowing: Gateway, book: Ledger, ann: str, ben: str
) -> None:
    with signed_in(knowing, ann) as visitor:
        visitor.go("POST", "/switch", data={"to": ben})
        change(visitor, "a@b.test")
        assert asked_for_name(visitor) and book.did(ben) == []
        assert confirm(visitor, ann + "-pw", username=ann).status_code == 422
        assert "Changed to a@b.test" in confirm(visitor, ben + "-pw", username=ben).text


def test_an_app_that_keeps_its_cookie_over_a_sign_in_has_only_the_last_person(
    knowing: Gateway, book: Ledger, ann: str, ben: str
) -> None:
    book.fixed = True
    with signed_in(knowing, ann) as visitor:
        assert "Changed to" in change(visitor, "ann@b.test").text
        was = {name: visitor.http.cookies[name] for name in ("gateway_session", "gateway_bound")}
        to_app(visitor, ben)
        with with_cookie(knowing, visitor.http.cookies["sid"], *was.items()) as copied:
            change(copied, "a@b.test")
            assert asked_for_name(copied)
        assert book.did(ann) == ["email ann@b.test"] and book.did(ben) == []


def test_without_whoami_a_cookie_from_before_the_sign_in_is_nobodys(
    unknowing: Gateway, book: Ledger, ann: str, ben: str
) -> None:
    with Visitor(unknowing.url) as thief:
        thief.http.cookies.set("remember_me", ann, domain="localhost.local", path="/")
        to_app(thief, ben)
        assert "gateway_session" in thief.http.cookies
        del thief.http.cookies["sid"]
        change(thief, "thief@b.test")
        assert thief.page.status_code == 403
        assert book.did(ann) == book.did(ben) == []


def test_cookies_that_were_vouched_for_together_are_not_vouched_for_alone(
    knowing: Gateway, book: Ledger, ann: str, ben: str
) -> None:
    with with_cookie(knowing, book.sign_in_directly(ben), ("remember_me", ann)) as thief:
        change(thief, "ben@b.test")
        assert "Changed to" in confirm(thief, ben + "-pw", username=ben).text
        del thief.http.cookies["sid"]
        change(thief, "thief@b.test")
        assert asked_for_name(thief)
        assert book.did(ann) == []


def test_a_session_that_ran_out_goes_on_after_confirming(unknowing: Gateway, book: Ledger, ann: str) -> None:
    with signed_in(unknowing, ann) as visitor:
        with closing(sqlite3.connect(unknowing.folder / STATE, timeout=10)) as db, db:
            db.execute("UPDATE sessions SET last_seen = last_seen - 7200")
        change(visitor, "a@b.test")
        assert asked(visitor)
        assert "Changed to a@b.test" in confirm(visitor, ann + "-pw", username=ann).text


# when the app cannot be asked


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        ("down", "did not answer"),
        ("changed", "not what was expected"),
        ("captcha", "puzzle"),
        ("locked", "no more tries"),
    ],
)
def test_what_keeps_the_app_from_confirming_is_told_apart(
    knowing: Gateway, book: Ledger, ann: str, flag: str, words: str
) -> None:
    with signed_in(knowing, ann) as visitor:
        older(knowing.folder)
        change(visitor, "a@b.test")
        setattr(book, flag, True)
        confirm(visitor, ann + "-pw")
        assert asked(visitor) and words in visitor.page.text
        assert book.did(ann) == []
        setattr(book, flag, False)
        assert "Changed to a@b.test" in confirm(visitor, ann + "-pw").text


# scripts


def test_a_scripts_call_is_refused_with_the_way_to_confirm_and_passes_afterwards(
    knowing: Gateway, book: Ledger, ann: str
) -> None:
    with with_cookie(knowing, book.sign_in_directly(ann)) as visitor:
        first, second = visitor.fetch("POST", "/api/keys"), visitor.fetch("POST", "/api/keys")
        assert first.status_code == second.status_code == 401
        visitor.get(first.json()["confirm_url"])
        assert asked_for_name(visitor)
        confirm(visitor, ann + "-pw", username=ann)
        assert visitor.fetch("POST", "/api/keys").status_code == 200
        assert book.did(ann) == ["key"]


# secrets


def test_a_password_of_the_app_is_written_down_nowhere(knowing: Gateway, book: Ledger, ann: str) -> None:
    book.passwords[ann] = "Nowhere-To-Be-Found-1"
    with Visitor(knowing.url) as visitor:
        to_app(visitor, ann, "Nowhere-To-Be-Found-1")
        older(knowing.folder)
        change(visitor, "a@b.test")
        confirm(visitor, "Nowhere-To-Be-Found-1")
        assert book.did(ann) == ["email a@b.test"]
    for file in knowing.folder.iterdir():
        assert b"Nowhere-To-Be-Found-1" not in file.read_bytes(), file


# the account page


def test_the_account_page_of_such_a_person_wants_one_proof(knowing: Gateway, book: Ledger, ann: str) -> None:
    with with_cookie(knowing, book.sign_in_directly(ann)) as visitor:
        visitor.get("/.gateway/account")
        assert asked_for_name(visitor)
        confirm(visitor, ann + "-pw", username=ann)
        assert visitor.page.url.path == "/.gateway/account"
        assert 'action="/.gateway/account/password"' not in visitor.page.text


def test_somebody_the_operator_has_shut_out_confirms_nothing(knowing: Gateway, book: Ledger, ann: str) -> None:
    with signed_in(knowing, ann) as visitor:
        visitor.get("/.gateway/account/recovery")
        visitor.submit("/.gateway/account/recovery", {})
        assert knowing.cli("users", "disable", f"ledger:{ann}").returncode == 0
        change(visitor, "a@b.test")
        assert visitor.page.status_code == 403
        to_app(visitor, ann)
        change(visitor, "a@b.test")
        assert book.did(ann) == []
