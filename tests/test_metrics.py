"""Metrics of running gateways, of one worker and of two: the numbers add up, and say nothing that is a secret."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect
from websockets.sync.server import serve
from websockets.typing import Origin

from gateway.metrics.names import METRICS
from gateway.policy.facts import Reason
from tests.journeys.ageing import STALE, STATE, older, signed_in
from tests.journeys.conftest import ROUTES, holding
from tests.support.echo import Echo
from tests.support.processes import PEOPLE, Gateway, add_people, free_port, launch, wait_for, write_config
from tests.support.scraping import Scrape, scraped, status
from tests.support.visitor import Visitor

PASSWORD, EMAIL = PEOPLE["alice"], "somebody-new@example.test"
NAMES = {"", "change-email", "delete-account", "admin", "slow", "vault"}


@dataclass
class Watched:
    """A gateway, and where its metrics are."""

    gate: Gateway
    admin: int

    @property
    def workers(self) -> list[int]:
        """Their pids; of a single worker, that of the gateway."""
        pid = self.gate.program.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        spawned = [int(child) for child in children if b"multiprocessing.spawn" in command(int(child))]
        return spawned or [pid]

    def scraped(self, name: str, value: float, **labels: str) -> Scrape:
        """The first scrape that has it."""
        return scraped(self.admin, lambda found: found(name, **labels) == value)

    def probe(self) -> int:
        """Of readyz."""
        with Visitor(self.gate.url) as visitor:
            return visitor.http.get("/.gateway/readyz").status_code


def command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


@contextmanager
def serving(folder: Path, upstream: str, workers: int, *, people: bool = False) -> Iterator[Watched]:
    """A gateway whose metrics are complete, until the end of the block; Alice has a password if there are `people`."""
    port, admin = free_port(), free_port()
    write_config(folder, port, f'[admin]\nlisten = "127.0.0.1:{admin}"\n{ROUTES.format(upstream=upstream)}')
    add_people(folder, {"alice": PASSWORD} if people else {})
    config = ["--workers", str(workers), "--config", str(folder / "routes.toml")]
    (folder / "tmp").mkdir()
    program = launch([sys.executable, "-m", "gateway", "serve", *config], folder, env={"TMPDIR": str(folder / "tmp")})
    try:
        wait_for(program, port, "/.gateway/healthz")
        scraped(admin, lambda found: found("workers") == workers and found("store_up") == 2)
        yield Watched(Gateway(folder, port, program), admin)
    finally:
        program.stop()


@pytest.fixture(scope="module")
def app() -> Iterator[Echo]:
    with Echo() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def single(app: Echo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """For tests that do not mind what others counted before."""
    with serving(tmp_path_factory.mktemp("single"), app.url, 1, people=True) as found:
        yield found


@pytest.fixture(scope="module")
def pair(app: Echo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """The same, of two workers."""
    with serving(tmp_path_factory.mktemp("pair"), app.url, 2) as found:
        yield found


def confirmed(gate: Gateway) -> None:
    """Alice's proof is stale; she mistypes her password once, and then her request goes through."""
    with holding(gate, signed_in(gate.folder, "alice", ago=STALE)) as alice:
        alice.go("POST", f"/account/email?token={PASSWORD.replace(' ', '')}", data={"email": EMAIL})
        alice.confirm("wrong")
        assert alice.confirm(PASSWORD).json()["method"] == "POST"


@pytest.mark.parametrize("workers", [1, 2])
def test_the_numbers_of_a_story_add_up(workers: int, app: Echo, tmp_path: Path) -> None:
    with serving(tmp_path, app.url, workers, people=True) as watched:
        story(watched)


def story(watched: Watched) -> None:
    gate = watched.gate
    with Visitor(gate.url) as stranger:
        for _ in range(20):
            stranger.http.get("/static/notes.css", headers={"connection": "close"})
        stranger.request("GET", "/")
        stranger.http.get("/", headers={"host": "elsewhere.example"})
        stranger.sign_in("alice", "wrong")
    confirmed(gate)
    older(gate.folder)
    with holding(gate, signed_in(gate.folder, "alice", ago=STALE)) as alice:
        alice.go("POST", "/account/email", content=b"a=" + bytes(70_000))
        assert alice.fetch("POST", "/admin/users").status_code == 401
        alice.go("POST", "/account/email", data={"email": EMAIL})
        found = watched.scraped("held_requests", 1)
        assert found("held_bytes") > 0
        alice.request("POST", alice.page.url.path + "/cancel", data=alice.hidden())
        alice.get("/.gateway/signout")
        alice.submit("/.gateway/signout", {})
    found = watched.scraped("sessions_ended_total", 1, reason="signed-out")

    assert found("decisions_total", app="notes", route="", reason="open") == 20
    assert found("decisions_total", app="notes", route="", reason="anonymous") == 1
    assert found("decisions_total", app="", route="", reason="unknown-host") == 1
    assert found("decisions_total", app="notes", route="change-email", reason="stale") == 3
    assert found("decisions_total", app="notes", route="change-email", reason="fresh") == 1
    assert found("decisions_total", app="notes", route="admin", reason="stale") == 1
    assert found("sign_ins_total", app="notes", outcome="wrong") == 1
    assert found("confirms_total", app="notes", verifier="password", outcome="wrong") == 1
    assert found("confirms_total", app="notes", verifier="password", outcome="confirmed") == 1
    assert found("confirms_total", app="notes", outcome="cancelled") == 1
    assert found("holds_total", app="notes", outcome="held") == 2
    assert found("holds_total", app="notes", outcome="too-large") == 1
    assert found("resumes_total", app="notes", outcome="resumed") == 1
    assert found("upstream_seconds_count", app="notes") == 21
    assert found("store_seconds_count", store="state") > 0
    assert found("store_errors_total") == 0
    assert found("config_last_reload_successful") == 1
    assert time.time() - 100 < found("config_last_reload_success_timestamp_seconds") <= time.time()
    assert found("workers_resident_bytes") > 10_000_000 * len(watched.workers)
    watched.scraped("held_requests", 0)


def test_no_secret_and_nothing_out_of_a_request_is_in_a_metric(single: Watched) -> None:
    gate = single.gate
    confirmed(gate)
    with Visitor(gate.url) as visitor:
        visitor.http.get("/static/a-path-of-its-own", headers={"user-agent": "an-agent", "x-request-id": "an-id"})
        visitor.sign_in("mallory", "hunter2-hunter2")
        visitor.get("/.gateway/signin")
        fields = {"way": "my-password-in-the-wrong-field", "password": PASSWORD}
        visitor.submit("/.gateway/confirm/some-id", fields)
    single.scraped("sign_ins_total", 1, outcome="wrong")
    found = single.scraped("decisions_total", 1, route="change-email", reason="fresh")
    said = (PASSWORD.split()[0], "hunter2", "mallory", "alice", EMAIL, "path-of", "an-agent", "an-id", "my-password")
    assert [each for each in said if each in found.text] == []
    assert "127.0.0.1" not in found.text and "localhost" not in found.text
    assert found.values("route") <= NAMES
    assert found.values("app") <= {"", "notes"}
    assert found.values("reason") <= set(Reason)
    assert found.values("verifier") <= {"", "password"}


def test_all_metrics_are_there_whether_anybody_came_or_not(single: Watched, pair: Watched) -> None:
    one, both = Scrape(single.admin), Scrape(pair.admin)
    assert set(METRICS) <= one.names and set(METRICS) <= both.names
    assert "process_resident_memory_bytes" in one.names and "process_resident_memory_bytes" not in both.names
    assert one("build_info", version=metadata.version("stepup-gateway")) == 1


def test_nothing_but_metrics_is_answered_there_and_no_metrics_elsewhere(single: Watched) -> None:
    assert [status(single.admin, path) for path in ("/", "/metrics")] == [200, 200]
    assert [status(single.admin, path) for path in ("/x", "/metrics/", "/.gateway/healthz")] == [404] * 3
    assert status(single.admin, "/metrics", "POST") == 405
    with socket.create_connection(("127.0.0.1", single.admin)):  # says nothing, and keeps nobody waiting
        assert status(single.admin, "/metrics") == 200
    with Visitor(single.gate.url) as visitor:
        visitor.http.get("/static/../metrics")
        assert "gateway_" not in visitor.http.get("/metrics").text


def test_connections_and_websockets_are_counted_while_they_are_open(tmp_path: Path) -> None:
    with serve(lambda socket: socket.recv(), "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            with serving(tmp_path, f"http://127.0.0.1:{server.socket.getsockname()[1]}", 1) as watched:
                cookie = {"Cookie": f"gateway_session={signed_in(watched.gate.folder, 'alice')}"}
                address = f"ws://localhost:{watched.gate.port}/ws"
                with connect(address, additional_headers=cookie, origin=Origin(watched.gate.url)):
                    assert watched.scraped("websockets", 1)("connections") == 1
                assert watched.scraped("websockets", 0)("connections") == 0
        finally:
            server.shutdown()
            thread.join()


def test_an_app_that_does_not_answer_is_counted_by_how(tmp_path: Path) -> None:
    with Echo() as app, serving(tmp_path, app.url, 1, people=True) as watched:
        with holding(watched.gate, signed_in(watched.gate.folder, "alice")) as alice:
            assert alice.http.get("/close").status_code == 502
            with pytest.raises(httpx.RemoteProtocolError):
                alice.http.get("/half")
            watched.scraped("upstream_errors_total", 2, app="notes", kind="broken")
            file = watched.gate.folder / "routes.toml"
            file.write_text(file.read_text().replace(app.url, f"http://127.0.0.1:{free_port()}"))
            watched.gate.program.signal(signal.SIGHUP)
            watched.scraped("config_reloads_total", 1, outcome="good")
            assert alice.http.get("/").status_code == 502
            found = watched.scraped("upstream_errors_total", 1, app="notes", kind="unreachable")
        assert found("upstream_errors_total", app="notes", kind="broken") == 2
        assert found("decisions_total", app="notes", route="", reason="upstream") == 2
        with holding(watched.gate, signed_in(watched.gate.folder, "alice", ago=STALE)) as alice:
            alice.go("POST", "/account/email", data={"email": EMAIL})
            assert alice.confirm(PASSWORD).status_code == 502
        watched.scraped("resumes_total", 1, app="notes", outcome="unsent-kept")
        watched.scraped("held_requests", 1)


def test_a_store_that_is_gone_is_down_and_comes_back(pair: Watched) -> None:
    state = pair.gate.folder / STATE
    state.rename(state.with_suffix(".away"))
    found = pair.scraped("store_up", 0, store="state")
    assert pair.probe() == 503
    assert found("store_up", store="directory") == 1
    assert found("store_errors_total", store="state") > 0
    scraped(pair.admin, lambda each: ("gateway_held_requests", frozenset()) not in each.series)
    state.with_suffix(".away").rename(state)
    pair.scraped("store_up", 1, store="state")
    assert pair.probe() == 200


def test_a_reload_is_counted_and_a_bad_one_shows(pair: Watched) -> None:
    workers = 2
    file = pair.gate.folder / "routes.toml"
    good = file.read_text()
    before = Scrape(pair.admin)("config_last_reload_success_timestamp_seconds")
    file.write_text("nonsense = ")
    pair.gate.program.signal(signal.SIGHUP)
    found = pair.scraped("config_reloads_total", workers, outcome="bad")
    assert found("config_last_reload_successful") == 0
    assert found("config_last_reload_success_timestamp_seconds") == before
    file.write_text(good.replace(f"127.0.0.1:{pair.admin}", f"127.0.0.1:{free_port()}"))
    pair.gate.program.signal(signal.SIGHUP)
    found = pair.scraped("config_reloads_total", workers, outcome="good")
    assert found("config_last_reload_successful") == 1
    assert found("config_last_reload_success_timestamp_seconds") > before
    kept = f"metrics are still at 127.0.0.1:{pair.admin}: another address needs a restart"
    assert kept in pair.gate.program.err.read_text()


def test_what_a_worker_had_counted_stands_after_it_was_killed(pair: Watched) -> None:
    before = Scrape(pair.admin)("decisions_total", reason="open")
    for _ in range(10):
        get(pair)
    pair.scraped("decisions_total", before + 10, reason="open")
    killed = pair.workers[0]
    os.kill(killed, signal.SIGKILL)
    found = scraped(pair.admin, partial(restarted, pair, killed))
    assert found("decisions_total", reason="open") == before + 10
    get(pair)
    pair.scraped("decisions_total", before + 11, reason="open")


def get(pair: Watched) -> None:
    """On a connection of its own, so that any worker may answer."""
    with Visitor(pair.gate.url) as visitor:
        assert visitor.http.get("/static/x").status_code == 200


def restarted(pair: Watched, killed: int, found: Scrape) -> bool:
    """Another one does its work."""
    return killed not in pair.workers and found("workers") == 2 and found("store_up") == 2


def test_nothing_is_left_behind_at_the_end(app: Echo, tmp_path: Path) -> None:
    with serving(tmp_path, app.url, 2) as watched:
        assert len(list((tmp_path / "tmp").iterdir())) == 1
        assert watched.gate.program.stop() == 0
        assert list((tmp_path / "tmp").iterdir()) == []
        with pytest.raises(ConnectionRefusedError):
            status(watched.admin, "/metrics")


def test_an_address_that_is_taken_is_said_at_the_start(single: Watched, tmp_path: Path) -> None:
    folder = tmp_path / "second"
    write_config(
        folder, free_port(), f'[admin]\nlisten = "127.0.0.1:{single.admin}"\n{ROUTES.format(upstream="http://h")}'
    )
    program = launch([sys.executable, "-m", "gateway", "serve", "--config", str(folder / "routes.toml")], folder)
    assert program.process.wait(20) == 1
    assert f"gateway: cannot listen on 127.0.0.1:{single.admin}: Address already in use" in program.err.read_text()


def test_without_an_address_nothing_is_answered_and_nothing_written(app: Echo, tmp_path: Path) -> None:
    port, tmp = free_port(), tmp_path / "tmp"
    tmp.mkdir()
    write_config(tmp_path, port, ROUTES.format(upstream=app.url))
    command = [sys.executable, "-m", "gateway", "serve", "--config", str(tmp_path / "routes.toml")]
    program = launch(command, tmp_path, env={"TMPDIR": str(tmp), "GATEWAY_METRICS": str(tmp)})
    try:
        wait_for(program, port, "/.gateway/healthz")
        time.sleep(1.5)
        assert "metrics" not in program.err.read_text()
        assert list(tmp.iterdir()) == []
    finally:
        program.stop()
