"""A gateway whose directory is in PostgreSQL, from before it has tables to after the server went and came back."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.journeys.conftest import ROUTES
from tests.support.echo import Echo
from tests.support.postgres import Postgres
from tests.support.processes import Gateway, a_second_later, add_people, free_port, launch, wait_for, write_config
from tests.support.visitor import Visitor

PASSWORD = "correct horse battery"


@pytest.fixture
def gateway(app: Echo, postgresql: Postgres, tmp_path: Path) -> Iterator[Gateway]:
    """Running, on an empty database, whose address is kept outside routes.toml."""
    port = free_port()
    write_config(tmp_path, port, ROUTES.format(upstream=app.url))
    (tmp_path / "directory.url").write_text(postgresql.database())
    file = tmp_path / "routes.toml"
    file.write_text(file.read_text().replace('"sqlite:gateway.db"', '"file:directory.url"'))
    program = launch([sys.executable, "-m", "gateway", "serve", "--config", str(file)], tmp_path)
    try:
        wait_for(program, port, "/.gateway/healthz")
        yield Gateway(tmp_path, port, program)
    finally:
        program.stop()


def ready(gateway: Gateway) -> str:
    return httpx.get(f"{gateway.url}/.gateway/readyz").text.strip()


def soon(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_people_sign_in_and_confirm_and_a_code_works_once_whatever_happens_to_the_server(
    gateway: Gateway, postgresql: Postgres
) -> None:
    assert ready(gateway) == "not ready: directory"
    assert gateway.cli("migrate").returncode == 0
    soon(lambda: ready(gateway) == "ready")
    add_people(gateway.folder, {"alice": PASSWORD})
    a_second_later()
    secret = re.findall("secret=([A-Z2-7]{32})", gateway.cli("users", "totp", "alice").stdout)[0]
    with Visitor(gateway.url) as alice, Visitor(gateway.url) as thief:
        used = signs_in(alice, secret)
        assert alice.get("/notes").status_code == 200
        thief.sign_in("alice", PASSWORD)
        thief.submit("/.gateway/signin/code", {"code": used})
        assert thief.fetch("GET", "/notes").status_code == 401
        alice.get("/account/delete")
        assert "Confirm access" in alice.page.text
        with postgresql.stopped():
            soon(lambda: ready(gateway) == "not ready: directory")
            assert alice.confirm(PASSWORD).status_code == 503
            assert alice.get("/notes").status_code == 200
        soon(lambda: ready(gateway) == "ready")
        alice.get("/account/delete")
        assert alice.confirm(PASSWORD).json()["target"] == "/account/delete"
    told = gateway.program.err.read_text().splitlines()[1:]
    assert told[0] == "gateway: the directory has no tables yet; run: gateway migrate"
    assert told[1] == told[-1] == "gateway: PostgreSQL: it answers again"
    assert "gateway: PostgreSQL: ConnectionRefusedError: " in told[2] and len(told) < 10


def signs_in(visitor: Visitor, secret: str) -> str:
    """The code that was used."""
    visitor.sign_in("alice", PASSWORD)
    code = visitor.code(secret)
    visitor.submit("/.gateway/signin/code", {"code": code})
    return code
