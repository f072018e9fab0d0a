"""What breaks under a running gateway: its own processes, the app behind it, the client before it."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

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
        deadline = time.monotonic() + 10
        while group_lives(program.pid) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not group_lives(program.pid)
        assert two_workers(tmp_path, port).stop() == 0
    finally:
        if group_lives(program.pid):
            os.killpg(program.pid, signal.SIGKILL)


def group_lives(group: int) -> bool:
    """Whether any process of it is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
