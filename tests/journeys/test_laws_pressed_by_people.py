"""Law 11: only people press the buttons, on pages of ours, and only our own paths are where they lead."""

from __future__ import annotations

import time
from urllib.parse import quote

import pytest

from tests.journeys.ageing import older
from tests.support.echo import Echo
from tests.support.processes import PEOPLE, Gateway
from tests.support.raw import Raw
from tests.support.visitor import Visitor

PASSWORD = PEOPLE["alice"]
PAGES = ("/.gateway/signin", "/.gateway/signout", "/.gateway/account", "/.gateway/account/totp", "/.gateway/nothing")
INTRUDERS = {
    "a frame": {"sec-fetch-dest": "iframe"},
    "an old frame": {"sec-fetch-dest": "frame"},
    "an object": {"sec-fetch-dest": "object"},
    "a script's call": {"sec-fetch-mode": "cors", "sec-fetch-dest": "empty"},
    "a script's call from here": {"sec-fetch-mode": "same-origin", "sec-fetch-dest": "empty"},
    "a picture": {"sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"},
}
ELSEWHERE = (
    "//evil.test",
    "///evil.test",
    "/\\evil.test",
    "\\\\evil.test",
    "/\tevil.test",
    "/\n/evil.test",
    "/%5cevil.test",
    "/%2fevil.test",
    "/%09/evil.test",
    "https://evil.test",
    "https:evil.test",
    "http:/evil.test",
    "javascript:alert(1)",
    "data:text/html,x",
    "evil.test",
    "@evil.test",
    "/%0d%0aSet-Cookie:%20a=b",
    "/\r\nSet-Cookie: a=b",
    "/é",
    "/" + "a" * 5000,
)


def challenged(visitor: Visitor, gate: Gateway, target: str = "/account/email", **fields: str) -> str:
    """The path of a confirm page that holds a request."""
    older(gate.folder)
    visitor.go("POST", target, data=fields or {"email": "a@b.test"})
    assert visitor.page.url.path.startswith("/.gateway/confirm/"), visitor.page.text
    return visitor.page.url.path


@pytest.mark.parametrize("who", INTRUDERS)
@pytest.mark.parametrize("page", [*PAGES, "confirm"])
def test_a_page_of_ours_opens_for_nobody_but_a_person(alice: Visitor, gate: Gateway, page: str, who: str) -> None:
    path = challenged(alice, gate) if page == "confirm" else page
    answer = alice.request("GET", path, headers=INTRUDERS[who])
    assert answer.status_code == 403
    assert "csrf" not in answer.text and "secret" not in answer.text.lower()


@pytest.mark.parametrize("page", ["/.gateway/account", "/.gateway/account/totp", "/.gateway/account/recovery"])
def test_another_site_opens_no_page_of_the_account(alice: Visitor, page: str) -> None:
    answer = alice.request("GET", page, site="cross-site")
    assert answer.status_code == 403 and "csrf" not in answer.text


def test_every_page_refuses_frames_and_caches(alice: Visitor, gate: Gateway) -> None:
    for path in ("/.gateway/signin?next=/", "/.gateway/account", "/.gateway/nothing", challenged(alice, gate)):
        headers = alice.request("GET", path).headers
        assert headers["cache-control"] == "no-store"
        if alice.page.is_redirect:
            continue
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize("who", [*INTRUDERS, "another site", "nobody's token", "no token", "another person's token"])
def test_a_form_sent_by_nobody_confirms_nothing(alice: Visitor, gate: Gateway, app: Echo, who: str) -> None:
    page = challenged(alice, gate, email="forged@b.test")
    form = {**alice.hidden(), "way": "password", "password": PASSWORD}
    site, headers = "same-origin", INTRUDERS.get(who, {})
    match who:
        case "another site":
            site = "cross-site"
        case "nobody's token":
            form["csrf"] = "0" * 64
        case "no token":
            del form["csrf"]
        case "another person's token":
            with Visitor(gate.url) as bob:
                bob.sign_in("bob", PEOPLE["bob"])
                bob.get("/.gateway/account")
                form["csrf"] = bob.hidden()["csrf"]
    assert alice.request("POST", page, data=form, site=site, headers=headers).status_code == 403
    assert alice.fetch("GET", "/admin/").status_code == 401
    assert all(b"forged" not in seen.body for seen in app.seen)


@pytest.mark.parametrize("action", ["password", "totp", "recovery", "remove", "sessions/revoke-others", "stepdown"])
def test_another_site_changes_nothing_of_the_account(alice: Visitor, action: str) -> None:
    alice.get("/.gateway/account")
    token = alice.hidden()["csrf"]
    path = f"/.gateway/account/{action}"
    assert alice.request("POST", path, data={"csrf": token}, site="cross-site").status_code == 403
    assert alice.request("POST", path, data={"csrf": "0" * 64}).status_code == 403
    assert alice.request("POST", path, data={}).status_code == 403


def test_a_sign_in_from_another_site_or_without_our_page_signs_nobody_in(gate: Gateway, alice: Visitor) -> None:
    form = {"username": "bob", "password": PEOPLE["bob"]}
    with Visitor(gate.url) as bob:
        assert bob.request("POST", "/.gateway/signin", data=form).status_code == 422
        bob.get("/.gateway/signin")
        sent = {**bob.hidden(), **form}
        assert bob.request("POST", "/.gateway/signin", data=sent, site="cross-site").status_code == 422
        assert "gateway_session" not in bob.http.cookies
    with Visitor(gate.url) as other:
        other.get("/.gateway/signin")
        assert other.request("POST", "/.gateway/signin", data=sent).status_code == 422


@pytest.mark.parametrize("address", ELSEWHERE)
def test_nobody_is_led_away_after_signing_in(gate: Gateway, address: str) -> None:
    said = quote(address, safe="")
    with Visitor(gate.url) as bob:
        bob.get(f"/.gateway/signin?next={said}")
        form = {**bob.hidden(), "username": "bob", "password": PEOPLE["bob"], "next": address}
        answer = bob.request("POST", "/.gateway/signin", data=form)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert bob.request("GET", f"/.gateway/signin?next={said}").headers["location"] == "/"


@pytest.mark.parametrize("target", ["//evil.test/..;/admin/x", "/\\evil.test/../admin/x", "//admin/x"])
def test_nobody_is_led_away_after_confirming(alice: Visitor, gate: Gateway, target: str) -> None:
    older(gate.folder)
    with Raw(gate.port) as raw:
        cookie = f"Cookie: gateway_session={alice.http.cookies['gateway_session']}"
        site = "Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: navigate"
        raw.send(f"GET {target} HTTP/1.1\r\nHost: localhost:{gate.port}\r\n{cookie}\r\n{site}\r\n\r\n".encode())
        page = raw.answer().header("location")
    assert page is not None and page.startswith("/.gateway/confirm/")
    alice.get(page)
    form = {**alice.hidden(), "way": "password", "password": PASSWORD}
    location = alice.request("POST", page, data=form).headers["location"]
    assert location.startswith("/") and location[1:2] not in {"/", "\\"}


def test_no_address_splits_an_answer(alice: Visitor, gate: Gateway) -> None:
    older(gate.folder)
    answer = alice.request("GET", "/admin/%0d%0aSet-Cookie:%20evil=1")
    assert "evil" not in answer.headers.get("set-cookie", "")
    alice.get(answer.headers["location"])
    form = {**alice.hidden(), "way": "password", "password": PASSWORD}
    assert "evil=1" not in alice.request("POST", alice.page.url.path, data=form).headers["set-cookie"]


@pytest.mark.parametrize(
    ("how", "headers"),
    [
        ("from another site", {"sec-fetch-site": "cross-site"}),
        ("from a neighbour", {"sec-fetch-site": "same-site"}),
        ("by a script", {"sec-fetch-mode": "cors", "sec-fetch-dest": "empty"}),
        ("as a picture", {"sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}),
        ("by an old script", {"sec-fetch-mode": "", "accept": "*/*"}),
    ],
)
def test_a_ticket_fires_for_a_navigation_of_this_site_only(
    alice: Visitor, gate: Gateway, app: Echo, how: str, headers: dict[str, str]
) -> None:
    page = challenged(alice, gate, email="ticket@b.test")
    alice.request("POST", page, data={**alice.hidden(), "way": "password", "password": PASSWORD})
    before = len(app.seen)
    alice.request("GET", "/account/email", headers=headers)
    assert alice.request("HEAD", "/account/email").status_code == 200
    assert [seen.method for seen in app.seen[before:]] == ["GET", "HEAD"]
    assert alice.request("GET", "/account/email").json()["method"] == "POST"


def test_a_link_that_poses_as_a_form_is_no_more_trusted_than_one(alice: Visitor, gate: Gateway, app: Echo) -> None:
    forged = "/account/email?_method=POST&email=forged"
    before = len(app.seen)
    assert alice.request("GET", forged, site="cross-site").status_code == 403
    older(gate.folder)
    alice.get(forged, site="cross-site")
    assert "confirm" in alice.page.url.path
    alice.confirm(PASSWORD)
    assert "forged" not in alice.page.text
    with Visitor(gate.url) as stranger:
        stranger.get(forged, site="cross-site")
        stranger.submit("/.gateway/signin", {"username": "bob", "password": PEOPLE["bob"]})
    assert all("forged" not in seen.target for seen in app.seen[before:])


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"name=" + b"a" * 70_000, "application/x-www-form-urlencoded", 413),
        (b"name=" + b"a" * (8 << 20), "application/x-www-form-urlencoded", 413),
        (b"&".join(b"a=%d" % n for n in range(5000)), "application/x-www-form-urlencoded", 422),
        (b"name=\xff\xfe&password=%ff%00", "application/x-www-form-urlencoded", 422),
        (b"\0" * 100, "application/x-www-form-urlencoded", 422),
        (b'--b\r\nContent-Disposition: form-data; name="username"\r\n\r\nx', "multipart/form-data; boundary=b", 422),
        (b"not multipart", "multipart/form-data", 422),
        (b'{"username": "alice"}', "application/json", 422),
        (b"name=alice", "text/plain", 422),
    ],
)
def test_a_form_that_is_none_of_ours_is_not_taken_in(gate: Gateway, body: bytes, kind: str, status: int) -> None:
    with Visitor(gate.url) as visitor:
        visitor.get("/.gateway/signin")
        answer = visitor.request("POST", "/.gateway/signin", content=body, headers={"content-type": kind})
    assert answer.status_code == status


def test_a_held_request_waits_for_a_slow_app(alice: Visitor, gate: Gateway) -> None:
    challenged(alice, gate, "/drip?n=4&ms=700")
    began = time.monotonic()
    answer = alice.confirm(PASSWORD)
    assert answer.text.count("data:") == 4
    assert time.monotonic() - began > 2
