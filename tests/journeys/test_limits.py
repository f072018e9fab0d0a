"""Limits as people and scripts meet them, and as the operator sets them while the gateway runs."""

from __future__ import annotations

import json
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.journeys.ageing import STALE, STATE, signed_in
from tests.journeys.conftest import ROUTES, SESSION, holding
from tests.support.echo import Echo
from tests.support.processes import Gateway, gateway
from tests.support.raw import Answer, Raw

LIMITS = """
[limits]
read_within = "1s"
pause = "1s"
held_requests = 1
"""
INSPECTED = """
  [[app.route]]
  name = "inspected"
  action = "Delete a page"
  path = "/index.php"
  form = { action = "delete" }

  [app.timeouts]
  connect = "1s"
  first_byte = "1s"
"""


@pytest.fixture(scope="module")
def slow(app: Echo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    routes = LIMITS + ROUTES.format(upstream=app.url) + INSPECTED
    with gateway(tmp_path_factory.mktemp("slow"), routes, people={"alice": "correct horse battery"}) as started:
        yield started


def held(gate: Gateway) -> int:
    """How many requests are kept."""
    with closing(sqlite3.connect(gate.folder / STATE, timeout=10)) as db:
        (count,) = db.execute("SELECT count(*) FROM held").fetchone()
        return int(count)


def trickled(gate: Gateway, path: str, *fields: str) -> Answer:
    """The answer to a form of two seconds, a byte every fifth of one, by somebody who is signed in."""
    form = b"action=see"
    head = [
        f"POST {path} HTTP/1.1",
        f"Host: localhost:{gate.port}",
        f"Cookie: {SESSION}={signed_in(gate.folder, 'alice')}",
        "Content-Type: application/x-www-form-urlencoded",
        f"Content-Length: {len(form)}",
        *fields,
    ]
    with Raw(gate.port) as client:
        client.send("\r\n".join([*head, "", ""]).encode())
        for byte in form:
            time.sleep(0.2)
            try:
                client.send(bytes([byte]))
            except OSError:
                break
        return client.answer()


def test_a_trickled_body_that_the_gateway_reads_is_refused_in_words(slow: Gateway, app: Echo) -> None:
    answer = trickled(slow, "/index.php")
    assert (answer.status, answer.header("connection"), answer.header("cache-control")) == (408, "close", "no-store")
    said = json.loads(answer.body)
    assert (said["error"], "Send the whole request again" in said["detail"]) == ("slow", True)
    assert "/index.php" not in app.paths()


def test_a_person_reads_a_page_about_it(slow: Gateway) -> None:
    origin = f"Origin: http://localhost:{slow.port}"
    answer = trickled(slow, "/index.php", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document", origin)
    assert (answer.status, answer.header("connection")) == (408, "close")
    assert "took too long" in answer.body.decode()


def test_the_gateways_own_forms_have_the_same_limit(slow: Gateway) -> None:
    assert trickled(slow, "/.gateway/signin", f"Origin: http://localhost:{slow.port}").status == 408


def test_the_same_body_goes_through_where_nobody_reads_it(slow: Gateway, app: Echo) -> None:
    assert trickled(slow, "/upload").status == 200
    assert app.seen[-1].body == b"action=see"


def test_an_app_that_is_late_is_504_after_its_own_time(slow: Gateway) -> None:
    before = time.monotonic()
    with holding(slow, signed_in(slow.folder, "alice")) as alice:
        assert alice.request("GET", "/hang?s=20").status_code == 504
    assert time.monotonic() - before < 10


def test_one_request_too_many_is_not_kept_until_a_reload_allows_more(slow: Gateway) -> None:
    kept = []
    with holding(slow, signed_in(slow.folder, "alice", ago=STALE)) as alice:
        for email in ("a@b.test", "c@d.test"):
            alice.go("POST", "/account/email", data={"email": email})
            kept.append(held(slow))
        file = slow.folder / "routes.toml"
        file.write_text(file.read_text().replace("held_requests = 1", "held_requests = 3"))
        slow.program.signal(signal.SIGHUP)
        until = time.monotonic() + 10
        while "reloaded" not in slow.program.err.read_text() and time.monotonic() < until:
            time.sleep(0.02)
        alice.go("POST", "/account/email", data={"email": "e@f.test"})
        kept.append(held(slow))
    assert kept == [1, 1, 2]


def test_limits_of_the_server_change_with_a_reload(slow: Gateway, tmp_path: Path) -> None:
    def status() -> int:
        with Raw(slow.port) as client:
            client.send(b"GET /%b HTTP/1.1\r\nHost: localhost\r\n\r\n" % (b"a" * 2000))
            return client.answer().status

    before = status()
    file = slow.folder / "routes.toml"
    file.write_text(file.read_text().replace("[limits]\n", '[limits]\ntarget = "1KiB"\n'))
    slow.program.signal(signal.SIGHUP)
    until = time.monotonic() + 10
    while status() != 414 and time.monotonic() < until:
        time.sleep(0.02)
    assert (before != 414, status()) == (True, 414)
