"""A decision with 10 routes and with 10,000: two gateways, the same request."""

from __future__ import annotations

from bench.lab import Lab, routes
from bench.ordinary import PATH
from bench.rows import Row, against, rounds

FEW, MANY = 10, 10_000


def section(lab: Lab) -> list[Row]:
    with lab.gateway(routes(lab.app, FEW)) as few, lab.gateway(routes(lab.app, MANY)) as many:
        pairs = [
            (lab.ours(f"{kind}, {FEW} routes", path, few), lab.ours(f"{kind}, {MANY:,} routes", path, many))
            for kind, path in (("ordinary", PATH), ("sensitive", "/things/0/1"))
        ]
        rounds([each for pair in pairs for each in pair], lab.rounds)
    rows = []
    for small, large in pairs:
        rows += [
            Row(small.name, small.cost),
            against(large, small, f"with {FEW}", most=1.1),
        ]
    return rows
