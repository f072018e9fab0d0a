"""Laws 8, 9 and 10 as people meet them: no factor vouches for itself, codes work once, and guessing is slow."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import pyotp
import pytest

from tests.journeys.ageing import STATE, credentials_older, older, signed_in
from tests.journeys.conftest import holding
from tests.support.echo import Echo
from tests.support.processes import PEOPLE, Gateway
from tests.support.visitor import Visitor

PASSWORD = PEOPLE["alice"]


def enrol_totp(visitor: Visitor) -> str:
    """Through the account page; the secret."""
    found = re.search(r"secret=([A-Z2-7]{32})", visitor.get("/.gateway/account/totp").text)
    assert found is not None, visitor.page.text
    visitor.submit("/.gateway/account/totp", {"label": "phone", "code": pyotp.TOTP(found[1]).now()})
    assert visitor.page.url.params.get("done") == "totp", visitor.page.text
    return found[1]


def sql(gate: Gateway, file: str, statement: str) -> None:
    with closing(sqlite3.connect(gate.folder / file, timeout=10)) as db, db:
        db.execute(statement)


@pytest.fixture
def forgetful(gate: Gateway) -> Iterator[Gateway]:
    """Afterwards nobody has an authenticator."""
    yield gate
    sql(gate, "gateway.db", "DELETE FROM totps")


def test_a_code_enrolled_in_this_session_confirms_nothing_in_it(forgetful: Gateway, alice: Visitor) -> None:
    secret = enrol_totp(alice)
    older(forgetful.folder)
    sql(forgetful, "gateway.db", "UPDATE totps SET created_at = unixepoch(), last_step = 0")
    assert alice.get("/vault/").status_code == 403
    assert "sign" in alice.page.text.lower()
    alice.get("/admin/")
    form = {**alice.hidden(), "way": "totp", "code": pyotp.TOTP(secret).now()}
    alice.go("POST", alice.page.url.path, data=form)
    assert alice.fetch("GET", "/admin/").status_code == 401


def test_signing_in_again_with_the_new_code_makes_it_good(forgetful: Gateway, alice: Visitor) -> None:
    secret = enrol_totp(alice)
    credentials_older(forgetful.folder, 60)
    sql(forgetful, "gateway.db", "UPDATE totps SET last_step = 0")
    with Visitor(forgetful.url) as again:
        again.sign_in("alice", PASSWORD)
        assert again.fetch("GET", "/notes").status_code == 401
        again.submit("/.gateway/signin/code", {"code": pyotp.TOTP(secret).now()})
        assert again.fetch("GET", "/vault/").status_code == 200


@pytest.mark.parametrize(
    "path", ["password", "totp", "passkey", "recovery", "remove", "sessions/revoke", "sessions/revoke-others"]
)
def test_every_change_of_a_credential_is_asked_about(gate: Gateway, alice: Visitor, path: str) -> None:
    alice.get("/.gateway/account")
    token = alice.hidden()["csrf"]
    older(gate.folder)
    for method in ("GET", "POST"):
        answer = alice.request(method, f"/.gateway/account/{path}", data={"csrf": token} if method == "POST" else None)
        assert answer.headers["location"].startswith("/.gateway/confirm/")


def test_a_held_change_of_password_goes_through_after_confirming(gate: Gateway) -> None:
    with holding(gate, signed_in(gate.folder, "bob")) as bob:
        bob.get("/.gateway/account")
        older(gate.folder)
        new = "brand new and long"
        form = {**bob.hidden(), "current": PEOPLE["bob"], "new": new, "again": new}
        bob.go("POST", "/.gateway/account/password", data=form)
        bob.confirm(PEOPLE["bob"])
        assert bob.page.url.params["done"] == "password"
        bob.get("/.gateway/account")
        back = {**bob.hidden(), "current": new, "new": PEOPLE["bob"], "again": PEOPLE["bob"]}
        assert bob.go("POST", "/.gateway/account/password", data=back).url.params["done"] == "password"


def test_a_code_works_once_whichever_worker_sees_it(pair: Gateway) -> None:
    with holding(pair, signed_in(pair.folder, "alice")) as alice:
        secret = enrol_totp(alice)
    credentials_older(pair.folder, 2000)
    sql(pair, "gateway.db", "UPDATE totps SET last_step = 0")
    with ExitStack() as stack:
        visitors = [stack.enter_context(holding(pair, signed_in(pair.folder, "alice"))) for _ in range(4)]
        for visitor in visitors:
            visitor.get("/vault/")
        assert answered_at_once(visitors, secret) == [False, False, False, True]


def answered_at_once(visitors: list[Visitor], secret: str) -> list[bool]:
    """Whether each, with the same code, got through."""
    if time.time() % 30 > 26:  # the code must not grow old between the first and the last
        time.sleep(4)
    code = pyotp.TOTP(secret).now()

    def answer(visitor: Visitor) -> bool:
        form = {**visitor.hidden(), "way": "totp", "code": code}
        return visitor.request("POST", visitor.page.url.path, data=form).is_redirect

    with ThreadPoolExecutor(4) as threads:
        return sorted(threads.map(answer, visitors))


def test_too_many_wrong_answers_end_the_session(gate: Gateway, alice: Visitor, app: Echo) -> None:
    older(gate.folder)
    alice.go("POST", "/account/email", data={"email": "guessed@b.test"})
    for _ in range(9):
        assert alice.confirm("wrong").status_code == 422
        sql(gate, STATE, "UPDATE throttles SET last = last - 3600")  # an hour later
    assert alice.confirm("wrong").url.path == "/.gateway/signin"
    assert alice.fetch("GET", "/notes").status_code == 401
    assert all(b"guessed" not in seen.body for seen in app.seen)


def test_the_form_that_changes_a_password_is_no_place_to_guess_the_old_one(gate: Gateway, alice: Visitor) -> None:
    alice.get("/.gateway/account")
    form = {**alice.hidden(), "current": "wrong", "new": "long enough", "again": "long enough"}
    statuses = [alice.request("POST", "/.gateway/account/password", data=form).status_code for _ in range(6)]
    assert statuses == [422] * 5 + [429]
    for _ in range(5):
        sql(gate, STATE, "UPDATE throttles SET last = last - 3600")
        assert alice.request("POST", "/.gateway/account/password", data=form).status_code == 422
    assert alice.fetch("GET", "/notes").status_code == 401


def test_all_spellings_of_a_name_share_one_throttle(gate: Gateway, alice: Visitor) -> None:
    names = ["alice", "ALICE", " alice ", "Alice", "ａｌｉｃｅ", "alice"]
    with Visitor(gate.url) as guesser:
        statuses = [guesser.sign_in(name, "wrong").status_code for name in names]
        assert statuses == [422] * 5 + [429]
        assert int(guesser.page.headers["retry-after"]) > 20
    older(gate.folder)
    alice.get("/admin/")
    assert alice.confirm(PASSWORD).status_code == 429


def test_an_address_that_tries_many_names_is_slowed_too(gate: Gateway, alice: Visitor) -> None:
    with Visitor(gate.url) as guesser:
        guesser.get("/.gateway/signin")
        form = {**guesser.hidden(), "password": "wrong"}
        statuses = [
            guesser.request("POST", "/.gateway/signin", data={**form, "username": f"name{n}"}).status_code
            for n in range(31)
        ]
    assert statuses == [422] * 30 + [429]


def test_an_unknown_name_is_answered_like_a_wrong_password(gate: Gateway, alice: Visitor) -> None:
    pages = []
    for name in ("alice", "nobody"):
        with Visitor(gate.url) as guesser:
            answer = guesser.sign_in(name, "wrong")
            assert answer.status_code == 422
            plain = re.sub(r'(value|data-options|content)="[^"]*"', "", answer.text)
            pages.append(re.sub(r"[0-9a-f]{24}", "", plain))
    assert pages[0] == pages[1]
