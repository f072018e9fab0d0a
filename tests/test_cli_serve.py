"""What `gateway serve` tells its operator on standard error; standard output is the audit log's."""

import os
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from gateway import cli
from tests.support.processes import Gateway, free_port, gateway, launch, running, write_config

ROUTES = '[[app]]\nname = "notes"\nupstream = "http://127.0.0.1:{port}"\n'


def told(gate, words):
    """What is on stderr once `words` are."""
    deadline = time.monotonic() + 10
    while words not in gate.program.err.read_text() and time.monotonic() < deadline:
        time.sleep(0.02)
    return gate.program.err.read_text()


def test_it_says_where_it_listens_and_after_a_reload_what_changed(tmp_path):
    with gateway(tmp_path, ROUTES.format(port=free_port()), people={}) as gate:
        said = f"gateway: listening on 127.0.0.1:{gate.port} for notes (http://localhost:{gate.port})\n"
        assert told(gate, "listening").count(said) == 1
        file = tmp_path / "routes.toml"
        file.write_text(file.read_text().replace(f'"127.0.0.1:{gate.port}"', f'"[::1]:{free_port()}"'))
        gate.program.signal(signal.SIGHUP)
        lines = told(gate, "reloaded").partition(said)[2].splitlines()
        assert lines[-2:] == [
            f"gateway: goes on listening on 127.0.0.1:{gate.port}: another address needs a restart",
            f"gateway: reloaded {file}",
        ]
        assert f"gateway: warning: {file}:8: app[0]: has no [[app.route]]: nothing is sensitive" in lines[-3]
        assert gate.audit() == []


@pytest.mark.parametrize("allowed", ["9000", "300"])
def test_it_makes_room_for_its_connections_as_far_as_it_may(tmp_path, allowed):
    port = free_port()
    write_config(tmp_path, port, ROUTES.format(port=free_port()))
    serve = f"exec {sys.executable} -m gateway serve --config {tmp_path}/routes.toml"
    command = ["bash", "-c", f"ulimit -Sn 256; ulimit -Hn {allowed}; {serve}"]
    with running(command, tmp_path, port=port, ready="/.gateway/healthz") as program:
        limits = Path(f"/proc/{program.pid}/limits").read_text().splitlines()
        (found,) = (line.split()[3] for line in limits if "open files" in line)
        warned = "4096 connections need 8576 open files, and 300 are allowed" in program.output()
        assert (found, warned) == {"9000": ("8576", False), "300": ("300", True)}[allowed]


def test_it_says_which_version_it_is(capsys):
    try:
        cli.main(["--version"])
    except SystemExit as end:
        assert end.code == 0
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    assert capsys.readouterr().out == f"gateway {project['version']}\n"


HERE = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
NOT_YET = (
    "pydantic",
    "webauthn",
    "OpenSSL",
    "httpx",
    "segno",
    "prometheus_client",
    "redis",
    "asyncpg",
    "gateway.cli_people",
)


def test_what_no_request_has_needed_is_not_carried(tmp_path):
    write_config(tmp_path, free_port(), ROUTES.format(port=free_port()))
    code = f"""
import asyncio, sys
from pathlib import Path
from gateway import cli
from gateway.app import Gateway

async def main():
    Gateway(Path("routes.toml"))

asyncio.run(main())
print([name for name in {NOT_YET} if name in sys.modules])
"""
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, env=HERE, timeout=60
    )
    assert ran.stdout == "[]\n", ran.stderr


def resident(pid):
    """In KiB."""
    (line,) = [each for each in Path(f"/proc/{pid}/status").read_text().splitlines() if each.startswith("VmRSS:")]
    return int(line.split()[1])


def test_a_worker_at_rest_is_small(tmp_path):
    most = 57 << 10  # it is 51 MiB here; libraries and systems differ by a little
    with gateway(tmp_path, ROUTES.format(port=free_port()), people={}) as gate:
        deadline = time.monotonic() + 10
        while resident(gate.program.pid) > most and time.monotonic() < deadline:
            time.sleep(0.05)  # it may be hashing: 19 MiB, for a moment
        assert resident(gate.program.pid) <= most


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_hangup_while_it_starts_is_heard_once_it_listens(tmp_path, workers):
    port = free_port()
    write_config(tmp_path, port, ROUTES.format(port=free_port()))
    command = [sys.executable, "-m", "gateway", "serve", "--workers", workers, "--config", tmp_path / "routes.toml"]
    gate = Gateway(tmp_path, port, launch(command, tmp_path))
    try:
        assert "listening" in told(gate, "listening")
        gate.program.signal(signal.SIGHUP)
        assert "gateway: reloaded" in told(gate, "gateway: reloaded")
    finally:
        assert gate.program.stop() == 0
