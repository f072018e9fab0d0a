"""How long ordinary requests take at worst while people sign in: their passwords are hashed on the same core."""

from __future__ import annotations

import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor

from bench.lab import LOAD_CORE, NAME, PASSWORD, Lab, Served
from bench.measure import Load
from bench.ordinary import PATH
from bench.rows import Entrant, Row, beside, rounds
from tests.support.visitor import Visitor

A_SECOND = 4
LONGER = 3
"""A round is that many times as long as others: a p99 needs some sign-ins."""


class SignIns:
    """So many a second, from `__enter__` to `__exit__`; `done` is how many worked."""

    def __init__(self, served: Served) -> None:
        self.done = 0
        self._served = served
        self._over = threading.Event()
        self._clock = threading.Thread(target=self._run)

    def __enter__(self) -> SignIns:
        self._clock.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._clock.join()

    def _run(self) -> None:
        # Of this thread and those it starts: they take nothing from the proxy, and from the load only what it leaves.
        os.sched_setaffinity(0, {int(LOAD_CORE)})
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        under_way: list[Future[bool]] = []
        with ThreadPoolExecutor(4 * A_SECOND) as pool:
            while not self._over.wait(1 / A_SECOND):
                under_way.append(pool.submit(self._sign_in))
        self.done = sum(each.result() for each in under_way)

    def _sign_in(self) -> bool:
        with Visitor(self._served.origin) as visitor:
            return visitor.sign_in(NAME, PASSWORD, "/open/1").status_code == 200 and bool(visitor.http.cookies)


def section(lab: Lab) -> list[Row]:
    served, seconds = lab.served, LONGER * lab.seconds
    name, url, roots = "p99 of ordinary requests", served.url + PATH, [served.program.pid]
    quiet = lab.entrant(name, url, roots, served.headers, seconds=seconds)
    signed_in: list[float] = []

    def busy() -> Load:
        with SignIns(served) as people:
            seen = quiet.shoot()
        signed_in.append(people.done / seconds)
        return seen

    hashing = Entrant("the same, while people sign in", busy)
    rounds([quiet, hashing], max(1, lab.rounds // 2 + 1))
    least, most = (each.median(lambda load: load.p99) for each in (quiet, hashing))
    return [
        Row(quiet.name, least, "ms"),
        Row("people who sign in", min(signed_in), "/s"),
        beside(hashing.name, most, least, "without", most=2, unit="ms"),
    ]
