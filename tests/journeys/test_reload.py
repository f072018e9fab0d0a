"""A file that changes under people who are on their way: nothing passes unasked, and nothing is lost without a word."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.ageing import STALE, signed_in
from tests.journeys.conftest import ROUTES, holding
from tests.support.echo import Echo
from tests.support.processes import PEOPLE, Gateway, gateway
from tests.support.visitor import Visitor

PASSWORD = PEOPLE["alice"]


@pytest.fixture
def reloaded(app: Echo, tmp_path: Path) -> Iterator[Gateway]:
    with gateway(tmp_path, ROUTES.format(upstream=app.url), people={"alice": PASSWORD}) as started:
        yield started


def rewrite(gate: Gateway, old: str, new: str) -> None:
    """Change the file, and have it read again."""
    file = gate.folder / "routes.toml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    before = gate.program.err.read_text().count("reloaded")
    gate.program.signal(signal.SIGHUP)
    deadline = time.monotonic() + 10
    while gate.program.err.read_text().count("reloaded") == before:
        assert time.monotonic() < deadline, gate.program.output()
        time.sleep(0.02)


def asked(gate: Gateway, email: str) -> Visitor:
    alice = holding(gate, signed_in(gate.folder, "alice", ago=STALE))
    alice.go("POST", "/account/email", data={"email": email})
    return alice


def answered(alice: Visitor) -> int:
    form = {**alice.hidden(), "way": "password", "password": PASSWORD}
    return alice.request("POST", alice.page.url.path, data=form).status_code


def sent(app: Echo, email: bytes) -> int:
    return len([seen for seen in app.seen if email in seen.body])


def test_a_question_that_is_no_longer_asked_is_over_and_says_so(reloaded: Gateway, app: Echo) -> None:
    with asked(reloaded, "question") as alice:
        rewrite(reloaded, '"change-email"', '"email"')
        assert answered(alice) == 404
        assert "nothing was sent" in alice.page.text
    assert sent(app, b"question") == 0


def test_what_was_confirmed_goes_through_although_its_route_has_another_name_by_then(
    reloaded: Gateway, app: Echo
) -> None:
    with asked(reloaded, "renamed") as alice:
        assert answered(alice) == 303
        rewrite(reloaded, '"change-email"', '"email"')
        assert alice.request("GET", "/account/email").json()["method"] == "POST"
        assert alice.request("GET", "/account/email").json()["method"] == "GET"
    assert sent(app, b"renamed") == 1


def test_what_was_confirmed_is_dropped_by_cancel_although_its_route_has_another_name_by_then(
    reloaded: Gateway, app: Echo
) -> None:
    with asked(reloaded, "dropped") as alice:
        page, form = alice.page.url.path, alice.hidden()
        assert answered(alice) == 303
        rewrite(reloaded, '"change-email"', '"email"')
        assert alice.request("POST", page + "/cancel", data=form).is_redirect
        assert alice.request("GET", "/account/email").json()["method"] == "GET"
    assert sent(app, b"dropped") == 0


def test_what_was_confirmed_is_not_sent_where_more_is_asked_by_then(reloaded: Gateway, app: Echo) -> None:
    with asked(reloaded, "stricter") as alice:
        assert answered(alice) == 303
        rewrite(reloaded, 'name = "change-email"', 'name = "email"\n  verify = ["totp"]')
        assert alice.request("GET", "/account/email").status_code == 403
    assert sent(app, b"stricter") == 0


def test_a_store_that_several_configurations_used_is_closed_once(reloaded: Gateway) -> None:
    rewrite(reloaded, "Delete your account", "Delete the account")
    rewrite(reloaded, "gateway-state.db", "another-state.db")
    assert reloaded.program.stop() == 0
    assert "Traceback" not in reloaded.program.output()
