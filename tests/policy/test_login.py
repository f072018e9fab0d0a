"""What an answer to a sign-in says, and what stood in its fields."""

from __future__ import annotations

import pytest

from gateway.policy.login import OWNER, Login, Success, Typed, succeeded, typed
from tests.policy.making import FORM, request, route

BY_REDIRECT = Success(redirect=("/home", "/wiki/**"))
AWAY = Success(redirect_not=("/login",))
BY_COOKIE = Success(cookie="sid*")
BY_STATUS = Success(status=frozenset({200, 204}))
BY_BODY = Success(body="Welcome back")
NOT_WRONG = Success(body_not="Wrong password")
BOTH = Success(redirect_not=("/login",), cookie="sid")


def judged(success: Success, status: int, body: str = "", **fields: str | list[str]) -> bool:
    headers = [
        (name.replace("_", "-").encode(), value.encode("latin-1"))
        for name, values in fields.items()
        for value in ([values] if isinstance(values, str) else values)
    ]
    return succeeded(success, "/app/login?next=/x", status, headers, body)


@pytest.mark.parametrize(
    ("success", "status", "location", "yes"),
    [
        (BY_REDIRECT, 302, "/home", True),
        (BY_REDIRECT, 303, "https://notes.example.com/home?x=/login#y", True),
        (BY_REDIRECT, 302, "/wiki/start", True),
        (BY_REDIRECT, 302, "/login", False),
        (BY_REDIRECT, 302, "home", False),  # that is /app/home
        (BY_REDIRECT, 302, "/home/../login", False),
        (BY_REDIRECT, 302, "/login/..;/home", False),
        (BY_REDIRECT, 200, "/home", False),
        (BY_REDIRECT, 500, "/home", False),
        (AWAY, 302, "/home", True),
        (AWAY, 302, "/Login/", False),
        (AWAY, 302, "/x/../login?failed=1", False),
        (AWAY, 302, "/%6cogin", False),
        (AWAY, 302, "../login", False),
        (AWAY, 302, "login", True),
        (AWAY, 302, "", True),  # to /app/login, which is not /login
        (AWAY, 302, "/caf\u00e9 au lait", True),
        (AWAY, 302, "/%zz", False),
        (AWAY, 302, "http://[nonsense", False),
        (AWAY, 302, "/" + "%25%32%66..;/" * 200, False),
        (AWAY, 200, "/home", False),
        (AWAY, 429, "/home", False),
    ],
)
def test_where_an_answer_leads_is_judged_in_every_reading(
    success: Success, status: int, location: str, yes: bool
) -> None:
    assert judged(success, status, location=location) is yes


def test_a_redirect_to_two_places_or_none_is_no_success() -> None:
    assert not judged(AWAY, 302, location=["/home", "/home"])
    assert not judged(AWAY, 302)


@pytest.mark.parametrize(
    ("cookies", "yes"),
    [
        (["sid=x"], True),
        (["sid_2=x; Path=/"], True),
        (["other=x"], False),
        (["sid="], False),
        (["sid=deleted"], False),
        (["sid=x; Max-Age=0"], False),
        (["sid=x; Expires=Thu, 01 Jan 1970 00:00:10 GMT"], False),
        (["sid=; Max-Age=0", "sid=x"], True),
        (["sid=x", "sid=; Max-Age=0"], False),
        (["sid=x; Path=/", "sid=; Path=/old; Max-Age=0"], True),
        (["sid=x", "sid2=; Max-Age=0"], True),
        ([], False),
    ],
)
def test_a_cookie_counts_when_it_is_there_after_the_whole_answer(cookies: list[str], yes: bool) -> None:
    assert judged(BY_COOKIE, 302, set_cookie=cookies) is yes


@pytest.mark.parametrize(
    ("success", "status", "body", "yes"),
    [
        (BY_STATUS, 204, "", True),
        (BY_STATUS, 302, "", False),
        (Success(status=frozenset({200, 503})), 503, "", False),
        (BY_BODY, 200, "<p>Welcome\nback, alice</p>", True),
        (BY_BODY, 200, "<p>Welcome</p>", False),
        (BY_BODY, 500, "Welcome back", False),
        (NOT_WRONG, 200, "<p>Wrong password</p>", False),
        (NOT_WRONG, 200, "<p>Hello</p>", True),
        (NOT_WRONG, 429, "<p>Hello</p>", False),
    ],
)
def test_status_and_wording_say_it_too(success: Success, status: int, body: str, yes: bool) -> None:
    assert judged(success, status, body) is yes


def test_all_that_is_given_has_to_hold() -> None:
    assert judged(BOTH, 302, location="/", set_cookie="sid=x")
    assert not judged(BOTH, 302, location="/login", set_cookie="sid=x")
    assert not judged(BOTH, 302, location="/", set_cookie="other=x")


def test_only_a_wording_makes_the_body_matter() -> None:
    assert [each.reads for each in (BY_BODY, NOT_WRONG, BOTH, BY_STATUS)] == [True, True, False, False]


NAMED = Login("/login", route("login", "/login"), "user", "pass", ("sid",), (), AWAY)
ALONE = Login("/login", route("login", "/login"), "", "pass", ("sid",), (), AWAY)


@pytest.mark.parametrize(
    ("login", "line", "body", "content_type", "said"),
    [
        (NAMED, "POST /login", b"user=alice&pass=p%20w", FORM, Typed("alice", "p w")),
        (NAMED, "POST /login", b"user=Alice+A&pass=x", FORM, Typed("Alice A", "x")),
        (NAMED, "POST /login", b'{"user": "alice", "pass": "x"}', "application/json", Typed("alice", "x")),
        (NAMED, "POST /login", b"user=alice", FORM, None),
        (NAMED, "POST /login", b"user=alice&pass=", FORM, None),
        (NAMED, "POST /login", b"user=&pass=x", FORM, None),
        (NAMED, "POST /login", b"user=alice&user=bob&pass=x", FORM, None),
        (NAMED, "POST /login", b"user[]=alice&user=bob&pass=x", FORM, None),
        (NAMED, "POST /login?user=bob", b"user=alice&pass=x", FORM, None),
        (NAMED, "POST /login", b"user=al%0Aice&pass=x", FORM, None),
        (NAMED, "POST /login", b"user=" + b"a" * 256 + b"&pass=x", FORM, None),
        (NAMED, "POST /login", b"user=alice&pass=x", "text/plain", None),
        (NAMED, "POST /login", None, FORM, None),
        (ALONE, "POST /login", b"pass=x", FORM, Typed(OWNER, "x")),
        (ALONE, "POST /login", b"pass=", FORM, None),
    ],
)
def test_a_name_and_a_password_are_read_only_where_there_is_one_reading(
    login: Login, line: str, body: bytes | None, content_type: str, said: Typed | None
) -> None:
    assert typed(login, request(line, body or b"x", content_type=content_type), body) == said


def test_a_name_in_a_cookie_is_another_reading() -> None:
    assert (
        typed(NAMED, request("POST /login", b"user=a&pass=x", content_type=FORM, cookie="user=b"), b"user=a&pass=x")
        is None
    )
