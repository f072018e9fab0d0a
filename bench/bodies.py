"""1 MiB down and up, 16 connections, beside an nginx that streams as well; and the memory it takes meanwhile."""

from __future__ import annotations

from pathlib import Path

from bench.heads import uploading
from bench.lab import Lab, worker
from bench.measure import Peak, rss
from bench.nginx import MEBIBYTE
from bench.rows import Entrant, Row, against, beside, rounds

CONNECTIONS = 16
FLAT = 1.1


def section(lab: Lab) -> list[Row]:
    served, nginx = lab.served, lab.nginx
    upload = uploading(lab.place("upload.lua"), MEBIBYTE)
    roots, count = [served.program.pid], CONNECTIONS
    down = [
        lab.entrant("nginx, 1 MiB down", f"{nginx.plain}/mib", [nginx.pid], connections=count),
        lab.entrant("gateway, 1 MiB down", f"{served.url}/mib", roots, served.headers, connections=count),
    ]
    up = [
        lab.entrant("nginx, 1 MiB up", f"{nginx.plain}/sink", [nginx.pid], script=upload, connections=count),
        lab.entrant("gateway, 1 MiB up", f"{served.url}/sink", roots, served.headers, script=upload, connections=count),
    ]
    down[1].shoot()
    before = rss(worker(served))
    with Peak(worker(served)) as peak:
        rounds([*down, *up], lab.rounds)
    _came_through(down, up, lab.sink)
    return [
        Row(down[0].name, down[0].cost),
        against(down[1], down[0], "nginx", most=1.2),
        Row(up[0].name, up[0].cost),
        against(up[1], up[0], "nginx", most=1.2),
        Row("RSS of the worker before", before, "MiB"),
        beside("RSS of the worker, peak meanwhile", peak.mebibytes, before, "before", most=FLAT, unit="MiB"),
    ]


def _came_through(down: list[Entrant], up: list[Entrant], log: Path) -> None:
    """Raises RuntimeError if a body did not."""
    for load in (load for each in down for load in each.loads):
        if load.mebibytes < 0.99 * load.requests:  # wrk rounds what it has read: "1.56GB"
            raise RuntimeError(f"{load.requests} downloads had {load.mebibytes:.0f} MiB")
    lengths = [int(line) for line in log.read_text().split()]
    whole = sum(length > MEBIBYTE for length in lengths)
    asked = sum(load.requests for each in up for load in each.loads)
    if whole < asked:
        raise RuntimeError(f"the app got {whole} whole bodies of {asked}")
