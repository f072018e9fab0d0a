"""What happens to a SQLite file: its disk is full, or somebody else holds its lock for too long."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.journeys.ageing import STATE
from tests.journeys.faults import PASSWORD, ROUTES, asked, confirmed, delivered, got_page, timely, until
from tests.support.echo import Echo
from tests.support.processes import PEOPLE, Gateway
from tests.support.replicas import STALE, Replicas, replicas
from tests.support.small_disk import Disk, gateway_on_small_disk
from tests.support.visitor import Visitor

TARGET = "/account/email?locked"
LARGE = 700_000
"""Bytes to hold: more than what is left in pages that SQLite has already."""


@pytest.fixture(scope="module")
def cramped(app: Echo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, Disk]]:
    routes = ROUTES.format(upstream=app.url).replace('max_age = "5m"', 'max_age = "0s"')
    with gateway_on_small_disk(tmp_path_factory.mktemp("cramped"), routes, {"alice": PEOPLE["alice"]}) as started:
        yield started


def sends(visitor: Visitor, words: str, size: int = 10) -> httpx.Response:
    """A form that is to be held; the answer as it comes."""
    return timely(lambda: visitor.request("POST", "/account/email", data={"email": words, "more": "x" * size}))


def test_on_a_full_disk_nothing_is_held_and_nothing_sent_and_all_goes_on_when_there_is_room(
    cramped: tuple[Gateway, Disk], app: Echo
) -> None:
    gate, disk = cramped
    with Visitor(gate.url) as alice:
        alice.sign_in("alice", PEOPLE["alice"])
        alice.go("POST", "/account/email", data={"email": "held-before@b.test"})
        before = alice.page
        disk.fill()
        for number in range(3):
            assert sends(alice, f"full{number}@b.test", LARGE).status_code == 503
            assert "nothing was sent to the app" in alice.page.text
        assert alice.fetch("GET", "/static/site.css").status_code == 200
        assert alice.fetch("GET", "/notes").status_code == 200
        assert alice.fetch("GET", "/admin/").status_code in {401, 503}
        truthful(gate, alice)
        disk.free()
        alice.page = before
        assert alice.confirm(PEOPLE["alice"]).json()["method"] == "POST"
        assert sends(alice, "room@b.test", LARGE).status_code == 303
        alice.get(alice.page.headers["location"])
        assert alice.confirm(PEOPLE["alice"]).json()["method"] == "POST"
        assert alice.fetch("GET", "/.gateway/readyz").status_code == 200
    assert [delivered(app, words) for words in ("held-before", "full", "room")] == [1, 0, 1]


def truthful(gate: Gateway, visitor: Visitor) -> None:
    """It says that it is ready exactly if it can write down a few bytes."""
    with Visitor(gate.url) as somebody:
        somebody.sign_in("alice", PEOPLE["alice"])
        signed_in = somebody.page.status_code == 200
    assert (visitor.fetch("GET", "/.gateway/readyz").status_code == 200) is signed_in


@pytest.fixture(scope="module")
def pair(app: Echo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replicas]:
    folder = tmp_path_factory.mktemp("pair")
    with replicas(folder, ROUTES.format(upstream=app.url), count=2, workers=1) as started:
        for name in ("asked", "answering", "resuming", "fresh", "later"):
            started.person(name, PASSWORD)
        yield started


def locked(folder: Path) -> sqlite3.Connection:
    db = sqlite3.connect(folder / STATE, isolation_level=None, check_same_thread=False)
    db.execute("BEGIN IMMEDIATE")
    return db


def test_while_the_file_is_locked_for_too_long_nothing_is_asked_confirmed_or_sent(pair: Replicas, app: Echo) -> None:
    stale, fresh = pair.browser(pair.signed_in("asked", ago=STALE)), pair.browser(pair.signed_in("fresh"))
    with asked(pair, "answering") as answering, confirmed(pair, "resuming", TARGET) as resuming:
        question = answering.page.url.path
        with closing(locked(pair.folder)), ThreadPoolExecutor(8) as pool:
            waiting = [
                pool.submit(timely, lambda: stale.request("POST", "/account/email", data={"email": "asked"})),
                pool.submit(timely, lambda: answering.confirm_only(PASSWORD)),
                pool.submit(timely, lambda: resuming.request("GET", TARGET)),
                *(pool.submit(timely, lambda at=at: _readyz(pair, at)) for at in (0, 1)),
            ]
            time.sleep(0.5)
            for _ in range(4):  # who is known and fresh goes on, and whatever is open
                assert fresh.fetch("GET", "/admin/").status_code == 200
                assert fresh.fetch("GET", "/static/site.css").status_code == 200
            assert [each.result().status_code for each in waiting] == [503] * 5
        assert [delivered(app, words) for words in ("asked", "answering", "resuming")] == [0, 0, 0]
        assert not got_page(app, TARGET)
        until(lambda: all(each.ready() for each in pair.each))
        answering.get(question)
        assert answering.confirm(PASSWORD).json()["method"] == "POST"
        assert resuming.get(TARGET).json()["method"] == "POST"
        assert [delivered(app, words) for words in ("answering", "resuming")] == [1, 1]


def _readyz(pair: Replicas, at: int) -> httpx.Response:
    return httpx.get(f"http://127.0.0.1:{pair[at].port}/.gateway/readyz", timeout=20)


def test_a_lock_that_is_held_for_a_moment_only_makes_them_wait(pair: Replicas, app: Echo) -> None:
    with asked(pair, "later") as later, ThreadPoolExecutor(1) as pool, closing(locked(pair.folder)) as db:
        waiting = pool.submit(later.confirm, PASSWORD)
        time.sleep(1.5)
        assert not waiting.done()
        db.rollback()
        assert waiting.result(15).json()["method"] == "POST"
    assert delivered(app, "later") == 1
