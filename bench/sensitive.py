"""A sensitive request of somebody who has just proved themselves: the store is read, and an audit line written."""

from __future__ import annotations

from bench.lab import Lab
from bench.ordinary import PATH
from bench.rows import Row, against, rounds


def section(lab: Lab) -> list[Row]:
    ordinary = lab.ours("ordinary request", PATH)
    sensitive = lab.ours("sensitive request, fresh", "/things/0/1")
    rounds([ordinary, sensitive], lab.rounds)
    return [
        Row(ordinary.name, ordinary.cost),
        against(sensitive, ordinary, "ordinary", most=1.3),
    ]
