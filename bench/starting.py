"""From starting the program to its first answer; and the memory of a worker, at rest and after the load."""

from __future__ import annotations

import os
import socket
import statistics
import time
from pathlib import Path

from bench.lab import PROXY_CORE, Lab, command, routes, worker
from bench.measure import rss
from bench.ordinary import PATH
from bench.rows import Row, at_most, rounds
from tests.support.processes import STARTS_WITHIN, free_port, launch, write_config

TIMES = 5
SOONEST, LARGEST = 1.0, 60.0


def section(lab: Lab) -> list[Row]:
    took = _starts(lab)
    with lab.gateway(routes(lab.app)) as served:
        at_rest = rss(worker(served))
        rounds([lab.ours("ordinary", PATH, served), lab.ours("sensitive", "/things/0/1", served)], 1)
        after = rss(worker(served))
    return [
        at_most("exec to the first 200", statistics.median(took), SOONEST, "s"),
        Row("the quickest of them", min(took), "s"),
        Row("load of the machine meanwhile (quiet: below 1)", os.getloadavg()[0], ""),
        at_most("RSS of a worker at rest", at_rest, LARGEST, "MiB"),
        at_most("RSS of a worker after the load", after, LARGEST, "MiB"),
    ]


def _starts(lab: Lab) -> list[float]:
    """Seconds; the first one makes the databases, and does not count."""
    folder, port = lab.place("starting"), free_port()
    write_config(folder, port, routes(lab.app))
    return [_start(folder, port) for _ in range(TIMES + 1)][1:]


def _start(folder: Path, port: int) -> float:
    began = time.monotonic()
    program = launch(command(folder, PROXY_CORE), folder)
    try:
        while not _answers(port):
            if time.monotonic() - began > STARTS_WITHIN:
                raise RuntimeError(program.output())
            time.sleep(0.005)
        return time.monotonic() - began
    finally:
        program.stop()


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as client:
            client.sendall(b"GET /.gateway/healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return client.recv(64).startswith(b"HTTP/1.1 200")
    except OSError:
        return False
