"""`make soak`: mixed traffic through a balancer over replicas, one fault after another, and promises checked all the
while.

Ten minutes; `make soak SECONDS=90` is a short one. The report is Markdown on stdout; the exit status is 1 if a promise
was broken. The stores are a Redis and a PostgreSQL of its own, or with `ARGS='--stores sqlite'` two files.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

from bench.soak_book import ROUTES, Book, Log
from bench.soak_faults import Fault, Faults, Struck
from bench.soak_people import PASSWORD, Soaked
from bench.soak_report import Soak, report
from bench.soak_stores import STORES
from bench.soak_watch import Watch
from tests.support.cutoff import Cutoff
from tests.support.echo import Echo
from tests.support.replicas import Stores, replicas

PEOPLE = 6
EVERY = 60.0
"""Seconds between two faults, at most: each is to come at least once."""

SETTLES = 8.0
"""Seconds before the first fault, and after the last."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make soak")
    parser.add_argument("seconds", type=int, nargs="?", default=600)
    parser.add_argument("--every", type=float, help="seconds between two faults; else each comes once, or more")
    parser.add_argument("--count", type=int, default=2, help="replicas")
    parser.add_argument("--workers", type=int, default=2, help="of each")
    parser.add_argument("--stores", choices=STORES, default="redis+postgresql")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="gateway-soak-") as place:
        folder = Path(place)
        with STORES[asked.stores](folder / "stores") as (stores, faults):
            more = {"count": asked.count, "workers": asked.workers}
            soak = run(folder, stores, asked.seconds, every=asked.every, faults=faults, **more)
    print(report(soak))
    return 1 if soak.wrong() else 0


def run(
    folder: Path,
    stores: Stores,
    seconds: float,
    *,
    every: float | None = None,
    count: int = 2,
    workers: int = 2,
    faults: dict[str, Fault] | None = None,
    only: Sequence[str] = (),
) -> Soak:
    """The whole of it. `faults` are those of the stores; `only` names some of all."""
    book, log = Book(), Log()
    with Echo() as app, Cutoff(app.port) as wire:
        routes = ROUTES.format(upstream=f"http://127.0.0.1:{wire.port}")
        with replicas(folder / "soak", routes, count=count, workers=workers, stores=stores) as front:
            names = [f"person{number}" for number in range(PEOPLE)]
            for name in names:
                front.person(name, PASSWORD)
            watch = Watch(front)
            watch.start()
            over = threading.Event()
            threads = [threading.Thread(target=Soaked(name, front, book, log, over).run) for name in names]
            began = time.monotonic()
            for thread in threads:
                thread.start()
            try:
                every_fault = Faults(front, wire, faults or {})
                turns = only or tuple(every_fault.all)
                pause = every or min(EVERY, (seconds - 2 * SETTLES) / len(turns))
                struck = _strike(every_fault, turns, app, book, began + seconds, pause)
            finally:
                over.set()
                for thread in threads:
                    thread.join()
                watch.stop()
        book.audit(app.taken())
        book.close()
    title = f"{count} replicas of {workers} workers on {stores.state.partition(':')[0]}"
    title += f" and {stores.directory.partition(':')[0]}"
    return Soak(title, began, time.monotonic(), book, log, struck, watch)


def _strike(faults: Faults, names: Sequence[str], app: Echo, book: Book, until: float, every: float) -> list[Struck]:
    """One fault after another, in turn, and a look at what the app got five times a second."""
    struck: list[Struck] = []
    settles = min(SETTLES, every / 2)
    due, turn = time.monotonic() + settles, cycle(names)
    while time.monotonic() < until:
        if due <= time.monotonic() <= until - settles:
            struck.append(faults.strike(next(turn)))
            due += every
            print(f"{struck[-1].name}: all ready after {struck[-1].ready - struck[-1].began:.1f} s", file=sys.stderr)
        book.audit(app.taken())
        time.sleep(0.2)
    return struck


if __name__ == "__main__":
    sys.exit(main())
