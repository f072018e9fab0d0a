"""Messages over websockets: 64 connections, 64 bytes that come back, and then again. CPU is that of there and back."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from bench.lab import CONNECTIONS, LOAD_CORE, Lab, routes
from bench.measure import Load, cpu
from bench.rows import Entrant, Row, against, rounds
from bench.talking import Talk, handshake
from tests.support.processes import free_port, running

PATH = "/ws"


def section(lab: Lab) -> list[Row]:
    with ExitStack() as stack:
        app = stack.enter_context(_app(lab))
        nginx = stack.enter_context(lab.beside(app))
        served = stack.enter_context(lab.gateway(routes(app)))
        port = int(nginx.plain.rpartition(":")[2])
        ours = {"Origin": served.origin, "Cookie": served.headers["Cookie"]}
        through_nginx = _talk(lab, stack, "nginx", port, handshake(f"127.0.0.1:{port}", PATH, {}), nginx.pid)
        request = handshake(served.host, PATH, ours)
        through_us = _talk(lab, stack, "gateway", served.port, request, served.program.pid)
        rounds([through_nginx, through_us], lab.rounds)
    return [
        Row(f"{through_nginx.name}, a message there and back", through_nginx.cost),
        against(through_us, through_nginx, "nginx", most=1.3, name=f"{through_us.name}, the same"),
    ]


@contextmanager
def _app(lab: Lab) -> Iterator[int]:
    port = free_port()
    command = ["taskset", "-c", LOAD_CORE, sys.executable, "-m", "bench.talking", f"{port}"]
    with running(command, lab.place("talking"), port=port):
        yield port


def _talk(lab: Lab, stack: ExitStack, name: str, port: int, request: bytes, root: int) -> Entrant:
    talk = Talk()
    stack.callback(talk.close)
    talk.open(port, request, CONNECTIONS)

    def shoot() -> Load:
        before = cpu([root])
        count, seconds = talk.speak(lab.seconds)
        if not count:
            raise RuntimeError(f"{name}: no message came back")
        return Load(count, (cpu([root]) - before) / count, count / seconds)

    return Entrant(name, shoot)
