"""Whether a request costs the same, however many connections there are; nginx with as many says what is usual.

Each connection is opened in the round, so a round is long enough for that not to count.
"""

from __future__ import annotations

from bench.lab import Lab
from bench.ordinary import PATH
from bench.rows import Entrant, Row, beside, rounds

COUNTS = (1, 16, 64, 256, 1000)
ROUNDS = 3
LONGER = 2


def section(lab: Lab) -> list[Row]:
    seconds = LONGER * lab.seconds
    ours = [lab.ours(_name(count), PATH, connections=count, seconds=seconds) for count in COUNTS]
    theirs = [_nginx(lab, count, seconds) for count in COUNTS]
    rounds([entrant for pair in zip(ours, theirs, strict=True) for entrant in pair], min(ROUNDS, lab.rounds))
    least, most = _ends(ours)
    fewest, usual = ours[0], _ends(ours[1:])
    their_least, their_most = _ends(theirs)
    return [
        *(beside(our.name, our.cost, their.cost, "nginx") for our, their in zip(ours, theirs, strict=True)),
        beside(f"most ({most.name})", most.cost, least.cost, f"least ({least.name})", most=1.5),
        beside(f"without {fewest.name}", usual[1].cost, usual[0].cost, "least"),
        beside(f"nginx, most ({their_most.name})", their_most.cost, their_least.cost, "least"),
    ]


def _ends(entrants: list[Entrant]) -> tuple[Entrant, Entrant]:
    """The cheapest and the dearest."""
    least, *_, most = sorted(entrants, key=lambda each: each.cost)
    return least, most


def _name(count: int) -> str:
    return f"{count} connection{'s' if count > 1 else ''}"


def _nginx(lab: Lab, count: int, seconds: int) -> Entrant:
    url = lab.nginx.plain + PATH
    return lab.entrant(_name(count), url, [lab.nginx.pid], connections=count, seconds=seconds)
