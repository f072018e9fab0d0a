"""Which routes match a request, by any of its readings."""

from __future__ import annotations

import pytest

from gateway.policy.facts import Route
from gateway.policy.routes import FEW, LONGEST, MANY, NONE, RouteTable, warnings
from gateway.policy.target import ANYTHING, readings
from tests.support.cost import cost

from .making import FORM, condition, request, route

ACTION = condition("query_or_form", "action", "delete", "purge")
ROUTES = [
    route("change-email", "/account/email", methods={"POST"}),
    route("delete-account", "/account/delete"),
    route("admin", "/admin/**", excepts=("/admin/help/**", "/admin/logo.png")),
    route("revoke", "/api/keys/{id}", methods={"DELETE"}),
    route("invoice", "/billing/invoices/{id}.pdf", methods={"GET"}),
    route("legacy", "/index.php", ACTION),
    route("json", "/api/do", condition("json", "action", "delete")),
    route("header", "/rpc", condition("header", "X-Action", "delete")),
    route("query", "/old", condition("query", "do", "profile")),
]
TABLE = RouteTable(ROUTES)


def matched(line: str, body: bytes | None = b"", **headers: str) -> list[str]:
    """Names of the routes of a request; `body` None for one too large to read."""
    asked = request(line, b"xx" if body is None else body, **headers)
    match = TABLE.match(asked, readings(asked.path))
    return [each.name for each in TABLE.settle(match, asked, body)]


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("POST /account/email", ["change-email"]),
        ("GET /account/email", []),
        ("post /account/email", ["change-email"]),
        ("POST /ACCOUNT/%65mail", ["change-email"]),
        ("GET /account/delete", ["delete-account"]),
        ("FOO /account/delete", ["delete-account"]),
        ("GET /account/delete.html", ["delete-account"]),
        ("GET /account/deleted-items", []),
        ("GET /admin", ["admin"]),
        ("GET /admin/", ["admin"]),
        ("GET /admin/users/x.css", ["admin"]),
        ("GET /administrator", []),
        ("DELETE /api/keys/5", ["revoke"]),
        ("DELETE /api/keys/5/comments/7", []),
        ("GET /billing/invoices/7.pdf", ["invoice"]),
        ("HEAD /billing/invoices/7.pdf", ["invoice"]),
        ("GET /billing/invoices/7.pdf/", ["invoice"]),
        ("POST /billing/invoices/7.pdf", []),
        ("GET /billing/invoices-archive/7.pdf", []),
        ("GET /index.php?action=delete", ["legacy"]),
        ("GET /?action=delete", ["legacy"]),
        ("GET /index.php/x/y?action=purge", ["legacy"]),
        ("GET /index.php?action=view", []),
        ("GET /index.php?redirect=%2Findex.php%3Faction%3Ddelete", []),
        ("GET /index.php", []),
        ("GET /old?do[profile]=1", ["query"]),
        ("GET /search?q=/admin/users", []),
        ("GET /", []),
    ],
)
def test_a_request_without_a_body_is_settled_at_once(line: str, names: list[str]) -> None:
    assert matched(line) == names
    asked = request(line)
    assert TABLE.match(asked, readings(asked.path)).undecided == ()


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/admin/help", []),
        ("/admin/help/intro.html", []),
        ("/admin/help/../users", ["admin"]),
        ("/admin/help/..;/users", ["admin"]),
        ("/admin/help/..%2fusers", ["admin"]),
        ("/admin/helpers", ["admin"]),
        ("/ADMIN/HELP/x", []),
        ("/admin/logo.png", []),
        ("/admin/logo", ["admin"]),
        ("/admin/logo.png/users", ["admin"]),
    ],
)
def test_an_exception_holds_only_where_every_reading_in_the_route_is_in_it(path: str, names: list[str]) -> None:
    assert matched(f"GET {path}") == names


def test_a_path_with_too_many_readings_is_the_path_of_every_route() -> None:
    asked = request("GET /x?action=delete&do=profile")
    found = [each.name for each in TABLE.match(asked, ANYTHING).routes]
    assert found == ["delete-account", "admin", "invoice", "legacy", "query"]


@pytest.mark.parametrize(
    ("line", "headers"),
    [
        ("POST /api/keys/5?_method=DELETE", {}),
        ("GET /api/keys/5?_method=delete", {}),
        ("POST /api/keys/5", {"X_HTTP_Method_Override": "DELETE"}),
        ("POST /api/keys/5", {"x_http_method": "delete"}),
        ("GET /api/keys/5", {"X_Method_Override": "PATCH, Delete "}),
        ("DELETE /api/keys/5?_method=GET", {}),
    ],
)
def test_a_method_is_judged_as_sent_and_as_overridden(line: str, headers: dict[str, str]) -> None:
    assert matched(line, **headers) == ["revoke"]


@pytest.mark.parametrize(
    ("content_type", "body", "names"),
    [
        (FORM, b"_method=DELETE", ["revoke"]),
        (FORM, b"_method=patch&_METHOD=delete", ["revoke"]),
        (FORM, b"_method=PATCH", []),
        (FORM, None, ["revoke"]),
        ("application/json", b'{"_method": "delete"}', ["revoke"]),
        ("application/json", b"{", ["revoke"]),
        ("application/octet-stream", b"_method=DELETE", []),
        ("application/octet-stream", None, []),
        ("text/plain", b"_method=DELETE", []),
        (None, b"_method=DELETE", []),
    ],
)
def test_a_method_may_hide_in_the_body(content_type: str | None, body: bytes | None, names: list[str]) -> None:
    assert matched("POST /api/keys/5", body, content_type=content_type) == names


@pytest.mark.parametrize(
    ("line", "content_type", "body", "names"),
    [
        ("POST /index.php", FORM, b"action=delete", ["legacy"]),
        ("POST /index.php", FORM, b"action=view", []),
        ("POST /index.php?action=view", FORM, b"action=delete", ["legacy"]),
        ("POST /index.php?action=delete", FORM, b"action=view", ["legacy"]),
        ("POST /index.php", FORM, None, ["legacy"]),
        ("POST /index.php", "application/octet-stream", b"x", ["legacy"]),
        ("POST /index.php", None, b"action=view", ["legacy"]),
        ("POST /api/do", "application/json", b'{"action": "delete"}', ["json"]),
        ("POST /api/do", "application/json", b'{"action": "view"}', []),
        ("POST /api/do", FORM, b"action=view", []),
        ("POST /api/do", FORM, b"action=delete", ["json"]),
        ("POST /api/do", "text/xml", b"<a/>", ["json"]),
        ("POST /rpc", None, b"x", []),
    ],
)
def test_what_stands_in_the_body_decides_and_what_cannot_be_read_is_a_match(
    line: str, content_type: str | None, body: bytes | None, names: list[str]
) -> None:
    assert matched(line, body, content_type=content_type) == names


def test_a_chunked_body_is_a_body() -> None:
    asked = request("POST /index.php", content_type=FORM, Transfer_Encoding="chunked")
    match = TABLE.match(asked, readings(asked.path))
    assert [each.name for each in match.undecided] == ["legacy"]
    assert [each.name for each in TABLE.settle(match, asked, b"action=delete")] == ["legacy"]
    assert TABLE.settle(match, asked, b"") == ()


def test_a_header_is_found_under_every_name_that_folds_to_it() -> None:
    assert matched("POST /rpc", X_Action="Delete") == ["header"]
    assert matched("POST /rpc", X_Action="view, delete") == ["header"]
    assert matched("POST /rpc", X_Action="deleted") == []


def test_every_route_that_matches_is_found_in_the_order_of_the_table() -> None:
    table = RouteTable([route("b", "/x/**"), route("a", "/x/y"), route("c", "/**"), route("d", "/z")])
    assert [each.name for each in table.match(request("GET /x/y"), readings(b"/x/y")).routes] == ["b", "a", "c"]


def test_settling_keeps_what_was_certain() -> None:
    table = RouteTable([route("form", "/x", condition("form", "a", "1")), route("all", "/x")])
    asked = request("POST /x", b"a=1", content_type=FORM)
    match = table.match(asked, readings(b"/x"))
    assert [each.name for each in match.routes] == ["all"]
    assert [each.name for each in table.settle(match, asked, b"a=1")] == ["form", "all"]
    assert [each.name for each in table.settle(match, asked, b"a=2")] == ["all"]


def test_a_bad_pattern_is_refused_when_the_table_is_made() -> None:
    with pytest.raises(ValueError, match="begins with"):
        RouteTable([route("x", "admin")])
    with pytest.raises(ValueError, match="begins with"):
        RouteTable([route("x", "/admin", excepts=("help",))])


def test_an_open_path_costs_the_same_beside_ten_thousand_routes() -> None:
    def seconds(count: int) -> float:
        table = RouteTable([route(f"r{number}", f"/area{number}/{{id}}") for number in range(count)])
        asked, seen = request("GET /notes/2024/edit"), readings(b"/notes/2024/edit")
        assert table.match(asked, seen) is NONE
        return cost(lambda: [table.match(asked, seen) for _ in range(2000)])

    assert seconds(10_000) < 5 * seconds(10)


@pytest.mark.parametrize(
    ("routes", "warned"),
    [
        ([route("a", "/admin/**", excepts=("/admin/**",))], [("a", "never matches")]),
        ([route("a", "/admin/x", excepts=("/**",))], [("a", "never matches")]),
        ([route("a", "/admin/**", excepts=("/admin/help/**",))], []),
        ([route("a", "/admin/**", excepts=("/admin/*.png",))], [("a", "takes nothing out")]),
        ([route("a", "/x"), route("b", "/X/")], [("b", 'as "a"')]),
        ([route("a", "/x"), route("b", "/x", methods={"POST"})], []),
        ([route("a", "/x", condition("json", "a"), condition("form", "b"))], [("a", "never both")]),
        ([route("a", "/x", condition("form", "a"), methods={"GET"})], [("a", "body of GET")]),
        ([route("a", "/x", condition("query_or_form", "a"), methods={"GET"})], []),
        ([route("a", "/x", methods={"GET"})], [("a", "leave methods out")]),
        ([route("a", "/x", methods={"GET", "POST"})], []),
        ([route("a", "/account/:id")], [("a", "write {id}")]),
        ([route("a", "/account/<id>/x")], [("a", "taken literally")]),
        ([route("a", "/account/delete$")], [("a", "taken literally")]),
        ([route("a", "/account/{id}")], []),
    ],
)
def test_routes_that_do_nothing_are_told_of(routes: list[Route], warned: list[tuple[str, str]]) -> None:
    found = list(warnings(routes))
    assert [name for name, _ in found] == [name for name, _ in warned]
    assert all(hint in text for (_, text), (_, hint) in zip(found, warned, strict=True))


def test_what_is_remembered_of_a_path_decides_for_no_other_request() -> None:
    table = RouteTable(ROUTES)
    lines = [
        "POST /account/email",
        "GET /account/email",
        "GET /account/delete",
        "GET /old?do=profile",
        "GET /old",
        "GET /",
    ]
    first = [table.match(request(line), readings(request(line).path)) for line in lines]
    for _ in range(3):
        assert [table.match(request(line), readings(request(line).path)) for line in lines] == first
    assert [[each.name for each in match.routes] for match in first] == [
        ["change-email"], [], ["delete-account"], ["query"], [], []
    ]  # fmt: skip
    assert table.match(request("GET /none"), readings(b"/none")) is NONE


def test_no_more_is_remembered_of_paths_than_clients_may_fill() -> None:
    table = RouteTable(ROUTES)
    for number in range(2 * MANY):
        table.match(request("GET /"), frozenset({f"/{number}"}))
    table.match(request("GET /"), frozenset({"/a", "/" + "b" * LONGEST}))
    table.match(request("GET /"), frozenset(f"/{number}-a" for number in range(FEW + 1)))
    known = table._known.cache_info()
    assert known.currsize == MANY and known.misses == 2 * MANY
