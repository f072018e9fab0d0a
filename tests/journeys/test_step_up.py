"""The main story over real sockets: sign in, go stale, be asked, confirm, and the very request goes through."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.echo import Echo
from tests.support.processes import PEOPLE, Gateway, free_port, gateway
from tests.support.visitor import Visitor

STALE = 3.1

ROUTES = """
[stepup]
max_age = "2s"
hold_max = "64KiB"

[[app]]
name = "notes"
upstream = "{upstream}"
public = ["/static/**"]

  [[app.route]]
  name = "change-email"
  action = "Change your e-mail address"
  methods = ["POST"]
  path = "/account/email"
  show = ["email"]

  [[app.route]]
  name = "delete-account"
  action = "Delete your account"
  path = "/account/delete"
  max_age = "0s"

  [[app.route]]
  name = "pay"
  action = "Send money"
  path = "/pay"
  once = true
  max_age = "1m"
  show = ["to"]

  [[app.route]]
  name = "admin"
  action = "Open the administration area"
  path = "/admin/**"

  [[app.route]]
  name = "watched"
  action = "Look at the log"
  path = "/log"
  max_age = "0s"
  mode = "report"

  [[app.route]]
  name = "keys-only"
  action = "Rotate the signing key"
  path = "/rotate"
  verify = ["passkey"]
"""


@pytest.fixture(scope="module")
def upstream() -> Iterator[Echo]:
    with Echo() as started:
        yield started


@pytest.fixture(scope="module")
def front(upstream: Echo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder: Path = tmp_path_factory.mktemp("gateway")
    with gateway(folder, ROUTES.format(upstream=upstream.url)) as started:
        yield started


@pytest.fixture
def alice(front: Gateway) -> Iterator[Visitor]:
    with Visitor(front.url) as visitor:
        visitor.sign_in("alice", PEOPLE["alice"])
        yield visitor


def received(answer: Any) -> dict[str, Any]:
    """What the recording upstream says it got."""
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    return said


def header(said: dict[str, Any], name: str) -> list[str]:
    return [value for key, value in said["headers"] if key.lower() == name]


def test_a_fresh_sign_in_is_not_asked_again(alice: Visitor) -> None:
    said = received(alice.go("POST", "/account/email", data={"email": "a@b.test"}))
    assert said["method"] == "POST"
    assert header(said, "x-auth-user") == ["alice"]
    assert header(said, "x-auth-methods") == ["pwd"]
    assert abs(int(header(said, "x-auth-time")[0]) - time.time()) < 5


def test_the_held_request_goes_through_byte_for_byte_after_confirming(alice: Visitor) -> None:
    time.sleep(STALE)
    body = b"email=a%40b.test&note=\xc3\xa9+%20"
    alice.go(
        "POST", "/account/email?x=1&y", content=body, headers={"content-type": "application/x-www-form-urlencoded"}
    )
    assert "/.gateway/confirm/" in str(alice.page.url)
    assert "Change your e-mail address" in alice.page.text
    assert "a@b.test" in alice.page.text
    said = received(alice.confirm(PEOPLE["alice"]))
    assert (said["method"], said["target"]) == ("POST", "/account/email?x=1&y")
    assert base64.b64decode(said["body"]) == body
    assert abs(int(header(said, "x-auth-time")[0]) - time.time()) < 10
    assert alice.page.url.path == "/account/email"
    assert alice.page.headers["cache-control"] == "no-store"
    assert not any("gateway_" in value for value in header(said, "cookie"))


def test_it_is_sent_once_and_reload_is_a_harmless_get(alice: Visitor) -> None:
    time.sleep(STALE)
    alice.go("POST", "/account/email", data={"email": "once@b.test"})
    alice.confirm(PEOPLE["alice"])
    again = received(alice.get("/account/email"))
    assert again["method"] == "GET"


def test_a_wrong_password_asks_again_and_sends_nothing(alice: Visitor, upstream: Echo) -> None:
    time.sleep(STALE)
    alice.go("POST", "/account/email", data={"email": "wrong@b.test"})
    before = len(upstream.seen)
    answer = alice.confirm("not it")
    assert answer.status_code == 422 and "Confirm access" in answer.text
    assert len(upstream.seen) == before
    received(alice.confirm(PEOPLE["alice"]))


def test_cancel_goes_back_and_drops_the_held_request(alice: Visitor, upstream: Echo) -> None:
    time.sleep(STALE)
    alice.go("POST", "/account/email", data={"email": "cancel@b.test"})
    page = alice.page.url.path
    alice.submit(page + "/cancel", {})
    assert alice.page.url.path == "/account"
    assert alice.get(page).status_code == 404
    assert all(b"cancel@b.test" not in seen.body for seen in upstream.seen)


def test_a_cancel_that_comes_too_late_says_so(alice: Visitor, upstream: Echo) -> None:
    time.sleep(STALE)
    alice.go("POST", "/account/email", data={"email": "late@b.test"})
    page, form = alice.page.url.path, alice.hidden()
    alice.confirm(PEOPLE["alice"])
    assert sum(b"late" in seen.body for seen in upstream.seen) == 1
    assert alice.go("POST", page + "/cancel", data=form).status_code == 404
    assert "If it was not confirmed, nothing was sent" in alice.page.text


def test_two_tabs_are_each_held_and_each_go_through(front: Gateway, alice: Visitor) -> None:
    time.sleep(STALE)
    alice.go("POST", "/account/email", data={"email": "one@b.test"})
    first, first_fields = alice.page.url.path, alice.hidden()
    alice.go("POST", "/account/email", data={"email": "two@b.test"})
    assert b"two%40b.test" in base64.b64decode(received(alice.confirm(PEOPLE["alice"]))["body"])
    said = alice.go("POST", first, data={**first_fields, "way": "password", "password": PEOPLE["alice"]})
    assert b"one%40b.test" in base64.b64decode(received(said)["body"])


def test_what_is_asked_every_time_is_asked_right_after_signing_in(alice: Visitor) -> None:
    alice.go("POST", "/account/delete", data={"sure": "yes"})
    assert "Delete your account" in alice.page.text
    assert received(alice.confirm(PEOPLE["alice"]))["method"] == "POST"
    alice.go("POST", "/account/delete", data={"sure": "yes"})
    assert "/.gateway/confirm/" in str(alice.page.url)


def test_confirming_a_once_route_does_not_cover_the_session(alice: Visitor) -> None:
    time.sleep(STALE)
    alice.go("POST", "/pay", data={"to": "bob"})
    received(alice.confirm(PEOPLE["alice"]))
    alice.get("/admin/")
    assert "/.gateway/confirm/" in str(alice.page.url)


def test_every_authentication_makes_a_new_id_and_the_old_one_is_dead_for_what_is_sensitive(
    front: Gateway, alice: Visitor
) -> None:
    old = alice.http.cookies["gateway_session"]
    time.sleep(STALE)
    alice.get("/admin/")
    received(alice.confirm(PEOPLE["alice"]))
    assert alice.http.cookies["gateway_session"] != old
    with Visitor(front.url) as thief:
        thief.http.cookies.set("gateway_session", old)
        assert thief.request("GET", "/").status_code == 200
        assert thief.fetch("GET", "/admin/").status_code == 401
        assert thief.request("GET", "/.gateway/account").status_code != 200


def test_a_script_gets_401_and_nothing_is_held(alice: Visitor, upstream: Echo) -> None:
    time.sleep(STALE)
    answer = alice.fetch("POST", "/account/email", json={"email": "x@b.test"})
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    said = answer.headers["www-authenticate"]
    assert said.startswith('StepUp error="insufficient_user_authentication", max_age=2, method="POST", confirm_url="')
    problem = answer.json()
    assert problem["error"] == "insufficient_user_authentication" and problem["max_age"] == 2
    assert problem["auth_time"] <= problem["server_time"]
    alice.get(problem["confirm_url"].removeprefix(alice.url))
    assert "Confirm access" in alice.page.text
    alice.confirm(PEOPLE["alice"])
    assert received(alice.fetch("POST", "/account/email", json={"email": "x@b.test"}))["method"] == "POST"


def test_a_bearer_client_is_told_in_its_own_scheme(alice: Visitor) -> None:
    time.sleep(STALE)
    answer = alice.fetch("POST", "/account/email", headers={"authorization": "Bearer x"})
    assert answer.headers["www-authenticate"].startswith('Bearer error="insufficient_user_authentication"')


def test_a_scripts_once_action_passes_once_with_the_fields_that_were_shown(alice: Visitor) -> None:
    first = alice.fetch("POST", "/pay", data={"to": "bob"})
    alice.get(first.json()["confirm_url"].removeprefix(alice.url))
    assert "bob" in alice.page.text
    alice.confirm(PEOPLE["alice"])
    assert alice.fetch("POST", "/pay", data={"to": "eve"}).status_code == 401
    assert received(alice.fetch("POST", "/pay", data={"to": "bob"}))["method"] == "POST"
    assert alice.fetch("POST", "/pay", data={"to": "bob"}).status_code == 401


def test_a_forged_cross_site_post_is_never_held_and_never_sent_even_when_fresh(alice: Visitor, upstream: Echo) -> None:
    forged = {"email": "forged@b.test"}
    answer = alice.request("POST", "/account/email", data=forged, site="cross-site")
    assert answer.status_code == 403
    time.sleep(STALE)
    alice.go("POST", "/account/email", data=forged, site="cross-site")
    assert "Confirm access" in alice.page.text
    page = alice.page.url.path
    alice.confirm(PEOPLE["alice"])
    assert alice.page.url.path == page and "confirmed" in alice.page.text.lower()
    assert alice.request("POST", "/account/email", data=forged, site="cross-site").status_code == 403
    assert all(b"forged" not in seen.body for seen in upstream.seen)


def test_a_request_too_large_to_hold_is_not_sent_and_the_page_says_so(alice: Visitor, upstream: Echo) -> None:
    time.sleep(STALE)
    before = len(upstream.seen)
    alice.go("POST", "/account/email", content=b"x" * 70_000)
    assert "Nothing was sent" in alice.page.text
    alice.confirm(PEOPLE["alice"])
    assert len(upstream.seen) == before
    assert received(alice.go("POST", "/account/email", content=b"x" * 70_000))["method"] == "POST"


def test_a_session_that_ran_out_keeps_what_its_owner_sent(upstream: Echo, tmp_path: Path) -> None:
    extra = '[session]\nidle = "2s"\nabsolute = "1h"\n'
    with gateway(tmp_path, extra + ROUTES.format(upstream=upstream.url)) as front, Visitor(front.url) as visitor:
        visitor.sign_in("alice", PEOPLE["alice"])
        time.sleep(STALE)
        visitor.go("POST", "/notes/new", data={"text": "half an hour of typing"})
        assert visitor.page.url.path == "/.gateway/signin"
        said = received(visitor.submit("/.gateway/signin", {"username": "alice", "password": PEOPLE["alice"]}))
        assert said["target"] == "/notes/new" and b"half+an+hour" in base64.b64decode(said["body"])
        time.sleep(STALE)
        before = len(upstream.seen)
        visitor.go("POST", "/notes/new", data={"text": "alice's own"})
        visitor.submit("/.gateway/signin", {"username": "bob", "password": PEOPLE["bob"]})
        assert all(b"alice%27s" not in seen.body for seen in upstream.seen[before:])


def test_a_stranger_signs_in_first_and_nothing_of_theirs_is_held(front: Gateway, upstream: Echo) -> None:
    with Visitor(front.url) as stranger:
        stranger.go("POST", "/account/email", data={"email": "stranger@b.test"})
        assert stranger.page.url.path == "/.gateway/signin"
        stranger.submit("/.gateway/signin", {"username": "alice", "password": PEOPLE["alice"]})
        assert all(b"stranger" not in seen.body for seen in upstream.seen)


def test_a_strangers_script_is_told_where_to_sign_in_and_comes_back_to_its_page(front: Gateway) -> None:
    with Visitor(front.url) as stranger:
        answer = stranger.fetch("GET", "/notes", headers={"referer": front.url + "/board?tab=2"})
        assert answer.status_code == 401 and answer.json()["error"] == "login_required"
        assert answer.json()["confirm_url"] == front.url + "/.gateway/signin?next=%2Fboard%3Ftab%3D2"


def test_open_paths_need_nobody_and_carry_no_identity(front: Gateway) -> None:
    with Visitor(front.url) as stranger:
        said = received(stranger.request("GET", "/static/x.css", headers={"X_Auth_User": "root", "x-auth.time": "1"}))
        assert [key for key, _ in said["headers"] if "auth" in key.lower()] == []
        assert stranger.fetch("GET", "/notes").status_code == 401


def test_a_host_that_no_app_has_is_explained_to_people_and_leads_nowhere(front: Gateway) -> None:
    with Visitor(f"http://127.0.0.1:{front.port}") as lost:
        assert lost.get("/notes").status_code == 421
        assert "No app lives at this address" in lost.page.text and "127.0.0.1" in lost.page.text
        assert lost.fetch("GET", "/notes").json()["error"] == "unknown-host"


def test_another_persons_confirmation_is_not_found(front: Gateway, alice: Visitor) -> None:
    time.sleep(STALE)
    alice.go("POST", "/account/email", data={"email": "a@b.test"})
    with Visitor(front.url) as bob:
        bob.sign_in("bob", PEOPLE["bob"])
        assert bob.get(alice.page.url.path).status_code == 404


def test_a_route_nobody_could_satisfy_is_refused_with_an_explanation(front: Gateway, alice: Visitor) -> None:
    assert alice.get("/rotate").status_code == 403
    assert "passkey" in alice.page.text.lower()
    assert alice.fetch("GET", "/rotate").status_code == 403
    assert [each["reason"] for each in front.audit() if each.get("routes") == ["keys-only"]] == ["no-verifier"] * 2


def test_report_mode_asks_nothing_and_says_what_it_would_have(front: Gateway, alice: Visitor) -> None:
    received(alice.get("/log"))
    line = [each for each in front.audit() if each.get("routes") == ["watched"]][-1]
    assert line["reason"] == "report" and line["unmet"] == {"watched": "once"}


def test_an_upstream_that_is_down_at_resume_keeps_the_request_for_another_try(tmp_path: Path) -> None:
    port = free_port()
    routes = ROUTES.format(upstream=f"http://127.0.0.1:{port}")
    with gateway(tmp_path, routes) as front, Visitor(front.url) as visitor:
        visitor.sign_in("alice", PEOPLE["alice"])
        visitor.go("POST", "/account/delete", data={"sure": "yes"})
        answer = visitor.confirm(PEOPLE["alice"])
        assert answer.status_code == 502 and "kept" in answer.text
        with Echo(port) as upstream:
            said = received(visitor.get("/account/delete"))
            assert said["method"] == "POST" and base64.b64decode(said["body"]) == b"sure=yes"
            assert len([seen for seen in upstream.seen if seen.method == "POST"]) == 1


def test_too_many_wrong_answers_are_slowed_and_the_wait_is_said(front: Gateway) -> None:
    with Visitor(front.url) as visitor:
        visitor.sign_in("bob", PEOPLE["bob"])
        time.sleep(STALE)
        visitor.get("/admin/")
        answers = [visitor.confirm("wrong").status_code for _ in range(7)]
        assert answers[-1] == 429 and int(visitor.page.headers["retry-after"]) > 0
        assert visitor.confirm(PEOPLE["bob"]).status_code == 429


def test_no_secret_ever_reaches_the_log(front: Gateway, alice: Visitor) -> None:
    time.sleep(STALE)
    alice.go("POST", "/account/email?token=hunter2", data={"email": "quiet@b.test"})
    alice.confirm(PEOPLE["alice"])
    logged = front.program.output()
    for secret in ("hunter2", "quiet", PEOPLE["alice"], alice.http.cookies["gateway_session"]):
        assert secret not in logged
