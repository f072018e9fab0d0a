"""Law 1: whatever breaks, what is sensitive is not passed, and what is open goes on."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.journeys.ageing import STATE, signed_in
from tests.journeys.conftest import ROUTES, holding
from tests.support.echo import Echo
from tests.support.processes import PEOPLE, Gateway, gateway
from tests.support.visitor import Visitor


@pytest.fixture
def fragile(app: Echo, tmp_path: Path) -> Iterator[Gateway]:
    """A gateway to break."""
    with gateway(tmp_path, ROUTES.format(upstream=app.url), people={}) as started:
        yield started


def change(folder: Path, sql: str) -> None:
    with closing(sqlite3.connect(folder / STATE, timeout=10)) as db, db:
        db.execute(sql)


def assert_closed(gate: Gateway, token: str, app: Echo, *, status: int = 503) -> None:
    """Sensitive and ordinary requests are refused, public ones pass without a word about anybody."""
    before = len(app.seen)
    with holding(gate, token) as visitor:
        assert visitor.fetch("POST", "/account/email", data={"email": "a@b.test"}).status_code == status
        assert visitor.request("POST", "/account/email", data={"email": "a@b.test"}).status_code in {status, 303}
        assert visitor.fetch("GET", "/admin/").status_code == status
        assert visitor.fetch("GET", "/notes").status_code == status
        assert len(app.seen) == before
        assert visitor.fetch("GET", "/static/site.css").status_code == 200
    assert app.seen[-1].header("x-auth-user") is None


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE sessions SET events = 'nonsense'",
        "UPDATE sessions SET events = '[]x'",
        'UPDATE sessions SET events = \'[{"verifier": "password"}]\'',
        "UPDATE sessions SET events = replace(events, '\"auth_time\": ', '\"auth_time\": 1e')",
        'UPDATE sessions SET events = \'[{"verifier": "password", "auth_time": NaN, "amr": []}]\'',
        'UPDATE sessions SET events = \'[{"verifier": "password", "auth_time": "2999", "amr": []}]\'',
        "ALTER TABLE sessions RENAME TO gone",
    ],
)
def test_a_session_that_makes_no_sense_passes_nothing(gate: Gateway, app: Echo, sql: str) -> None:
    token = signed_in(gate.folder, "carol")
    change(gate.folder, sql if "ALTER" in sql else f"{sql} WHERE subject = 'carol'")
    try:
        assert_closed(gate, token, app)
    finally:
        if "ALTER" in sql:
            change(gate.folder, "ALTER TABLE gone RENAME TO sessions")
        change(gate.folder, "DELETE FROM sessions WHERE subject = 'carol'")


def test_a_sign_in_from_the_future_counts_for_nothing(gate: Gateway, app: Echo) -> None:
    assert_closed(gate, signed_in(gate.folder, "carol", ago=-3600), app, status=401)


def test_a_proof_from_the_future_is_no_proof(gate: Gateway, app: Echo) -> None:
    token = signed_in(gate.folder, "bob", ago=1000)
    later = "replace(events, '\"auth_time\": ', '\"auth_time\": 9')"
    change(gate.folder, f"UPDATE sessions SET events = {later} WHERE subject = 'bob'")
    with holding(gate, token) as visitor:
        assert visitor.fetch("GET", "/admin/").status_code == 401
        assert visitor.fetch("GET", "/notes").status_code == 200


def test_a_store_full_of_rubbish_passes_nothing(fragile: Gateway, app: Echo) -> None:
    token = signed_in(fragile.folder, "alice")
    for file in fragile.folder.glob(STATE + "*"):
        file.write_bytes(b"rubbish " * 20_000)
    assert_closed(fragile, token, app)
    with Visitor(fragile.url) as visitor:
        assert visitor.fetch("GET", "/.gateway/healthz").status_code == 200
        assert visitor.fetch("GET", "/.gateway/readyz").status_code == 503
        visitor.sign_in("alice", PEOPLE["alice"])
        assert visitor.page.status_code == 503


@pytest.mark.parametrize("how", ["removed", "replaced"])
def test_a_store_whose_file_is_another_by_now_passes_nothing(fragile: Gateway, app: Echo, how: str) -> None:
    token = signed_in(fragile.folder, "alice")
    for file in fragile.folder.glob(STATE + "*"):
        file.unlink()
    if how == "replaced":  # from now on others write, and revoke, in a file that the gateway does not read
        signed_in(fragile.folder, "bob")
    assert_closed(fragile, token, app)
    fragile.restart()
    assert_closed(fragile, token, app, status=401)


def test_a_directory_full_of_rubbish_confirms_nobody(fragile: Gateway, app: Echo) -> None:
    token = signed_in(fragile.folder, "alice", ago=1000)
    for file in fragile.folder.glob("gateway.db*"):
        file.write_bytes(b"rubbish " * 20_000)
    before = len(app.seen)
    with holding(fragile, token) as visitor:
        assert visitor.go("POST", "/account/email", data={"email": "a@b.test"}).status_code == 503
        assert visitor.fetch("GET", "/admin/").status_code == 503
        assert len(app.seen) == before
        assert visitor.fetch("GET", "/notes").status_code == 200


def test_a_store_that_cannot_be_written_signs_nobody_in_and_goes_on_reading(gate: Gateway) -> None:
    token = signed_in(gate.folder, "alice")
    with closing(sqlite3.connect(gate.folder / STATE)) as db, Visitor(gate.url) as visitor:
        visitor.get("/.gateway/signin")
        db.execute("BEGIN IMMEDIATE")
        assert visitor.submit("/.gateway/signin", {"username": "alice", "password": PEOPLE["alice"]}).status_code == 503
        with holding(gate, token) as other:
            assert other.fetch("GET", "/admin/").status_code == 200
        db.rollback()
        assert visitor.sign_in("alice", PEOPLE["alice"]).status_code == 200
