"""Only what this very site sent is kept."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.policy.facts import Request
from gateway.policy.holdable import Declined, Hold, Sender, holdable, navigates, reads, sender

OURS = "https://notes.example.com"


def request(method: str = "POST", **headers: str) -> Request:
    fields = tuple((name.replace("_", "-").encode(), value.encode()) for name, value in headers.items())
    return Request(method, b"/a", b"/a", b"", fields, "notes.example.com", "192.0.2.1", "id", 0.0)


@pytest.mark.parametrize(
    ("method", "headers", "who"),
    [
        ("POST", {"sec_fetch_site": "same-origin", "origin": OURS}, Sender.SAME),
        ("POST", {"sec_fetch_site": "same-origin"}, Sender.SAME),
        ("POST", {"sec_fetch_site": "same-origin", "origin": "https://evil.test"}, Sender.CROSS),
        ("POST", {"sec_fetch_site": "same-origin", "origin": "null"}, Sender.CROSS),
        ("POST", {"sec_fetch_site": "cross-site", "origin": OURS}, Sender.CROSS),
        ("POST", {"sec_fetch_site": "same-site", "origin": "https://www.example.com"}, Sender.CROSS),
        ("POST", {"sec_fetch_site": "none"}, Sender.UNKNOWN),
        ("GET", {"sec_fetch_site": "none"}, Sender.SAME),
        ("GET", {"sec_fetch_site": "cross-site"}, Sender.CROSS),
        ("POST", {"sec_fetch_site": "odd"}, Sender.CROSS),
        ("POST", {"origin": OURS}, Sender.SAME),
        ("POST", {"origin": OURS + ".evil.test"}, Sender.CROSS),
        ("POST", {"origin": "http://notes.example.com"}, Sender.CROSS),
        ("POST", {"origin": "null"}, Sender.CROSS),
        ("POST", {"referer": OURS + "/account"}, Sender.SAME),
        ("POST", {"referer": OURS + ".evil.test/"}, Sender.CROSS),
        ("POST", {"referer": OURS + "@evil.test/"}, Sender.CROSS),
        ("POST", {}, Sender.UNKNOWN),
        ("GET", {}, Sender.UNKNOWN),
    ],
)
def test_all_witnesses_must_agree_that_it_was_this_site(method, headers, who) -> None:
    assert sender(request(method, **headers), OURS) is who


@pytest.mark.parametrize(
    ("method", "query", "headers", "only"),
    [
        ("GET", b"", {}, True),
        ("HEAD", b"a=b", {}, True),
        ("OPTIONS", b"", {}, True),
        ("POST", b"", {}, False),
        ("DELETE", b"", {}, False),
        ("GET", b"_method=POST", {}, False),
        ("GET", b"a=b&%5fmethod=put", {}, False),
        ("GET", b"_method=get", {}, True),
        ("GET", b"", {"x_http_method_override": "DELETE"}, False),
    ],
)
def test_a_get_that_says_it_is_a_post_does_not_only_read(method, query, headers, only) -> None:
    assert reads(replace(request(method, **headers), query=query)) is only


def test_an_address_from_elsewhere_that_does_not_only_read_has_no_known_sender() -> None:
    typed = replace(request("GET", sec_fetch_site="none"), query=b"_method=POST")
    assert sender(typed, OURS) is Sender.UNKNOWN


def test_two_origins_are_no_witness() -> None:
    one = request(origin=OURS)
    two = Request(
        *[getattr(one, name) for name in ("method", "target", "path", "query")], one.headers * 2, "", "", "", 0
    )
    assert sender(two, OURS) is Sender.CROSS


def test_a_held_request_keeps_what_describes_it_and_never_cookies_or_authorization() -> None:
    one = request(
        origin=OURS, content_type="text/plain", cookie="a=b", authorization="Basic x", x_csrf="1", content_length="3"
    )
    assert holdable(one, b"abc", OURS) == Hold(
        ((b"origin", OURS.encode()), (b"content-type", b"text/plain"), (b"x-csrf", b"1"))
    )


def test_what_another_site_sent_and_what_is_too_large_is_not_kept() -> None:
    assert holdable(request(origin="https://evil.test"), b"", OURS) is Declined.CROSS_SITE
    assert holdable(request(), b"", OURS) is Declined.CROSS_SITE
    assert holdable(request(origin=OURS), None, OURS) is Declined.TOO_LARGE


@pytest.mark.parametrize(
    ("headers", "person"),
    [
        ({"sec_fetch_mode": "navigate"}, True),
        ({"sec_fetch_mode": "cors", "accept": "text/html"}, False),
        ({"accept": "text/html,*/*"}, True),
        ({"accept": "text/html", "x_requested_with": "XMLHttpRequest"}, False),
        ({"accept": "application/json"}, False),
        ({}, False),
    ],
)
def test_a_document_navigation_is_told_from_a_scripts_call(headers, person) -> None:
    assert navigates(request(**headers)) is person
