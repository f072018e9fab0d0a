"""phpMyAdmin runs statements for many routes, under any address, and for some that are spelled oddly: all are known.

Each spelling is tried on phpMyAdmin itself: it takes a table away.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import quote_plus

import pytest

from gateway.policy.facts import Route
from gateway.policy.routes import RouteTable
from tests.apps.phpmyadmin import PhpMyAdmin, sign_in_to_desk, token_of
from tests.apps.wire import FORM, MULTIPART, Sent, Wire, app_of, get, matched, post
from tests.support.visitor import Visitor

TOKEN = "THE-TOKEN"
RUNS = {"/sql", "/table/chart", "/table/gis-visualization"}
"""Of what is let off, the routes that run a statement: there it is looked at."""

DROP = "sql_query=DROP+TABLE+spare"


def form(target: str, *pairs: str) -> Sent:
    return post(target, "&".join((*pairs, "db=bob", f"token={TOKEN}")))


def parts(target: str, **fields: str) -> Sent:
    said = {**fields, "db": "bob", "token": TOKEN}
    head = '--b\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
    return post(target, "".join(head.format(*pair) for pair in said.items()) + "--b--\r\n", MULTIPART)


DROPPING = [
    form("/index.php?route=/sql", DROP),
    form("/index.php?route=/sql", "sql_query=drop+table+spare"),
    form("/index.php?route=/sql", "sql_query=%20DROP+TABLE+spare"),
    form("/index.php?route=/sql", "sql_query=/*SELECT+*/DROP+TABLE+spare"),
    form("/index.php?route=/sql", "sql_query=SELECT+1", DROP),
    form("/index.php?route=/sql", "bkm_fields[bkm_sql_query]=DROP+TABLE+spare", "sql_query=SELECT+1"),
    form("/index.php?route=/lint&route=/sql", DROP),
    form("/index.php?route=%2Fsql", DROP),
    form("/index.php?route=%252Fsql", DROP),
    form("/index.php?r%6fute=/sql", DROP),
    form("/index.php?db=bob&table=plants", DROP),
    form("/index.php", "route=/sql", DROP),
    form("/index.php", "route=%252Fsql", DROP),
    form("/?route=/sql", DROP),
    form("/index.php/any/thing?route=/sql", DROP),
    form("/any/thing?route=/sql", DROP),
    form("/x%3Froute=/lint", "route=/sql", DROP),
    parts("/index.php?route=/sql", sql_query="DROP TABLE spare"),
    parts("/index.php", route="/sql", sql_query="DROP TABLE spare"),
    parts("/index.php", route="%2Fsql", sql_query="DROP TABLE spare"),
    parts("/index.php", route="%2Fimport", sql_query="SELECT 1; DROP TABLE spare"),
    form("/index.php?route=/import", DROP),
    form("/index.php?route=/import", "sql_query=SELECT+1;+DROP+TABLE+spare"),
    form("/index.php?route=/import", "sql_query=SELECT+1%3B+DROP+TABLE+spare", "sql_delimiter=%3B"),
    form("/index.php", "route=/import", "sql_query=SELECT+1%3B+DROP+TABLE+spare"),
    form("/x%3Froute=/lint", "route=/import", "sql_query=SELECT+1%3B+DROP+TABLE+spare"),
    form("/index.php?ROUTE=/lint", "route=/import", "sql_query=SELECT+1%3B+DROP+TABLE+spare"),
    form("/index.php?route.=/lint", "route=/import", "sql_query=SELECT+1%3B+DROP+TABLE+spare"),
    form("/index.php?route=/database/multi-table-query/query", DROP),
    form("/index.php?route=/table/chart", "table=plants", DROP),
    form("/index.php?route=/table/gis-visualization", "table=plants", DROP),
    form("/index.php?route=/table/recent-favorite", "table=plants", DROP),
    form("/index.php?route=/database/structure/drop-table", "mult_btn=Yes", "selected[]=spare"),
    form("/index.php", "route=/database/structure/drop-table", "mult_btn=Yes", "selected[]=spare"),
]
CHANGING = [
    ("/server/databases/destroy", {"databases", "change"}),
    ("/server/databases/create", {"change"}),
    ("/database/structure/empty-table", {"tables", "change"}),
    ("/user-password", {"password", "change"}),
    ("/server/privileges", {"privileges", "change"}),
    ("/server/privileges/account-lock", {"privileges", "change"}),
    ("/server/user-groups", {"change"}),
    ("/server/variables/set/max_connections", {"change"}),
    ("/server/status/processes/kill/7", {"change"}),
    ("/export", {"export", "change"}),
    ("/schema-export", {"export", "change"}),
    ("/table/replace", {"change"}),
    ("/table/operations", {"change"}),
    ("/database/operations", {"change"}),
    ("/database/routines", {"change"}),
    ("/preferences/two-factor", {"change"}),
    ("/nobody/knows/this", {"change"}),
]
EVERY_DAY = [
    get("/"),
    get("/index.php?route=/sql&db=bob&table=plants"),
    get("/index.php?route=/sql&db=bob&table=plants&pos=25"),
    get("/index.php?route=/table/structure&db=bob&table=plants"),
    get("/index.php?route=/database/structure&db=bob"),
    get("/index.php?route=/database/export&db=bob"),
    form("/index.php?route=/", "pma_username=", "pma_password=", "route=/"),
    form("/index.php?route=/sql", "table=plants", "sql_query=SELECT+*+FROM+%60plants%60", "pos=25"),
    form(
        "/index.php?route=/sql", "table=plants", "sql_query=SELECT+*+FROM+%60plants%60+WHERE+name+LIKE+%27%25drop%25%27"
    ),
    form("/index.php?route=/sql", "table=plants", "sql_query=select%0D%0A+1"),
    form("/index.php?route=/sql", "sql_query=SHOW+TABLES"),
    form("/index.php?route=/navigation", "ajax_request=1"),
    form("/index.php?route=/database/structure/real-row-count", "ajax_request=1", "table=plants"),
    form("/index.php?route=/database/sql/autocomplete", "ajax_request=1"),
    form("/index.php?route=/lint", "ajax_request=1", DROP),
]


@pytest.fixture(scope="module")
def routes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Route]:
    app = app_of("phpmyadmin", tmp_path_factory.mktemp("phpmyadmin-table"))
    return {route.name: route for route in app.routes}


@pytest.fixture(scope="module")
def table(routes: dict[str, Route]) -> RouteTable:
    return RouteTable(routes.values())


@pytest.fixture(scope="module")
def bob(desk: PhpMyAdmin) -> Iterator[tuple[Wire, str]]:
    """His requests, and what phpMyAdmin's own check wants to find in them."""
    with Visitor(desk.url) as visitor:
        sign_in_to_desk(visitor, "bob")
        token = token_of(visitor)
        yield Wire(desk.port, "; ".join(f"{each.name}={each.value}" for each in visitor.http.cookies.jar)), token


def done(bob: tuple[Wire, str], sent: Sent) -> int:
    """Send it with the token in its place; the status of the answer."""
    wire, token = bob
    return wire.send(replace(sent, body=sent.body.replace(TOKEN.encode(), token.encode()))).status


@pytest.mark.parametrize("sent", DROPPING, ids=str)
def test_every_spelling_that_drops_a_table_is_asked_about(
    sent: Sent, table: RouteTable, desk: PhpMyAdmin, bob: tuple[Wire, str]
) -> None:
    desk.database.sql("create table if not exists spare (a int)", database="bob")
    done(bob, sent)
    assert "spare" not in desk.tables("bob")
    assert matched(table, sent)


@pytest.mark.parametrize(("route", "names"), CHANGING)
def test_what_changes_something_is_asked_about_for_what_it_is(route: str, names: set[str], table: RouteTable) -> None:
    assert matched(table, form(f"/index.php?route={route}")) == names
    assert matched(table, form("/", f"route={route}")) == names
    assert matched(table, post(f"/index.php?route={route}", "%", FORM)) == names


def test_who_may_do_what_is_not_shown_without_asking(table: RouteTable) -> None:
    assert matched(table, get("/index.php?route=/server/privileges&viewing_mode=server")) == {"privileges"}
    assert matched(table, get("/?export=1&route=%2Fserver%2Fprivileges&username=dora&hostname=x")) == {"privileges"}


@pytest.mark.parametrize("how", ["INTO OUTFILE '/tmp/x'", "into/**/dumpfile '/tmp/x'", "\nINTO\nOUTFILE\n'/tmp/x'"])
def test_a_statement_that_writes_a_file_is_asked_about(how: str, table: RouteTable) -> None:
    sent = form("/index.php?route=/sql", f"sql_query={quote_plus('SELECT 1 ' + how)}")
    assert matched(table, sent) == {"statement-into-file"}


@pytest.mark.parametrize("sent", EVERY_DAY, ids=str)
def test_looking_at_tables_is_left_alone(sent: Sent, table: RouteTable, bob: tuple[Wire, str]) -> None:
    assert done(bob, sent) == 200
    assert matched(table, sent) == set()


def test_what_is_let_off_runs_no_statement(
    routes: dict[str, Route], table: RouteTable, desk: PhpMyAdmin, bob: tuple[Wire, str]
) -> None:
    [others] = routes["change"].conditions
    let_off = {value.removeprefix("!") for value in others.values}
    assert let_off > RUNS
    plants = desk.plants("bob")
    desk.database.sql("create table if not exists spare (a int)", database="bob")
    for route in sorted(let_off - RUNS - {"/logout"}):
        sent = form(f"/index.php?route={route}", "table=plants", DROP, "selected[]=spare", "mult_btn=Yes")
        assert matched(table, sent) == set()
        done(bob, sent)
        assert "spare" in desk.tables("bob"), route
    assert desk.plants("bob") == plants
