"""The state on Redis, beside that in a file."""

from __future__ import annotations

from bench.lab import Lab, routes
from bench.ordinary import PATH
from bench.rows import Row, against, rounds
from tests.support.redis_servers import valkey


def section(lab: Lab) -> list[Row]:
    """The server, a Valkey, runs where the load does; what it costs itself does not count."""
    with valkey(lab.place("valkey")) as server, lab.gateway(routes(lab.app), state=server.url()) as served:
        pairs = [
            (lab.ours(f"{kind}, SQLite", path), lab.ours(f"{kind}, Redis", path, served))
            for kind, path in (("ordinary", PATH), ("sensitive", "/things/0/1"))
        ]
        rounds([each for pair in pairs for each in pair], lab.rounds)
    (ordinary, far), (sensitive, farther) = pairs
    return [
        Row(ordinary.name, ordinary.cost),
        against(far, ordinary, "SQLite", most=1.25),
        Row(sensitive.name, sensitive.cost),
        against(farther, sensitive, "SQLite"),
    ]
