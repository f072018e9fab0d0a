"""One gateway in front of an upstream that records, for all tests of the laws that do not break it."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.journeys.ageing import STATE, signed_in
from tests.support.echo import Echo
from tests.support.processes import PEOPLE, Gateway, add_people, free_port, gateway, launch, wait_for, write_config
from tests.support.visitor import Visitor

ROUTES = """
[stepup]
max_age = "5m"
hold_max = "64KiB"

[[app]]
name = "notes"
upstream = "{upstream}"
public = ["/static/**"]

  [[app.route]]
  name = "change-email"
  action = "Change your e-mail address"
  methods = ["POST"]
  path = "/account/email"
  show = ["email"]

  [[app.route]]
  name = "delete-account"
  action = "Delete your account"
  path = "/account/delete"
  max_age = "0s"

  [[app.route]]
  name = "admin"
  action = "Open the administration area"
  path = "/admin/**"

  [[app.route]]
  name = "slow"
  action = "Wait a while"
  path = "/drip"

  [[app.route]]
  name = "vault"
  action = "Open the vault"
  path = "/vault/**"
  verify = ["totp"]
"""


SESSION = "gateway_session"


def holding(gate: Gateway, token: str) -> Visitor:
    """Another browser, with a session's cookie."""
    visitor = Visitor(gate.url)
    visitor.http.cookies.set(SESSION, token, domain="localhost.local")
    return visitor


@pytest.fixture(scope="session")
def app() -> Iterator[Echo]:
    with Echo() as started:
        yield started


@pytest.fixture(scope="session")
def gate(app: Echo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("gate"), ROUTES.format(upstream=app.url)) as started:
        yield started


@pytest.fixture(scope="session")
def pair(app: Echo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway of two workers; which of them answers a new connection, nobody knows."""
    folder, port = tmp_path_factory.mktemp("pair"), free_port()
    write_config(folder, port, ROUTES.format(upstream=app.url))
    add_people(folder, PEOPLE)
    command = [sys.executable, "-m", "gateway", "serve", "--workers", "2", "--config", str(folder / "routes.toml")]
    program = launch(command, folder)
    try:
        wait_for(program, port, "/.gateway/healthz")
        yield Gateway(folder, port, program)
    finally:
        program.stop()


@pytest.fixture
def alice(gate: Gateway) -> Iterator[Visitor]:
    """Signed in a moment ago; nobody has guessed anything."""
    with closing(sqlite3.connect(gate.folder / STATE, timeout=10)) as db, db:
        db.execute("DELETE FROM throttles")
    with holding(gate, signed_in(gate.folder, "alice")) as visitor:
        yield visitor
