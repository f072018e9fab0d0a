"""Replicas on a Redis and a PostgreSQL that can be killed, paused and cut off, and what must hold all the while."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from tests.journeys.faults import PASSWORD, ROUTES, confirmed, delivered, until
from tests.support.cutoff import Cutoff
from tests.support.echo import Echo
from tests.support.postgres import Postgres
from tests.support.redis_servers import QUICK, Server, server
from tests.support.replicas import STALE, Browser, Replicas, Stores, replicas
from tests.support.scraping import Scrape, scraped

NAMES = count(1)
PATIENCE = {"state": 2.0, "directory": 5.0}
"""Seconds that a store has to answer, before nobody waits for it any more."""

SLOW = 5.0
"""And that a busy machine may add."""

NOTHING_SENT = "nothing was sent"
TOLD = {
    NOTHING_SENT: {0},
    "Nothing was sent": {0},
    "sign in again": {0},
    "no answer came back to you": {0, 1},
    "We do not know whether it took effect": {0, 1},
}
"""What somebody may read of what they sent, and how often the app may have got it then."""


@dataclass
class Scene:
    """`to_state` and `to_directory` are the wires between the gateways and their stores."""

    front: Replicas
    app: Echo
    redis: Server
    to_state: Cutoff
    postgresql: Postgres
    to_directory: Cutoff

    def person(self) -> str:
        """Somebody new."""
        name = f"ada{next(NAMES)}x"
        self.front.person(name, PASSWORD)
        return name

    def signs_in(self, name: str) -> httpx.Response:
        """In a new browser."""
        with self.front.browser() as browser:
            return browser.sign_in(name, PASSWORD)

    def wire(self, store: str) -> Cutoff:
        return self.to_state if store == "state" else self.to_directory

    def recovers(self, store: str) -> None:
        """All by itself: all of them say so, and a whole confirmation goes well."""
        until(lambda: all(each.ready() for each in self.front.each), 20)
        self.says(store, up=True)
        name = self.person()
        with confirmed(self.front, name) as browser:
            assert browser.get("/account/email").json()["method"] == "POST"
        assert self.signs_in(name).status_code == 200
        assert delivered(self.app, name) == 1

    def says(self, store: str, *, up: bool) -> None:
        """What every gateway has to say of that store, to balancers and to Prometheus."""
        for each in self.front.each:
            scraped(each.admin, lambda said: said("store_up", store=store) == up)
            told = httpx.get(f"http://127.0.0.1:{each.port}/.gateway/readyz", timeout=20)
            assert (told.status_code, told.text.strip()) == ((200, "ready") if up else (503, f"not ready: {store}"))

    def errors(self, store: str) -> float:
        """How often all of them had no answer from it."""
        return sum(Scrape(each.admin)("store_errors_total", store=store) for each in self.front.each)


@contextmanager
def stage(folder: Path, postgresql: Postgres, *, number: int = 2) -> Iterator[Scene]:
    """A Redis of its own, which keeps what it was told, and a database on that PostgreSQL."""
    with ExitStack() as stack:
        app = stack.enter_context(Echo())
        redis = stack.enter_context(server(folder / "redis", "--appendonly", "yes", *QUICK))
        to_state = stack.enter_context(Cutoff(redis.port))
        to_directory = stack.enter_context(Cutoff(postgresql.port))
        state = f"redis://127.0.0.1:{to_state.port}"
        directory = postgresql.database().replace(f":{postgresql.port}/", f":{to_directory.port}/")
        routes = ROUTES.format(upstream=app.url)
        stores = Stores(state, directory)
        front = stack.enter_context(replicas(folder / "front", routes, count=number, stores=stores, metrics=True))
        scene = Scene(front, app, redis, to_state, postgresql, to_directory)
        for store in PATIENCE:
            scene.says(store, up=True)
        yield scene


class Bystanders:
    """While something is broken: who asks for what is open, and who asks for more than their old proof is good for.

    Open pages go on, nothing sensitive passes, and no answer takes longer than `within` seconds.
    """

    def __init__(self, front: Replicas, app: Echo, name: str, within: float) -> None:
        self._app, self._name, self._within = app, name, within
        self._stranger, self._stale = front.browser(), front.browser(front.signed_in(name, ago=STALE))
        self._over = threading.Event()
        self._pool = ThreadPoolExecutor(2)
        self._said: list[Future[set[int]]] = []
        self.slowest = 0.0

    def __enter__(self) -> Self:
        for browser, target in ((self._stranger, "/static/site.css"), (self._stale, f"/admin/{self._name}")):
            self._said.append(self._pool.submit(self._goes_on, browser, target))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._pool.shutdown()
        if error is None:
            opened, stale = (each.result() for each in self._said)
            assert opened == {200}
            assert stale <= {401, 503}
            assert not any(self._name in seen.target for seen in self._app.seen if seen.path.startswith("/admin/"))
            assert self.slowest < self._within

    def _goes_on(self, browser: Browser, target: str) -> set[int]:
        statuses = set()
        with browser:
            while not self._over.is_set():
                _, took = timed(lambda: statuses.add(browser.fetch("GET", target).status_code))
                self.slowest = max(self.slowest, took)
                self._over.wait(0.05)
        return statuses


def watched(scene: Scene, store: str) -> Bystanders:
    """While that store is broken."""
    return Bystanders(scene.front, scene.app, scene.person(), PATIENCE[store] + SLOW)


def timed(act: Callable[[], object]) -> tuple[object, float]:
    """What it returns, and the seconds it took."""
    began = time.monotonic()
    done = act()
    return done, time.monotonic() - began


def refused(act: Callable[[], httpx.Response], store: str) -> httpx.Response:
    """A page that says that nothing was sent, in time."""
    began = time.monotonic()
    page = act()
    assert time.monotonic() - began < PATIENCE[store] + SLOW
    assert page.status_code == 503 and NOTHING_SENT in page.text, page.text
    return page


def told_the_truth(app: Echo, name: str, page: httpx.Response) -> None:
    """The last page that they were shown: the app's answer, or words of what became of what they had sent."""
    if page.headers.get("content-type") == "application/json":
        assert page.json()["method"] == "POST", page.text
        assert delivered(app, name) == 1
    else:
        counts = [allowed for words, allowed in TOLD.items() if words in page.text]
        assert counts and all(delivered(app, name) in allowed for allowed in counts), page.text
