"""What breaks under a running gateway: its own processes, the app behind it, the client before it."""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from tests.journeys.ageing import STATE
from tests.journeys.conftest import ROUTES
from tests.support.echo import Echo
from tests.support.processes import Program, free_port, launch, wait_for, write_config


def two_workers(folder: Path, port: int) -> Program:
    command = [sys.executable, "-m", "gateway", "serve", "--workers", "2", "--config", str(folder / "routes.toml")]
    program = launch(command, folder)
    wait_for(program, port, "/.gateway/healthz")
    return program


def test_workers_end_with_their_supervisor_and_the_next_one_has_the_port(app: Echo, tmp_path: Path) -> None:
    port = free_port()
    write_config(tmp_path, port, ROUTES.format(upstream=app.url))
    program = two_workers(tmp_path, port)
    try:
        os.kill(program.pid, signal.SIGKILL)
        program.process.wait(10)
        wait_until(lambda: not group_lives(program.pid))
        assert two_workers(tmp_path, port).stop() == 0
    finally:
        if group_lives(program.pid):
            os.killpg(program.pid, signal.SIGKILL)


def test_a_signal_to_reload_does_not_end_a_gateway_that_is_still_starting(app: Echo, tmp_path: Path) -> None:
    port = free_port()
    write_config(tmp_path, port, ROUTES.format(upstream=app.url))
    with closing(sqlite3.connect(tmp_path / STATE, isolation_level=None)) as db:
        db.execute("BEGIN EXCLUSIVE")  # it waits for this one
        program = launch(
            [sys.executable, "-m", "gateway", "serve", "--config", str(tmp_path / "routes.toml")], tmp_path
        )
        try:
            wait_until(lambda: STATE in opened(program))
            program.signal(signal.SIGHUP)
            time.sleep(0.3)
            assert program.process.poll() is None
            db.rollback()
            wait_for(program, port, "/.gateway/healthz")
        finally:
            program.stop()


def opened(program: Program) -> set[str]:
    """The names of the files it has open."""
    names = set()
    for each in Path(f"/proc/{program.pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            names.add(each.readlink().name)
    return names


def wait_until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def group_lives(group: int) -> bool:
    """Whether any process of it is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
