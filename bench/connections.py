"""Whether a request costs the same, however many connections there are."""

from __future__ import annotations

from bench.lab import Lab
from bench.ordinary import PATH
from bench.rows import Row, beside, rounds

COUNTS = (1, 16, 64, 256, 1000)


def section(lab: Lab) -> list[Row]:
    entrants = [lab.ours(f"{count} connections", PATH, connections=count) for count in COUNTS]
    rounds(entrants, lab.rounds)
    least, most = (choose(entrants, key=lambda each: each.cost) for choose in (min, max))
    return [
        *(Row(each.name, each.cost) for each in entrants),
        beside(f"most ({most.name})", most.cost, least.cost, f"least ({least.name})", most=1.5),
    ]
