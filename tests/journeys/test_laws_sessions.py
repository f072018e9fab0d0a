"""Laws 6 and 7: an id dies when a better one is made or the session ends, everywhere; and one person is one person."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

import httpx
import pytest

from tests.journeys.ageing import STALE, older, signed_in
from tests.journeys.conftest import SESSION, holding
from tests.support.echo import Echo
from tests.support.processes import PEOPLE, Gateway
from tests.support.visitor import Visitor

PASSWORD = PEOPLE["alice"]
T = TypeVar("T")


def at_once(work: Callable[[], T], times: int) -> list[T]:
    barrier = Barrier(times)

    def contend(_: int) -> T:
        barrier.wait()
        return work()

    with ThreadPoolExecutor(times) as threads:
        return list(threads.map(contend, range(times)))


def words_of(page: httpx.Response) -> str:
    assert page.status_code == 409
    assert "gateway_ticket_" in page.headers["set-cookie"] and "Max-Age=0" in page.headers["set-cookie"]
    return "no answer came back to you" if "no answer came back to you" in page.text else page.text


def answer_of(visitor: Visitor, password: str = PASSWORD) -> dict[str, str]:
    return {**visitor.hidden(), "way": "password", "password": password}


def test_a_held_request_is_delivered_once_whoever_claims_it(pair: Gateway, app: Echo) -> None:
    for number in range(5):
        with holding(pair, signed_in(pair.folder, "alice", ago=STALE)) as alice:
            alice.go("POST", "/account/email", data={"email": f"pair{number}@b.test"})
            answer = alice.request("POST", alice.page.url.path, data=answer_of(alice))
            assert "gateway_ticket_" in answer.headers["set-cookie"]
            cookies = dict(alice.http.cookies)

            def claim(cookies: dict[str, str] = cookies) -> str:
                with Visitor(pair.url) as tab:
                    tab.http.cookies.update(cookies)
                    page = tab.request("GET", "/account/email")
                    return str(page.json()["method"]) if page.status_code == 200 else words_of(page)

            sent, *others = sorted(at_once(claim, 6))
            assert sent == "POST"
            assert others == ["no answer came back to you"] * 5
        assert len([seen for seen in app.seen if f"pair{number}".encode() in seen.body]) == 1


def test_a_form_submitted_twice_at_once_is_delivered_once(pair: Gateway, app: Echo) -> None:
    token = signed_in(pair.folder, "alice", ago=STALE)
    with holding(pair, token) as alice:
        alice.go("POST", "/account/email", data={"email": "double@b.test"})
        page, form = alice.page.url.path, answer_of(alice)

        def submit() -> int:
            with holding(pair, token) as tab:
                return tab.go("POST", page, data=form).status_code

        assert 200 in at_once(submit, 4)
    assert len([seen for seen in app.seen if b"double" in seen.body]) == 1


def test_two_tabs_confirm_at_once_and_both_requests_go_through(pair: Gateway, app: Echo) -> None:
    with holding(pair, signed_in(pair.folder, "alice", ago=STALE)) as alice:
        pages = []
        for name in ("left", "right"):
            alice.go("POST", "/account/email", data={"email": f"{name}@b.test"})
            pages.append((alice.page.url.path, answer_of(alice)))
        waiting = iter(pages)

        def submit() -> tuple[str, dict[str, str], bool]:
            page, form = next(waiting)
            answer = alice.http.request("POST", page, data=form, headers={"origin": pair.url})
            return page, form, answer.headers.get("location") == "/account/email"

        for page, form, done in at_once(submit, 2):
            alice.get("/account/email") if done else alice.go("POST", page, data=form)
    bodies = [seen.body for seen in app.seen]
    assert [bodies.count(b"email=%s%%40b.test" % name) for name in (b"left", b"right")] == [1, 1]


def test_a_revoked_session_is_refused_at_once_by_every_worker(pair: Gateway) -> None:
    token = signed_in(pair.folder, "bob")
    with holding(pair, token) as bob:
        assert bob.fetch("GET", "/admin/").status_code == bob.fetch("GET", "/notes").status_code == 200
    assert pair.cli("sessions", "revoke", "bob").returncode == 0

    def ask(path: str) -> int:
        with holding(pair, token) as bob:
            return bob.fetch("GET", path).status_code

    assert {ask("/admin/") for _ in range(12)} == {401}
    time.sleep(1)
    assert {ask("/notes") for _ in range(12)} == {401}


def test_two_tabs_that_come_back_at_once_each_get_something_through(pair: Gateway, app: Echo) -> None:
    with holding(pair, signed_in(pair.folder, "alice", ago=STALE)) as alice:
        for name in ("up", "down"):
            alice.go("POST", "/account/delete", data={"tab": name})
            alice.request("POST", alice.page.url.path, data=answer_of(alice))
        cookies = dict(alice.http.cookies)

        def come_back() -> str:
            with Visitor(pair.url) as tab:
                tab.http.cookies.update(cookies)
                return str(tab.request("GET", "/account/delete").json()["method"])

        assert at_once(come_back, 2) == ["POST", "POST"]
    assert {b"tab=up", b"tab=down"} <= {seen.body for seen in app.seen}


def test_a_disabled_person_is_out_at_once(pair: Gateway) -> None:
    with holding(pair, signed_in(pair.folder, "bob")) as bob:
        assert bob.fetch("GET", "/admin/").status_code == 200
        assert pair.cli("users", "disable", "bob").returncode == 0
        try:
            assert bob.fetch("GET", "/admin/").status_code == 401
            assert bob.sign_in("bob", PEOPLE["bob"]).status_code == 422
        finally:
            pair.cli("users", "enable", "bob")


def test_an_old_id_is_dead_for_all_that_matters_and_soon_for_everything(pair: Gateway) -> None:
    old = signed_in(pair.folder, "alice", ago=STALE)
    with holding(pair, old) as alice, holding(pair, old) as thief:
        alice.get("/admin/")
        page, form = alice.page.url.path, answer_of(alice)
        assert alice.confirm(PASSWORD).status_code == 200
        assert alice.http.cookies[SESSION] != old
        for _ in range(6):
            assert thief.fetch("GET", "/admin/").status_code == 401
            assert thief.request("GET", "/.gateway/account").status_code in {401, 403}
            assert thief.request("POST", page, data=form).status_code in {401, 404}
            assert thief.request("POST", "/.gateway/account/stepdown", data=form).status_code in {401, 403}
            assert not thief.request("GET", "/.gateway/signin").is_redirect
        assert thief.fetch("GET", "/notes").status_code == 200
        older(pair.folder, 10)
        time.sleep(1)
        assert {thief.fetch("GET", "/notes").status_code for _ in range(6)} == {401}
        assert alice.fetch("GET", "/admin/").status_code == 200


def test_an_id_that_a_browser_brings_along_is_never_used(gate: Gateway, alice: Visitor) -> None:
    planted = "A" * 43
    with Visitor(gate.url) as victim:
        victim.http.cookies.set(SESSION, planted, domain="localhost.local")
        victim.sign_in("alice", PASSWORD)
        assert victim.http.cookies[SESSION] != planted
    with holding(gate, planted) as thief:
        assert thief.fetch("GET", "/notes").status_code == 401


def test_signing_in_over_a_session_ends_it(gate: Gateway, alice: Visitor) -> None:
    before = alice.http.cookies[SESSION]
    with Visitor(gate.url) as fresh:
        fresh.get("/.gateway/signin")
        form = {**fresh.hidden(), "username": "bob", "password": PEOPLE["bob"]}
        fresh.http.cookies.set(SESSION, before, domain="localhost.local")
        assert fresh.request("POST", "/.gateway/signin", data=form).is_redirect
    assert alice.fetch("GET", "/admin/").status_code == 401


def test_two_cookies_of_our_name_are_no_session(gate: Gateway, alice: Visitor) -> None:
    mine, theirs = alice.http.cookies[SESSION], signed_in(gate.folder, "bob")
    with Visitor(gate.url) as tossed:
        for cookie in (f"{SESSION}={mine}; {SESSION}={theirs}", f"{SESSION}={theirs}; {SESSION}={mine}"):
            assert tossed.fetch("GET", "/notes", headers={"cookie": cookie}).status_code == 401
        assert (
            tossed.fetch("GET", "/notes", headers={"cookie": f"{SESSION}={mine}; {SESSION}={mine}"}).status_code == 200
        )


def test_signing_out_ends_it_everywhere_and_drops_what_was_held(gate: Gateway, alice: Visitor, app: Echo) -> None:
    older(gate.folder)
    alice.go("POST", "/account/email", data={"email": "signedout@b.test"})
    page, form = alice.page.url.path, answer_of(alice)
    with holding(gate, alice.http.cookies[SESSION]) as tab:
        tab.get("/.gateway/signout")
        tab.submit("/.gateway/signout", {})
        assert SESSION not in tab.http.cookies
    assert alice.request("POST", page, data=form).headers["location"].startswith("/.gateway/signin?next=")
    assert alice.fetch("GET", "/admin/").status_code == 401
    assert all(b"signedout" not in seen.body for seen in app.seen)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_nobody_else_finds_a_confirmation(gate: Gateway, alice: Visitor, method: str) -> None:
    older(gate.folder)
    alice.go("POST", "/account/email", data={"email": "a@b.test"})
    page, form = alice.page.url.path, answer_of(alice)
    for token in (signed_in(gate.folder, "bob"), signed_in(gate.folder, "alice")):
        with holding(gate, token) as other:
            other.get("/.gateway/account")
            mine = {**form, "csrf": other.hidden()["csrf"]}
            assert other.request(method, page, data=mine if method == "POST" else None).status_code == 404
            assert other.request("POST", page + "/cancel", data=mine).status_code == 404
    assert alice.get(page).status_code == 200


def test_a_ticket_in_another_session_is_worth_nothing(gate: Gateway, alice: Visitor, app: Echo) -> None:
    older(gate.folder)
    alice.go("POST", "/account/email", data={"email": "stolen@b.test"})
    alice.request("POST", alice.page.url.path, data=answer_of(alice))
    ticket = next(name for name in alice.http.cookies if name.startswith("gateway_ticket_"))
    for token in (signed_in(gate.folder, "bob"), signed_in(gate.folder, "alice")):
        with holding(gate, token) as thief:
            thief.http.cookies.set(ticket, alice.http.cookies[ticket])
            told = thief.request("GET", "/account/email")
            assert told.status_code == 409 and "It is not sent again" in told.text
    assert all(b"stolen" not in seen.body for seen in app.seen)
    assert alice.request("GET", "/account/email").json()["method"] == "POST"


def test_another_persons_confirmation_confirms_nothing_of_mine(gate: Gateway, alice: Visitor) -> None:
    older(gate.folder)
    with holding(gate, signed_in(gate.folder, "alice", ago=STALE)) as other:
        other.get("/admin/")
        assert other.confirm(PASSWORD).status_code == 200
    assert alice.fetch("GET", "/admin/").status_code == 401
