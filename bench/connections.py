"""Whether a request costs the same, however many connections there are; nginx at one and at 64 says what is usual."""

from __future__ import annotations

from bench.lab import CONNECTIONS, Lab
from bench.ordinary import PATH
from bench.rows import Entrant, Row, beside, rounds

COUNTS = (1, 16, 64, 256, 1000)
ROUNDS = 3


def section(lab: Lab) -> list[Row]:
    theirs = {count: _nginx(lab, count) for count in (1, CONNECTIONS)}
    ours = [lab.ours(f"{count} connections", PATH, connections=count) for count in COUNTS]
    rounds([*theirs.values(), *ours], min(ROUNDS, lab.rounds))
    least, most = (choose(ours, key=lambda each: each.cost) for choose in (min, max))
    alone, usual = theirs[1], theirs[CONNECTIONS]
    return [
        *(Row(each.name, each.cost) for each in ours),
        beside(f"most ({most.name})", most.cost, least.cost, f"least ({least.name})", most=1.5),
        beside(alone.name, alone.cost, usual.cost, f"at {CONNECTIONS}"),
    ]


def _nginx(lab: Lab, count: int) -> Entrant:
    return lab.entrant(f"nginx, {count} connections", lab.nginx.plain + PATH, [lab.nginx.pid], connections=count)
