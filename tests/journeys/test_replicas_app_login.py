"""Replicas before an app that keeps its own login: they agree on whose session it is, and open one."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.support.ledger import LOGIN, ROUTES, WHOAMI, Ledger, ledger
from tests.support.replicas import STORES, Browser, Replicas, replicas

APP = """
[[app]]
name = "ledger"
upstream = "{upstream}"
signin = "app"
"""


@pytest.fixture(scope="module")
def book() -> Iterator[Ledger]:
    with ledger() as started:
        yield started


@pytest.fixture(scope="module", params=STORES)
def pair(book: Ledger, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Replicas]:
    folder = tmp_path_factory.mktemp("pair")
    book.deeds.clear()
    routes = APP.format(upstream=book.url) + LOGIN + WHOAMI + ROUTES
    with replicas(folder, routes, count=2, workers=2, stores=STORES[request.param](folder, request)) as started:
        yield started


def at_the_app(front: Replicas, book: Ledger, name: str) -> Browser:
    """Somebody the app knows and the gateway does not."""
    browser = front.browser()
    browser.http.cookies.set("sid", book.sign_in_directly(name), domain="localhost.local", path="/")
    return browser


def test_the_calls_of_one_page_get_one_session_whichever_workers_they_reach(pair: Replicas, book: Ledger) -> None:
    with at_the_app(pair, book, "ann") as page:
        sid = page.http.cookies["sid"]

        def call(number: int) -> httpx.Response:
            with pair.browser() as caller:
                caller.http.cookies.set("sid", sid, domain="localhost.local", path="/")
                return caller.at(number % 2).fetch("POST", "/api/keys")

        with ThreadPoolExecutor(12) as pool:
            calls = list(pool.map(call, range(12)))
        assert {each.status_code for each in calls} == {401}
        given = {each.cookies["gateway_session"] for each in calls}
        assert len(given) == 1
        assert pair.cli("sessions", "list", "ledger:ann").count("ledger:ann") <= 2  # the title, and one line
        page.http.cookies.update(calls[0].cookies)
        page.at(0).get(calls[0].json()["confirm_url"].removeprefix(pair.url))
        assert page.at(1).answer_only(way="password", username="ann", password=book.passwords["ann"]).is_redirect
        assert {page.at(at % 2).fetch("POST", "/api/keys").status_code for at in range(6)} == {200}


def test_a_sign_in_to_the_app_seen_by_one_counts_at_the_other_and_so_does_the_sign_out(
    pair: Replicas, book: Ledger
) -> None:
    with pair.browser() as browser:
        browser.at(0).get("/login")
        browser.at(1).submit("/login", {"user": "bob", "pass": book.passwords["bob"]})
        assert browser.at(0).fetch("POST", "/email", data={"email": "b@b.test"}).status_code == 200
        with browser.again() as thief:
            browser.at(1).submit("/logout", {})
            assert {thief.at(at % 2).fetch("POST", "/email", data={"email": "x"}).status_code for at in range(4)} == {
                401
            }
    assert book.did("bob") == ["email b@b.test"]
