"""What two workers can do beside one, on a machine where the load needs a core too.

A worker can do 1 / (CPU per request) on a core of its own, so two can do 2 × (CPU per request with one) / (CPU per
request with two) as much. Each of two workers has a core; in either case load and app take what is left of both.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from bench import nginx
from bench.lab import CONNECTIONS, Lab, Served, routes
from bench.measure import cpu, family, pin
from bench.ordinary import PATH
from bench.rows import Entrant, Row, at_least, rounds
from tests.support.processes import free_port

CORES = ("0", "1")
BOTH = ",".join(CORES)


def section(lab: Lab) -> list[Row]:
    with ExitStack() as stack:
        app = free_port()
        stack.enter_context(nginx.app(lab.place("spread"), app, cores=BOTH))
        single = stack.enter_context(lab.gateway(routes(app), cores=CORES[0]))
        double = stack.enter_context(lab.gateway(routes(app), cores=BOTH, workers=2))
        pids = _workers(double)
        for pid, core in zip(pids, CORES, strict=True):
            pin(pid, core)
        one, two = _entrant(lab, "one worker", single), _entrant(lab, "two workers", double)
        before = [cpu([pid]) for pid in pids]
        rounds([one, two], lab.rounds)
        spent = [cpu([pid]) - was for pid, was in zip(pids, before, strict=True)]
    capacity = 1e6 / one.cost, 2e6 / two.cost
    return [
        Row(one.name, one.cost),
        Row(two.name, two.cost),
        Row("share of the busier one", 100 * max(spent) / sum(spent), "%"),
        Row("one worker can do", capacity[0], "/s"),
        at_least("two workers can do", capacity[1], capacity[0], "one", least=1.7, unit="/s"),
    ]


def _workers(served: Served) -> list[int]:
    """Those that answer; beside them there is a process that only watches over them."""
    return [pid for pid in family(served.program.pid) if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def _entrant(lab: Lab, name: str, served: Served) -> Entrant:
    return lab.entrant(
        name, served.url + PATH, [served.program.pid], served.headers, connections=CONNECTIONS, cores=BOTH
    )
