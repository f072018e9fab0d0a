"""Two workers that share their state in Redis, through its absence, its silence and its return."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.journeys.conftest import ROUTES, SESSION, holding
from tests.support.echo import Echo
from tests.support.processes import PEOPLE, Gateway, add_people, free_port, launch, wait_for, write_config
from tests.support.redis_servers import Server, server
from tests.support.visitor import Visitor

PASSWORD = PEOPLE["alice"]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with server(tmp_path_factory.mktemp("kept")) as started:
        yield started


@pytest.fixture(scope="module")
def gate(app: Echo, kept: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Started while there is no Redis, which comes later."""
    folder, port = tmp_path_factory.mktemp("workers"), free_port()
    write_config(folder, port, ROUTES.format(upstream=app.url), state=f"redis://{kept.place}")
    add_people(folder, {"alice": PASSWORD})
    kept.kill()
    command = [sys.executable, "-m", "gateway", "serve", "--workers", "2", "--config", str(folder / "routes.toml")]
    program = launch(command, folder)
    try:
        wait_for(program, port, "/.gateway/healthz")
        started = Gateway(folder, port, program)
        assert get(started, "/.gateway/readyz") == 503
        assert get(started, "/static/a") == 200
        with Visitor(started.url) as visitor:
            assert visitor.sign_in("alice", PASSWORD).status_code == 503
        kept.start()
        until(lambda: all(get(started, "/.gateway/readyz") == 200 for _ in range(20)))
        yield started
        assert program.stop() == 0
        assert "Traceback" not in program.output()
    finally:
        program.stop()


def get(gate: Gateway, path: str) -> int:
    """On a connection of its own: any of the workers may answer."""
    return httpx.get(gate.url + path, timeout=10).status_code


def until(reached: Callable[[], bool], within: float = 15.0) -> None:
    deadline = time.monotonic() + within
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def signed_in(gate: Gateway) -> str:
    with Visitor(gate.url) as alice:
        answer = alice.sign_in("alice", PASSWORD)
        assert SESSION in alice.http.cookies, (answer, answer.text, gate.program.output())
        return str(alice.http.cookies[SESSION])


def test_what_one_worker_keeps_another_one_sends_once(gate: Gateway, app: Echo) -> None:
    for n in range(8):
        with Visitor(gate.url) as first:
            first.sign_in("alice", PASSWORD)
            first.go("POST", "/account/delete", data={"number": f"held {n}"})
            page, form, cookies = first.page.url.path, first.hidden(), dict(first.http.cookies)
        with Visitor(gate.url) as second:
            for name, value in cookies.items():
                second.http.cookies.set(name, value, domain="localhost.local")
            done = second.go("POST", page, data={**form, "way": "password", "password": PASSWORD})
            assert done.status_code == 200 and done.json()["method"] == "POST"
        assert len([seen for seen in app.seen if f"held+{n}".encode() in seen.body]) == 1


def test_who_is_signed_out_by_an_operator_is_signed_out_at_every_worker(gate: Gateway) -> None:
    with holding(gate, signed_in(gate)) as alice:
        assert alice.request("GET", "/").status_code == 200
        listed = gate.cli("sessions", "list")
        assert listed.returncode == 0 and "alice" in listed.stdout, listed.stderr
        assert gate.cli("sessions", "revoke", "alice").returncode == 0
        token = alice.http.cookies[SESSION]
    for _ in range(8):
        with holding(gate, token) as again:
            assert again.request("GET", "/admin/").is_redirect
            until(lambda again=again: again.request("GET", "/").is_redirect, 2.0)  # type: ignore[misc]


def test_while_it_says_nothing_what_needs_it_is_refused_in_time_and_goes_on_afterwards(
    gate: Gateway, kept: Server
) -> None:
    def told(what: str) -> int:
        return gate.program.err.read_text().count(what)

    with holding(gate, signed_in(gate)) as alice:
        assert alice.request("GET", "/admin/").status_code == 200
        until(lambda: told("cannot be relied on") == told("can be relied on again"))
        before = told("cannot be relied on")
        kept.pause()
        try:
            began = time.monotonic()
            assert alice.request("GET", "/admin/").status_code == 503
            assert time.monotonic() - began < 6
            assert get(gate, "/static/a") == 200
            began = time.monotonic()
            refused = [alice.request("GET", "/admin/").status_code for _ in range(20)]
            assert refused == [503] * 20 and time.monotonic() - began < 15  # not 40
            until(lambda: told("cannot be relied on") == before + 2)
        finally:
            kept.go_on()
        until(lambda: alice.request("GET", "/admin/").status_code == 200)
        until(lambda: told("can be relied on again") == before + 2)


def test_after_a_reload_it_is_used_and_heard_as_before(gate: Gateway) -> None:
    token = signed_in(gate)
    file = gate.folder / "routes.toml"
    file.write_text(file.read_text().replace("Open the vault", "Open the safe"))
    gate.program.signal(signal.SIGHUP)
    until(lambda: gate.program.err.read_text().count("reloaded") == 2)
    with holding(gate, token) as alice:
        assert alice.request("GET", "/admin/").status_code == 200
    test_who_is_signed_out_by_an_operator_is_signed_out_at_every_worker(gate)
