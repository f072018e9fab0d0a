"""The clock jumps by an hour under running gateways, forwards and back: of all of them, or of one.

A proof counts for nothing at a time when it is too old, and for nothing at a time before it was given. What is held is
kept, or its owner reads that it is not; and nobody is locked out for longer than the longest wait.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import httpx
import pytest

from tests.journeys.faults import PASSWORD, ROUTES, asked, confirmed, delivered, got_page, timely
from tests.support.clock import Clock
from tests.support.echo import Echo
from tests.support.replicas import STORES, Browser, Replicas, replicas

AN_HOUR = 3600
NAMES = count(1)
JUMPS = pytest.mark.parametrize("jump", [AN_HOUR, -AN_HOUR], ids=["forwards", "back"])


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> Clock:
    return Clock(tmp_path_factory.mktemp("clock") / "offset")


@pytest.fixture(scope="module", params=STORES)
def running(
    app: Echo, clock: Clock, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Replicas]:
    folder = tmp_path_factory.mktemp("clocks")
    stores = STORES[request.param](folder, request)
    with replicas(folder, ROUTES.format(upstream=app.url), count=2, stores=stores, env=clock.env) as started:
        yield started


@pytest.fixture
def front(running: Replicas, clock: Clock) -> Iterator[Replicas]:
    """Afterwards it is what o'clock it is."""
    yield running
    clock.step(0)


@pytest.fixture
def ada(front: Replicas) -> str:
    name = f"cleo-{next(NAMES)}"
    front.person(name, PASSWORD)
    return name


def test_the_clock_is_really_stepped(front: Replicas, clock: Clock) -> None:
    def age() -> float:
        told = httpx.post(f"http://127.0.0.1:{front[0].port}/admin/", headers={"host": f"localhost:{front.port}"})
        return float(told.json()["server_time"])

    before = age()
    clock.step(AN_HOUR)
    assert AN_HOUR <= age() - before < AN_HOUR + 60
    clock.step(-AN_HOUR)
    assert -AN_HOUR <= age() - before < 60 - AN_HOUR


@JUMPS
def test_no_proof_counts_at_another_hour(front: Replicas, clock: Clock, app: Echo, ada: str, jump: int) -> None:
    with front.browser(front.signed_in(ada)) as browser:
        assert browser.fetch("GET", f"/admin/{ada}").status_code == 200
        clock.step(jump)
        for at in (0, 1):
            assert timely(lambda at=at: browser.at(at).fetch("GET", f"/admin/{ada}/later")).status_code == 401
            assert timely(lambda at=at: browser.at(at).fetch("GET", "/static/site.css")).status_code == 200
            assert front[at].ready()
        with front.browser() as again:
            assert again.sign_in(ada, PASSWORD).status_code == 200
            assert again.fetch("GET", f"/admin/{ada}/again").status_code == 200
        clock.step(0)
        assert browser.at(None).fetch("GET", f"/admin/{ada}").status_code == 200
    assert {seen.path for seen in app.seen if ada in seen.path} == {f"/admin/{ada}", f"/admin/{ada}/again"}


@JUMPS
@pytest.mark.parametrize("step", ["asked", "confirmed"])
def test_what_is_held_goes_on_after_signing_in_or_its_owner_reads_that_it_does_not(
    front: Replicas, clock: Clock, app: Echo, ada: str, jump: int, step: str
) -> None:
    with (asked if step == "asked" else confirmed)(front, ada, f"/account/email?{ada}") as browser:
        clock.step(jump)
        if step == "asked":
            timely(lambda: browser.confirm(PASSWORD))
        else:
            timely(lambda: browser.get(f"/account/email?{ada}"))
        assert delivered(app, ada) == 0 and "Your session ran out" in browser.page.text
        browser.submit("/.gateway/signin", {"username": ada, "password": PASSWORD})
        if jump < 0:
            assert browser.page.json()["method"] == "POST"
            assert delivered(app, ada) == 1
        else:
            assert "If it was not confirmed, nothing was sent" in browser.page.text
            assert delivered(app, ada) == 0
    assert not got_page(app, f"/account/email?{ada}")


@JUMPS
def test_what_is_held_is_sent_once_when_the_clock_is_right_again(
    front: Replicas, clock: Clock, app: Echo, ada: str, jump: int
) -> None:
    with asked(front, ada) as browser:
        clock.step(jump)
        assert browser.again().fetch("GET", "/notes").status_code == 401
        clock.step(0)
        assert browser.confirm(PASSWORD).json()["method"] == "POST"
    assert delivered(app, ada) == 1


def test_guesses_at_an_hour_that_comes_again_lock_nobody_out_until_then(
    front: Replicas, clock: Clock, ada: str
) -> None:
    clock.step(AN_HOUR)
    with front.browser() as browser:
        assert [browser.sign_in(ada, "wrong").status_code for _ in range(6)] == [422] * 5 + [429]
        clock.step(0)
        assert _waits(browser, ada) <= 30
        clock.step(10)
        assert _waits(browser, ada) <= 20
        clock.step(31)
        assert browser.sign_in(ada, PASSWORD).status_code == 200


def _waits(browser: Browser, name: str) -> int:
    answer = browser.sign_in(name, PASSWORD)
    assert answer.status_code == 429
    return int(answer.headers["retry-after"])
