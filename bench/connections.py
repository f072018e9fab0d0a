"""Whether a request costs the same, however many connections there are.

At one connection every request wakes a proxy up twice, and with many the kernel's own state leaves the caches: nothing
costs the same there, nginx neither. So what counts is how much more than nginx, with as many, ours costs.

Each connection is opened in the round, so a round is long enough for that not to count.
"""

from __future__ import annotations

from bench.lab import Lab
from bench.ordinary import PATH
from bench.rows import Entrant, Row, against, beside, rounds

COUNTS = (1, 16, 64, 256, 1000)
ROUNDS = 3
LONGER = 2


def section(lab: Lab) -> list[Row]:
    seconds = LONGER * lab.seconds
    ours = [lab.ours(_name(count), PATH, connections=count, seconds=seconds) for count in COUNTS]
    theirs = [_nginx(lab, count, seconds) for count in COUNTS]
    rounds([entrant for pair in zip(ours, theirs, strict=True) for entrant in pair], min(ROUNDS, lab.rounds))
    found = [against(our, their, "nginx") for our, their in zip(ours, theirs, strict=True)]
    least, *_, most = sorted((row.ratio or 0.0, row.name) for row in found)
    return [
        *found,
        beside(f"most ({most[1]})", most[0], least[0], f"least ({least[1]})", most=1.5, unit="× nginx"),
        *(_span(whose, entrants) for whose, entrants in (("gateway", ours), ("nginx", theirs))),
    ]


def _span(whose: str, entrants: list[Entrant]) -> Row:
    least, *_, most = sorted(entrants, key=lambda each: each.cost)
    return beside(f"{whose} by itself, most ({most.name})", most.cost, least.cost, f"least ({least.name})")


def _name(count: int) -> str:
    return f"{count} connection{'s' if count > 1 else ''}"


def _nginx(lab: Lab, count: int, seconds: int) -> Entrant:
    url = lab.nginx.plain + PATH
    return lab.entrant(_name(count), url, [lab.nginx.pid], connections=count, seconds=seconds)
