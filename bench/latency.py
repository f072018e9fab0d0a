"""What a proxy adds to the time of one request at a time: the median, less that of the app asked directly."""

from __future__ import annotations

from bench.lab import Lab
from bench.ordinary import PATH
from bench.rows import Row, beside, rounds

MILLI = 1000


def section(lab: Lab) -> list[Row]:
    nginx = [lab.nginx.pid]
    direct = lab.entrant("the app itself", f"http://127.0.0.1:{lab.app}{PATH}", nginx, connections=1)
    plain = lab.entrant("nginx proxy_pass adds", lab.nginx.plain + PATH, nginx, connections=1)
    ours = lab.ours("gateway adds", PATH, connections=1)
    rounds([direct, plain, ours], lab.rounds)
    took = direct.median(lambda load: load.p50)
    theirs, added = (each.median(lambda load: load.p50) - took for each in (plain, ours))
    return [
        Row(f"{direct.name} takes (p50)", took * MILLI),
        Row(plain.name, theirs * MILLI),
        beside(ours.name, added * MILLI, theirs * MILLI, "nginx adds", most=1.5),
    ]
