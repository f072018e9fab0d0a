"""A worker or a replica that is killed in the middle of things: nothing passes unproved, nothing is sent twice, and
whoever sent something is told when nobody knows what became of it.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import count
from typing import Any, NamedTuple

import httpx
import pytest

from tests.journeys.faults import PASSWORD, ROUTES, asked, confirmed, delivered, got_page, timely, until
from tests.support.cutoff import Cutoff
from tests.support.echo import Echo
from tests.support.replicas import STALE, STORES, Browser, Replicas, replicas

NAMES = count(1)
UNANSWERED = "no answer came back to you"


class Scene(NamedTuple):
    """`front` is one gateway of two workers, or two gateways of one."""

    front: Replicas
    app: Echo
    wire: Cutoff

    def strike(self, at: int = 0) -> None:
        """Kill the processes of that replica that answer requests: its only one, or both workers."""
        replica = self.front[at]
        for pid in replica.worker_pids():
            os.kill(pid, signal.SIGKILL)
        if replica.workers == 1:
            replica.program.process.wait(10)

    def recover(self) -> None:
        """What a supervisor does: workers come back by themselves, a replica is started anew."""
        for replica in self.front.each:
            if replica.program.process.poll() is not None:
                replica.stop()
                replica.start()
        until(lambda: all(each.ready() for each in self.front.each))

    def goes_on(self, browser: Browser) -> None:
        """Open routes, readiness, and a whole confirmation of somebody else."""
        assert browser.at(None).fetch("GET", "/static/site.css").status_code == 200
        name = person(self)
        with confirmed(self.front, name) as other:
            assert other.get("/account/email").json()["method"] == "POST"


@pytest.fixture(
    scope="module",
    params=[("sqlite", 1, 2), ("redis+postgresql", 1, 2), ("redis+postgresql", 2, 1)],
    ids=lambda param: f"{param[0]}-{param[1]}x{param[2]}",
)
def scene(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Scene]:
    stores, number, workers = request.param
    folder = tmp_path_factory.mktemp("scene")
    with Echo() as app, Cutoff(app.port) as wire:
        routes = ROUTES.format(upstream=f"http://127.0.0.1:{wire.port}")
        with replicas(folder, routes, count=number, workers=workers, stores=STORES[stores](folder, request)) as front:
            yield Scene(front, app, wire)


def person(scene: Scene) -> str:
    name = f"ada{next(NAMES)}"
    scene.front.person(name, PASSWORD)
    return name


def resumed(name: str) -> Callable[[dict[str, Any]], bool]:
    """Whether a line of the audit log says that what they sent was claimed."""
    return lambda line: line.get("subject") == name and line["reason"] == "resumed"


def going(browser: Browser, target: str) -> Future[httpx.Response]:
    """On its way to the first replica, in a thread; its answer or its end."""
    pool = ThreadPoolExecutor(1)
    future = pool.submit(browser.at(0).request, "GET", target)
    pool.shutdown(wait=False)
    return future


def broken(future: Future[httpx.Response]) -> bool:
    """The connection just ended."""
    return isinstance(future.exception(15), httpx.TransportError)


@pytest.mark.parametrize("got", ["before the app got it", "after the app got it"])
def test_whoever_dies_with_a_claimed_request_its_owner_is_told_and_it_is_not_sent_again(scene: Scene, got: str) -> None:
    name, target = person(scene), f"/hang?s=5&n={next(NAMES)}"
    with confirmed(scene.front, name, target) as browser, browser.again() as tab:
        if got == "before the app got it":
            scene.wire.silent()
        future = going(tab, target)
        if got == "before the app got it":
            until(lambda: any(map(resumed(name), scene.front.audit())))
        else:
            until(lambda: delivered(scene.app, name) == 1)
        scene.strike()
        assert broken(future)
        scene.wire.reset()
        scene.wire.whole()
        scene.recover()
        told = timely(lambda: browser.at(None).get(target))
        assert told.status_code == 409 and UNANSWERED in told.text
        assert delivered(scene.app, name) == (got != "before the app got it")
        assert not got_page(scene.app, target)
        scene.goes_on(browser)


def test_the_balancers_own_second_try_is_told_too(scene: Scene) -> None:
    """Balancers send a GET again, elsewhere, when a gateway hangs up; where there is no other, the person does."""
    name, target = person(scene), f"/hang?s=5&n={next(NAMES)}"
    with confirmed(scene.front, name, target) as browser, ThreadPoolExecutor(1) as pool:
        future = pool.submit(browser.request, "GET", target)
        until(lambda: delivered(scene.app, name) == 1)
        scene.strike(next(at for at, each in enumerate(scene.front.each) if any(map(resumed(name), each.audit()))))
        told = future.result(15)
        scene.recover()
        if len(scene.front.each) == 1:
            assert told.status_code == 502 and "nginx" in told.text
            told = browser.at(0).get(target)
        assert told.status_code == 409 and UNANSWERED in told.text
        assert delivered(scene.app, name) == 1
        assert not got_page(scene.app, target)


def test_killed_at_any_moment_of_a_confirmation_it_is_sent_once_or_not_at_all_and_the_person_gets_on(
    scene: Scene,
) -> None:
    for delay in (0.03, 0.15, 0.3):
        name = person(scene)
        with asked(scene.front, name) as browser, ThreadPoolExecutor(1) as pool:
            page = browser.page
            future = pool.submit(browser.at(0).confirm_only, PASSWORD)
            time.sleep(delay)
            scene.strike()
            with suppress(httpx.TransportError):
                future.result(15)
            scene.recover()
            assert delivered(scene.app, name) == 0
            if browser.page is page:  # no answer: they press the button again
                timely(lambda: browser.at(None).confirm_only(PASSWORD))
            if browser.page.status_code == 303:
                assert browser.at(None).get(browser.page.headers["location"]).json()["method"] == "POST"
                assert delivered(scene.app, name) == 1
                continue
            # Their session was renewed, and the new id never got to them: they are told, and begin again.
            assert browser.page.status_code == 401 and "sign in again" in browser.page.text
            assert browser.fetch("POST", "/account/email", data={"email": name}).status_code == 401
            assert delivered(scene.app, name) == 0


def test_a_stream_that_dies_with_its_worker_is_cut_and_not_ended(scene: Scene) -> None:
    name = person(scene)
    with scene.front.browser(scene.front.signed_in(name)) as browser:
        with browser.at(0).http.stream("GET", "/drip?n=400&ms=50") as stream:
            pieces = stream.iter_raw()
            assert next(pieces).startswith(b"data: 0")
            scene.strike()
            with pytest.raises(httpx.TransportError):
                for _ in pieces:
                    pass
        scene.recover()
        assert browser.at(0).fetch("GET", "/notes").status_code == 200
        scene.goes_on(browser)


def test_an_app_that_dies_while_it_gets_a_held_request_is_told_of_and_nothing_is_sent_again(scene: Scene) -> None:
    name, target = person(scene), f"/hang?s=30&n={next(NAMES)}"
    with confirmed(scene.front, name, target) as browser:
        future = going(browser, target)
        until(lambda: delivered(scene.app, name) == 1)
        scene.wire.refused()
        told = future.result(15)
        assert told.status_code == 502 and "We do not know whether it took effect" in told.text
        with confirmed(scene.front, person(scene)) as other:
            kept = timely(lambda: other.get("/account/email"))
            assert kept.status_code == 502 and "Your request is kept" in kept.text
            scene.wire.whole()
            assert other.get("/account/email").json()["method"] == "POST"
        assert delivered(scene.app, name) == 1
        scene.goes_on(browser)


def test_a_stale_session_passes_nothing_while_workers_die(scene: Scene) -> None:
    name = person(scene)
    with scene.front.browser(scene.front.signed_in(name, ago=STALE)) as browser:
        statuses = set()
        for number in range(30):
            if number % 10 == 3:
                scene.strike()
            with suppress(httpx.TransportError):
                statuses.add(browser.at(number % len(scene.front.each)).fetch("GET", f"/admin/{name}").status_code)
            if number % 10 == 8:
                scene.recover()
        assert statuses == {401}
    assert not any(name in seen.target for seen in scene.app.seen)
