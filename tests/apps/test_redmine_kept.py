"""Redmine with its own login alone. Nearly every answer of its gives the session another cookie."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.apps.forms import form, send
from tests.apps.kept import asked, confirm, forgiven, holding, keeping
from tests.apps.redmine import API_KEYS, TRACKER_PEOPLE, Redmine, sign_in_to_tracker
from tests.journeys.ageing import older
from tests.support.processes import Gateway
from tests.support.visitor import Visitor

ACCOUNT = "/my/account"
ADDRESS = "user[mail]"
ADMIN, BOB = TRACKER_PEOPLE["admin"], TRACKER_PEOPLE["bob"]


@pytest.fixture(scope="module")
def front(tracker: Redmine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with keeping("redmine", tracker.url, tmp_path_factory.mktemp("redmine-kept")) as started:
        yield started


@pytest.fixture
def bob(front: Gateway) -> Iterator[Visitor]:
    """Signed in a moment ago, and to stay so."""
    forgiven(front)
    with Visitor(front.url) as visitor:
        sign_in_to_tracker(visitor, "bob", autologin="1")
        yield visitor


def change(visitor: Visitor, email: str) -> None:
    """Open the form of one's own account, and send it."""
    account = form(visitor.get(ACCOUNT).text, ADDRESS)
    send(visitor, account, account.filled(**{ADDRESS: email}))


def stale_change(front: Gateway, visitor: Visitor, email: str) -> None:
    """The same, sent long after it was opened."""
    account = form(visitor.get(ACCOUNT).text, ADDRESS)
    older(front.folder)
    send(visitor, account, account.filled(**{ADDRESS: email}))


def address(tracker: Redmine, login: str) -> object:
    person = tracker.person(login)
    assert person is not None
    return person[0]


def wants_key(visitor: Visitor) -> bool:
    """Whether seeing one's own API key is asked about."""
    visitor.get("/my/api_key")
    return asked(visitor)


def sign_out(visitor: Visitor) -> None:
    page = form(visitor.get("/logout").text, "authenticity_token")
    send(visitor, page, page.fields)


def test_who_has_signed_in_to_redmine_is_not_asked_through_all_its_cookies(tracker: Redmine, bob: Visitor) -> None:
    before = bob.http.cookies["Redmine"]
    for target in ("/", "/projects/garden", "/issues", ACCOUNT):
        bob.get(target)
    assert bob.http.cookies["Redmine"] != before
    change(bob, "fresh@kept.test")
    assert "Account was successfully updated" in bob.page.text
    assert address(tracker, "bob") == "fresh@kept.test"
    assert not wants_key(bob) and API_KEYS["bob"] in bob.page.text


def test_a_stale_change_waits_for_redmines_own_password_and_is_made_once(
    tracker: Redmine, front: Gateway, bob: Visitor
) -> None:
    before = tracker.seen(f'PUT "{ACCOUNT}"')
    stale_change(front, bob, "held@kept.test")
    assert asked(bob) and "Change your account" in bob.page.text and "held@kept.test" in bob.page.text
    assert confirm(bob, "not it").status_code == 422 and confirm(bob, ADMIN).status_code == 422
    assert address(tracker, "bob") != "held@kept.test" and tracker.seen(f'PUT "{ACCOUNT}"') == before
    assert "Account was successfully updated" in confirm(bob, BOB).text
    assert address(tracker, "bob") == "held@kept.test" and tracker.seen(f'PUT "{ACCOUNT}"') == before + 1
    assert not wants_key(bob)


def test_a_redmine_that_was_restarted_while_its_owner_confirmed_gets_the_change(
    tracker: Redmine, front: Gateway, bob: Visitor
) -> None:
    stale_change(front, bob, "restarted@kept.test")
    tracker.program.stop()
    try:
        assert confirm(bob, BOB).status_code == 502
    finally:
        tracker.start()
    confirm(bob, BOB)
    assert address(tracker, "bob") == "restarted@kept.test"


def test_a_change_of_the_password_keeps_the_session_and_the_new_one_confirms(
    tracker: Redmine, front: Gateway, bob: Visitor
) -> None:
    for old, new in ((BOB, "another-pw1"), ("another-pw1", BOB)):
        page = form(bob.get("/my/password").text, "new_password")
        send(bob, page, page.filled(password=old, new_password=new, new_password_confirmation=new))
        assert "Password was successfully updated" in bob.page.text
        stale_change(front, bob, f"{new[:3]}@kept.test")
        assert asked(bob)
        confirm(bob, new)
        assert address(tracker, "bob") == f"{new[:3]}@kept.test"


def test_somebody_else_in_another_tab_takes_over_and_what_was_held_is_not_theirs(
    tracker: Redmine, front: Gateway, bob: Visitor
) -> None:
    stale_change(front, bob, "other@kept.test")
    page, hidden = bob.page.url.path, bob.hidden()
    sign_out(bob)
    sign_in_to_tracker(bob, "admin")
    for password in (BOB, ADMIN):
        assert bob.go("POST", page, data={**hidden, "way": "password", "password": password}).status_code >= 400
    assert "other@kept.test" not in {address(tracker, "bob"), address(tracker, "admin")}
    older(front.folder)
    assert wants_key(bob) and "admin" in bob.page.text
    assert confirm(bob, BOB).status_code == 422
    assert API_KEYS["admin"] in confirm(bob, ADMIN).text


def test_who_was_signed_in_before_confirms_with_name_and_password_and_nobody_else_can(
    tracker: Redmine, front: Gateway
) -> None:
    forgiven(front)
    with Visitor(tracker.url) as before:
        sign_in_to_tracker(before, "bob")
        with holding(front, before.http.cookies) as visitor:
            assert wants_key(visitor)
            assert confirm(visitor, ADMIN, username="admin").status_code == 422
            assert API_KEYS["bob"] in confirm(visitor, BOB, username="bob").text
            change(visitor, "before@kept.test")
            assert address(tracker, "bob") == "before@kept.test"


def test_a_stolen_cookie_of_redmine_reads_and_does_nothing_more(tracker: Redmine, front: Gateway, bob: Visitor) -> None:
    with holding(front, bob.http.cookies) as thief:
        assert 'href="/users/' in thief.get("/my/page").text
        assert wants_key(thief)
        change(thief, "thief@kept.test")
        assert asked(thief) and address(tracker, "bob") != "thief@kept.test"
    change(bob, "still@kept.test")
    assert address(tracker, "bob") == "still@kept.test"


def test_who_is_remembered_goes_on_and_a_stolen_memory_is_not_beside_anybodys_session(
    front: Gateway, bob: Visitor
) -> None:
    del bob.http.cookies["Redmine"]
    assert "Logged in as" in bob.get("/my/page").text and not wants_key(bob)
    with Visitor(front.url) as other:
        sign_in_to_tracker(other, "admin", autologin="1")
        memory = other.http.cookies["autologin"]
    bob.http.cookies.delete("autologin")
    bob.http.cookies.set("autologin", memory, domain="localhost.local", path="/")
    assert wants_key(bob)
    del bob.http.cookies["Redmine"]
    assert wants_key(bob)
    confirm(bob, BOB, username="bob")
    assert asked(bob) and "admin" in bob.page.text and API_KEYS["admin"] not in bob.page.text
    assert confirm(bob, BOB, username="bob").status_code == 422


def test_an_account_that_wants_a_code_too_is_not_taken_for_a_wrong_password(
    tracker: Redmine, front: Gateway, bob: Visitor
) -> None:
    older(front.folder)
    assert wants_key(bob)
    tracker.sql("update users set twofa_scheme = 'totp', twofa_totp_key = 'x' where login = 'bob'")
    try:
        answer = confirm(bob, BOB)
    finally:
        tracker.sql("update users set twofa_scheme = null, twofa_totp_key = null where login = 'bob'")
    assert answer.status_code >= 400 and API_KEYS["bob"] not in answer.text
    assert front.audit()[-1]["reason"] == "app-captcha"


def test_keys_of_programs_read_and_change_nothing_that_is_sensitive(tracker: Redmine, front: Gateway) -> None:
    with Visitor(front.url) as program:
        key = {"X-Redmine-API-Key": API_KEYS["admin"]}
        assert program.fetch("GET", "/users.json", headers=key).json()["total_count"] >= 2
        changed = program.fetch("PUT", "/users/1.json", headers=key, json={"user": {"mail": "key@kept.test"}})
        assert changed.status_code == 401
        basic = program.fetch("DELETE", "/projects/garden.json", auth=("admin", ADMIN))
        assert basic.status_code == 401
    assert address(tracker, "admin") != "key@kept.test"
    assert tracker.sql("select count(*) from projects where identifier = 'garden'") == [(1,)]


def test_signed_out_of_redmine_is_signed_out_of_the_gateway(front: Gateway, bob: Visitor) -> None:
    with holding(front, bob.http.cookies, ours=True) as kept:
        assert not wants_key(kept)
    bob.get("/logout")
    assert "gateway_session" in bob.http.cookies
    sign_out(bob)
    assert "gateway_session" not in bob.http.cookies


def test_a_name_written_otherwise_is_the_person_that_redmine_says_it_is(front: Gateway) -> None:
    forgiven(front)
    with Visitor(front.url) as visitor:
        sign_in_to_tracker(visitor, "BOB", BOB)
    [line] = [line for line in front.audit() if line["event"] == "sign-in"][-1:]
    assert line["subject"] == "app:bob"


def test_nobody_needs_anything_to_read_to_sign_in_and_to_ask_for_a_new_password(front: Gateway) -> None:
    with Visitor(front.url) as visitor:
        for target in ("/", "/login", "/account/register", "/account/lost_password", "/projects", "/issues"):
            answer = visitor.get(target)
            assert answer.status_code == 200 and ".gateway" not in str(answer.url)


def test_a_stolen_key_beside_a_fresh_session_of_ones_own_changes_nothing(tracker: Redmine, bob: Visitor) -> None:
    key = {"X-Redmine-API-Key": API_KEYS["admin"]}
    for target, headers in (("/users/1.json", key), (f"/users/1.json?key={API_KEYS['admin']}", {})):
        done = bob.fetch("PUT", target, headers=headers, json={"user": {"mail": "key@kept.test"}})
        assert done.status_code == 403
    assert address(tracker, "admin") != "key@kept.test"
