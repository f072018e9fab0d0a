"""Which requests the express lane takes. What becomes of them is told in tests/journeys/test_express.py."""

from __future__ import annotations

import asyncio
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.assembly import Assembly
from gateway.audit import Audit
from gateway.config.load import load
from gateway.config.settings import Limits
from gateway.edge.express import Express, Known, Lane
from gateway.edge.gatekeeper import Taken, nothing
from gateway.edge.render import Renderer
from gateway.edge.upstream import Upstream
from gateway.edge.worker import Worker
from gateway.flows.sessions import key_of, new_token
from gateway.metrics.counts import Counts
from gateway.policy.facts import AuthEvent, Reason, Session
from gateway.sqlite.database import LOOK
from tests.journeys.attack import ROUTES
from tests.support.processes import write_config

APPS = (
    ROUTES.format(upstream="http://127.0.0.1:9000").replace(
        'name = "notes"', 'name = "notes"\npublic = ["/static/**"]', 1
    )
    + """
  [[app.route]]
  name = "vault"
  action = "Open the vault"
  path = "/vault/**"
  max_age = "0s"

[[app]]
name = "wiki"
host = "wiki.test"
upstream = "http://127.0.0.1:9001"
preset = "dokuwiki"

[[app]]
name = "scripted"
host = "scripted.test"
upstream = "http://127.0.0.1:9002"
public = ["/**"]
inject = true
"""
).replace('upstream = "http://127.0.0.1:9000"', 'host = "localhost"\nupstream = "http://127.0.0.1:9000"', 1)

HOST = (b"host", b"localhost")
SAME = (b"sec-fetch-site", b"same-origin")
WIRE: Any = object()


class Front:
    """An assembly, and people who signed in a moment ago and long ago."""

    def __init__(self, folder: Path) -> None:
        write_config(folder, 8000, APPS)
        settings = load(folder / "routes.toml", env=os.environ)
        self.counts = Counts()
        self.assembly = Assembly(settings, Audit(io.BytesIO()), Renderer(), self.counts, Worker(Limits(), 30))
        self.now = time.time()
        self.fresh, self.stale = self.cookie(0), self.cookie(1000)

    def cookie(self, ago: int) -> tuple[bytes, bytes]:
        token, now = new_token(), int(self.now)
        session = Session(
            token[:8].hex(), "notes", "alice", now - ago, now, (AuthEvent("password", now - ago, ("pwd",)),)
        )
        asyncio.run(self.assembly.state.sessions.create(key_of(token), session, keep_until=now + 9999))
        asyncio.run(self.assembly.sessions.recent(token, "notes", self.now))
        return b"cookie", b"gateway_session=" + token

    def knows(self, target: bytes, *fields: tuple[bytes, bytes], method: bytes = b"GET") -> Known | None:
        express: Express = self.assembly.express
        return express.know(method, target, list(fields), ("127.0.0.1", 5000), self.now, keep_alive=True)

    def takes(self, target: bytes, *fields: tuple[bytes, bytes], method: bytes = b"GET") -> bool:
        return self.takes_again(self.knows(target, *fields, method=method), target)

    def takes_again(self, known: Known | None, target: bytes, *, after: float = 0) -> bool:
        return known is not None and isinstance(known.express.lane(known, target, self.now + after), Lane)


@pytest.fixture
def front(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Front]:
    monkeypatch.setattr(Upstream, "reserve", lambda upstream, *, sure: WIRE)
    opened = Front(tmp_path)
    yield opened
    asyncio.run(opened.assembly.close())


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS"])
def test_it_takes_what_is_only_forwarded(front: Front, method: bytes) -> None:
    assert front.takes(b"/notes?a=b", HOST, front.fresh, method=method)
    assert front.takes(b"/notes?a=b", HOST, front.stale, method=method)
    assert front.takes(b"/static/site.css", HOST, method=method)
    assert front.takes(b"/static/site.css", HOST, front.stale, method=method)


def test_it_takes_what_is_sensitive_and_fresh(front: Front) -> None:
    assert front.takes(b"/admin/users", HOST, front.fresh)
    assert front.takes(b"/account/email", HOST, front.fresh, SAME, method=b"POST")
    assert front.takes(b"/account/email", HOST, front.fresh)


@pytest.mark.parametrize(
    ("target", "more", "method"),
    [
        (b"/.gateway/account", (), b"GET"),
        (b"/.gateway/static/base.css", (), b"GET"),
        (b"/%2egateway/account", (), b"GET"),
        (b"http://localhost/notes", (), b"GET"),
        (b"/%zz", (), b"GET"),
        (b"/notes#x", (), b"GET"),
        (b"/" + b"x" * 300, (), b"GET"),
        (b"/notes", ((b"destination", b"/admin/x"),), b"MOVE"),
        (b"/notes", ((b"cookie", b"gateway_ticket_x=y"),), b"GET"),
        (b"/notes", ((b"host", b"localhost"),), b"GET"),
        (b"/notes", ((b"content-length", b"1"), (b"content-length", b"2")), b"POST"),
        (b"/index.php", ((b"content-length", b"1"),), b"POST"),
        (b"/account/email", ((b"origin", b"https://evil.test"),), b"POST"),
        (b"/notes", (), b"CONNECT"),
        (b"/notes", (), b"get"),
    ],
)
def test_it_leaves_what_only_the_gatekeeper_can_judge(
    front: Front, target: bytes, more: tuple[tuple[bytes, bytes], ...], method: bytes
) -> None:
    assert not front.takes(target, HOST, front.fresh, *more, method=method)


def test_it_leaves_what_is_challenged(front: Front) -> None:
    assert not front.takes(b"/notes", HOST)
    assert not front.takes(b"/notes", HOST, (b"cookie", b"gateway_session=" + b"A" * 43))
    assert not front.takes(b"/admin/users", HOST)
    assert not front.takes(b"/admin/users", HOST, front.stale)
    assert not front.takes(b"/account/email", HOST, front.stale, SAME, method=b"POST")
    assert not front.takes(b"/account/email?_method=POST", HOST, front.stale)


def test_it_leaves_apps_with_a_login_of_their_own_or_a_script_in_their_pages(front: Front) -> None:
    for host in (b"wiki.test", b"scripted.test", b"nobody.test"):
        assert not front.takes(b"/", (b"host", host))


def test_a_challenge_that_was_found_out_is_answered_though_another_configuration_is_at_work(front: Front) -> None:
    stale = front.knows(b"/admin/users", HOST, front.stale)
    assert stale is not None
    taken = stale.express.lane(stale, b"/admin/users", front.now)
    assert isinstance(taken, Taken)
    seen: list[Any] = []

    async def send(message: Any) -> None:
        seen.append(message)

    for gate in (taken.gate, replace(taken.gate)):
        scope = {"type": "http", "extensions": {"gateway.taken": replace(taken, gate=gate)}}
        asyncio.run(front.assembly.gatekeeper(scope, nothing, send))
    assert [message["status"] for message in seen if "status" in message] == [403, 403]  # there is no such person
    assert all(not message.get("more_body") for message in seen)


def test_a_session_that_was_ended_is_not_taken_on_a_sensitive_route(front: Front) -> None:
    assert front.takes(b"/admin/users", HOST, front.fresh)
    asyncio.run(front.assembly.state.sessions.revoke(subject="alice"))
    assert not front.takes(b"/admin/users", HOST, front.fresh)


REVOKE = """
import sqlite3, sys
sqlite3.connect(sys.argv[1], isolation_level=None).execute("DELETE FROM sessions WHERE ref = ?", [sys.argv[2]])
"""


def test_a_session_that_another_process_ended_is_not_taken_though_it_passed_a_moment_ago(
    front: Front, tmp_path: Path
) -> None:
    known, others = front.knows(b"/admin/users", HOST, front.fresh), front.knows(b"/admin/users", HOST, front.fresh)
    for each in (known, known, others):
        assert front.takes_again(each, b"/admin/users")
    ref = front.fresh[1].removeprefix(b"gateway_session=")[:8].hex()
    subprocess.run([sys.executable, "-c", REVOKE, tmp_path / "gateway-state.db", ref], check=True)
    for each in (known, others):
        assert not front.takes_again(each, b"/admin/users")


def test_what_passed_a_moment_ago_passes_for_no_longer_than_its_proof(front: Front) -> None:
    known = front.knows(b"/admin/users", HOST, front.fresh)
    for after in (0, 299, 300):
        assert front.takes_again(known, b"/admin/users", after=after)
        assert front.takes_again(known, b"/admin/users", after=after)
    for after in (301, 302, 1000):
        assert not front.takes_again(known, b"/admin/users", after=after)
    assert front.takes_again(known, b"/admin/users", after=1)


def test_what_passed_on_one_path_says_nothing_of_another(front: Front) -> None:
    known = front.knows(b"/admin/users", HOST, front.fresh)
    for target in (b"/admin/users", b"/vault/1", b"/admin/../vault/1", b"/admin/users"):
        assert front.takes_again(known, target) is (target == b"/admin/users")


def test_a_state_file_that_was_replaced_is_not_gone_by(front: Front, tmp_path: Path) -> None:
    known, state = front.knows(b"/admin/users", HOST, front.fresh), tmp_path / "gateway-state.db"
    assert front.takes_again(known, b"/admin/users")
    state.rename(tmp_path / "gateway-state.old")
    state.write_bytes((tmp_path / "gateway-state.old").read_bytes())
    time.sleep(2 * LOOK)
    assert not front.takes_again(known, b"/admin/users")


def test_a_sensitive_request_that_it_takes_is_in_the_audit_log_and_the_counts_each_time(front: Front) -> None:
    known = front.knows(b"/admin/users", HOST, front.fresh)
    for _ in range(3):
        assert front.takes_again(known, b"/admin/users")
    stream = front.assembly._audit._stream
    assert isinstance(stream, io.BytesIO)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["routes"] for line in lines] == [["admin"]] * 3
    assert len({line["request_id"] for line in lines}) == 3
    assert front.counts.totals["gateway_decisions_total", "notes", "admin", Reason.FRESH] == 3
