"""Each route says what it found in a request."""

from __future__ import annotations

import pytest

from gateway.policy.explain import explain
from gateway.policy.facts import Route
from gateway.policy.target import ANYTHING, readings

from .making import FORM, condition, request, route

LEGACY = route("legacy", "/index.php", condition("query_or_form", "action", "delete", "purge"), methods={"POST"})
ADMIN = route("admin", "/admin/**", excepts=("/admin/help/**",))


@pytest.mark.parametrize(
    ("each", "line", "body", "criteria"),
    [
        (ADMIN, "GET /%61dmin/users", b"", [("path", True, "/admin/users is /admin/**")]),
        (ADMIN, "GET /notes", b"", [("path", False, "is not /admin/**")]),
        (ADMIN, "GET /admin/help/a", b"", [("except", False, "/admin/help/a is excepted")]),
        (
            LEGACY,
            "PUT /index.php?_method=delete",
            b"action=view",
            [
                ("path", True, "/index.php is /index.php"),
                ("methods", False, "judged as DELETE and PUT, not as POST"),
                ("query_or_form", False, "action is not delete or purge"),
            ],
        ),
        (
            LEGACY,
            "POST /index.php",
            None,
            [
                ("path", True, "/index.php is /index.php"),
                ("methods", True, "judged as POST"),
                ("query_or_form", True, "the body cannot be read, which counts as a match"),
            ],
        ),
        (
            LEGACY,
            "POST /index.php",
            b"action=purge",
            [
                ("path", True, "/index.php is /index.php"),
                ("methods", True, "judged as POST"),
                ("query_or_form", True, "action is delete or purge"),
            ],
        ),
    ],
)
def test_a_route_says_why(each: Route, line: str, body: bytes | None, criteria: list[tuple[str, bool, str]]) -> None:
    asked = request(line, body or b"x", content_type=FORM)
    assert explain([each], asked, readings(asked.path), body) == [(each, criteria)]


def test_a_path_with_too_many_readings_is_every_path() -> None:
    ((_, (path,)),) = explain([ADMIN], request("GET /x"), ANYTHING, b"")
    assert path.matched


def test_a_condition_on_a_header_or_on_any_value_is_told_too() -> None:
    rpc = route("rpc", "/rpc", condition("header", "X-Action"))
    asked = request("POST /rpc", X_Action="x")
    ((_, criteria),) = explain([rpc], asked, readings(b"/rpc"), b"")
    assert criteria[1] == ("header", True, "X-Action is present")
