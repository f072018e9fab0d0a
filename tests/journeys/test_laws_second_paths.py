"""The same things by the other way: a restart or a reload in between, older HTTP, other methods, other hours."""

from __future__ import annotations

import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.journeys.ageing import STALE, older, signed_in
from tests.journeys.conftest import ROUTES, holding
from tests.support.echo import Echo
from tests.support.processes import PEOPLE, Gateway, gateway
from tests.support.raw import Raw
from tests.support.visitor import Visitor

PASSWORD = PEOPLE["alice"]


@pytest.fixture(scope="module")
def changing(app: Echo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway that is restarted and reloaded. Everything is open but what is sensitive."""
    routes = ROUTES.format(upstream=app.url).replace("/static/**", "/**")
    with gateway(tmp_path_factory.mktemp("changing"), routes, people={"alice": PASSWORD}) as started:
        yield started


def sent(gate: Gateway, token: str, head: str, body: bytes = b"") -> Raw:
    raw = Raw(gate.port)
    cookie = f"Host: localhost:{gate.port}\r\nCookie: gateway_session={token}"
    raw.send(f"{head}\r\n{cookie}\r\n\r\n".encode() + body)
    return raw


def test_what_is_held_outlives_a_restart_and_goes_through_once(changing: Gateway, app: Echo) -> None:
    with holding(changing, signed_in(changing.folder, "alice", ago=STALE)) as alice:
        alice.go("POST", "/account/email", data={"email": "restart@b.test"})
        form = {**alice.hidden(), "way": "password", "password": PASSWORD}
        changing.restart()
        answer = alice.request("POST", alice.page.url.path, data=form)
        assert answer.is_redirect, answer.text
        location = answer.headers["location"]
        changing.restart()
        assert alice.request("GET", location).json()["method"] == "POST"
        assert alice.request("GET", location).json()["method"] == "GET"
    assert len([seen for seen in app.seen if b"restart" in seen.body]) == 1


def test_a_route_that_appears_in_a_reload_is_asked_for_at_once(changing: Gateway, app: Echo) -> None:
    file: Path = changing.folder / "routes.toml"
    before = file.read_text()
    with holding(changing, signed_in(changing.folder, "alice", ago=STALE)) as alice:
        assert alice.fetch("GET", "/reports/1").status_code == 200
        alice.go("POST", "/account/email", data={"email": "reload@b.test"})
        route = '\n  [[app.route]]\n  name = "reports"\n  action = "Read the reports"\n  path = "/reports/**"\n'
        file.write_text(before + route)
        changing.program.signal(signal.SIGHUP)
        deadline = time.monotonic() + 10
        while alice.fetch("GET", "/reports/1").status_code == 200 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert alice.fetch("GET", "/reports/1").status_code == 401
        file.write_text(before + "nonsense = [")
        changing.program.signal(signal.SIGHUP)
        time.sleep(0.5)
        assert alice.fetch("GET", "/reports/1").status_code == 401
        assert alice.confirm(PASSWORD).json()["method"] == "POST"


def test_where_everything_is_public_the_account_is_not(changing: Gateway) -> None:
    with Visitor(changing.url) as stranger:
        assert stranger.fetch("GET", "/notes").status_code == 200
        assert stranger.request("GET", "/.gateway/account").headers["location"].startswith("/.gateway/signin")
        for path in ("stepdown", "password", "totp", "nothing"):
            assert stranger.request("POST", f"/.gateway/account/{path}", data={}).status_code in {303, 401, 403}


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_client_that_waits_for_100_is_asked_before_it_sends(gate: Gateway, alice: Visitor, version: str) -> None:
    token = alice.http.cookies["gateway_session"]
    older(gate.folder)
    head = f"POST /account/email HTTP/{version}\r\nExpect: 100-continue\r\nContent-Length: 5000000"
    with sent(gate, token, head) as raw:
        assert raw.answer().status == 401


def test_requests_on_one_connection_are_decided_one_by_one(gate: Gateway, alice: Visitor, app: Echo) -> None:
    token, before = alice.http.cookies["gateway_session"], len(app.seen)
    older(gate.folder)
    with sent(gate, token, "GET /notes HTTP/1.1") as raw:
        assert raw.answer().status == 200
        for path, status in (("/admin/", 401), ("/notes/2", 200), ("/.gateway/nothing", 404), ("/admin/", 401)):
            cookie = f"Host: localhost:{gate.port}\r\nCookie: gateway_session={token}"
            raw.send(f"GET {path} HTTP/1.1\r\n{cookie}\r\n\r\n".encode())
            assert raw.answer().status == status
    assert app.paths()[before:] == ["/notes", "/notes/2"]


@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "PATCH", "DELETE", "PROPFIND"])
@pytest.mark.parametrize("page", ["signin", "signout", "account", "account/password", "confirm/x", "static/style.css"])
def test_a_hosted_page_knows_two_methods_and_no_app_sees_the_others(
    gate: Gateway, alice: Visitor, app: Echo, page: str, method: str
) -> None:
    before = len(app.seen)
    answer = alice.request(method, f"/.gateway/{page}")
    assert answer.status_code in {403, 405}
    assert "access-control-allow-origin" not in answer.headers
    assert len(app.seen) == before


@pytest.mark.parametrize("page", ["signin?lost=1", "signout", "account", "account/totp", "nothing", "static/icon.svg"])
def test_head_says_what_get_would_and_has_no_body(gate: Gateway, alice: Visitor, page: str) -> None:
    said = alice.request("HEAD", f"/.gateway/{page}")
    assert said.content == b""
    assert alice.request("GET", f"/.gateway/{page}").status_code == said.status_code


def test_a_held_request_is_forgotten_when_its_time_is_over(gate: Gateway, alice: Visitor, app: Echo) -> None:
    older(gate.folder)
    before = len(app.seen)
    alice.go("POST", "/account/email", data={"email": "late@b.test"})
    page, form = alice.page.url.path, {**alice.hidden(), "way": "password", "password": PASSWORD}
    forget(gate)
    assert alice.request("POST", page, data=form).status_code == 404
    assert alice.fetch("GET", "/admin/").status_code == 401
    assert all(b"late" not in seen.body for seen in app.seen[before:])


def forget(gate: Gateway) -> None:
    """Everything that waits has waited for too long."""
    with closing(sqlite3.connect(gate.folder / "gateway-state.db", timeout=10)) as db, db:
        db.execute("UPDATE confirmations SET expires_at = 1")
