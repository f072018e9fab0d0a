"""Real programs on free loopback ports: the gateway itself, and the apps it stands in front of.

Time in these tests is real. A session grows stale by waiting: write `max_age = "2s"` in the routes, and sleep.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STARTS_WITHIN = 30.0
STOPS_WITHIN = 10.0
PEOPLE = {"alice": "correct horse battery", "bob": "staple correct horse"}


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Program:
    """A process of ours, its output in files."""

    process: subprocess.Popen[bytes]
    out: Path
    err: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def output(self) -> str:
        """Everything it has printed so far, to either stream."""
        return self.out.read_text(errors="replace") + self.err.read_text(errors="replace")

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def stop(self) -> int:
        """Ask it to end, then make it end, with all that it started. Its exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(STOPS_WITHIN)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int:
        """End it at once, with all that it started. Its exit status."""
        os.killpg(self.pid, signal.SIGKILL)
        return self.process.wait(STOPS_WITHIN)


def launch(command: Sequence[str | Path], folder: Path, *, env: Mapping[str, str] | None = None) -> Program:
    """Start a program in a process group of its own; its output goes to files in `folder`."""
    number = len(list(folder.glob("*.out")))
    out, err = folder / f"{number}.out", folder / f"{number}.err"
    with out.open("wb") as stdout, err.open("wb") as stderr:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONUNBUFFERED": "1", **(env or {})},
            start_new_session=True,
        )
    return Program(process, out, err)


def answers(port: int, path: str) -> bool:
    """Whether `GET path` is answered with less than 500."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def wait_for(program: Program, port: int, path: str) -> None:
    """Return when `GET path` is answered with less than 500, and people can sign in.

    Raises with the output if that never happens.
    """
    deadline = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < deadline and program.process.poll() is None:
        if answers(port, path):
            a_second_later()
            return
        time.sleep(0.05)
    program.stop()
    raise RuntimeError(f"{program.process.args!r} did not start:\n{program.output()}")


@contextmanager
def running(
    command: Sequence[str | Path], folder: Path, *, port: int, ready: str = "/", env: Mapping[str, str] | None = None
) -> Iterator[Program]:
    """Any web app, from when it answers `GET ready` until the end of the block."""
    folder.mkdir(parents=True, exist_ok=True)
    program = launch(command, folder, env=env)
    try:
        wait_for(program, port, ready)
        yield program
    finally:
        program.stop()


@contextmanager
def sample_app(folder: Path, port: int | None = None) -> Iterator[str]:
    """The bundled notes app; its URL."""
    port = port or free_port()
    command = [sys.executable, "-m", "gateway.demo.notes", "--port", str(port)]
    with running(command, folder, port=port, ready="/static/notes.css"):
        yield f"http://127.0.0.1:{port}"


@dataclass
class Gateway:
    """The gateway as an operator runs it: a folder with routes.toml, a secret, two databases and one process."""

    folder: Path
    port: int
    program: Program

    @property
    def url(self) -> str:
        """As browsers reach it; `localhost`, because WebAuthn takes no bare addresses."""
        return f"http://localhost:{self.port}"

    def audit(self) -> list[dict[str, Any]]:
        """The audit log so far. Lines leave at the end of a turn of its loop, and answers may be quicker."""
        answers(self.port, "/.gateway/healthz")
        lines = self.program.out.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def cli(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a `gateway` command on the same configuration, to its end."""
        return run_cli(self.folder, *arguments, stdin=stdin)

    def restart(self) -> None:
        """Stop it and start it again, on the same port and databases."""
        self.program.stop()
        self.start()

    def start(self) -> None:
        self.program = launch([sys.executable, "-m", "gateway", "serve", *_config(self.folder)], self.folder)
        wait_for(self.program, self.port, "/.gateway/healthz")


def run_cli(folder: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run a `gateway` command on the routes.toml in `folder`, to its end."""
    command, *rest = arguments
    return subprocess.run(
        [sys.executable, "-m", "gateway", command, *rest, *_config(folder)],
        input=stdin,
        text=True,
        capture_output=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        timeout=60,
    )


def _config(folder: Path) -> list[str]:
    return ["--config", str(folder / "routes.toml")]


def write_config(
    folder: Path, port: int, routes: str, extra: str = "", *, state: str = "sqlite:gateway-state.db"
) -> None:
    """routes.toml: a `[gateway]` table for this folder and port, `extra` lines in it, then `routes` as given."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "gateway.secret").write_text(os.urandom(32).hex())
    (folder / "gateway.secret").chmod(0o600)
    (folder / "routes.toml").write_text(
        f"""\
[gateway]
listen = "127.0.0.1:{port}"
public_url = "http://localhost:{port}"
state = "{state}"
directory = "sqlite:gateway.db"
secret = "file:gateway.secret"
{extra}
{routes}"""
    )


def add_people(folder: Path, people: Mapping[str, str]) -> None:
    """Add people and their passwords, as an operator would. See `a_second_later`."""
    for name, password in people.items():
        done = run_cli(folder, "users", "add", name, "--password-stdin", stdin=password + "\n")
        if done.returncode:
            raise RuntimeError(f"users add {name}: {done.stdout}{done.stderr}")
        _added.append(int(time.time()))


def a_second_later() -> None:
    """A password that was set in the very second of the sign-in counts as set after it (law 8)."""
    while _added and int(time.time()) <= _added[-1]:
        time.sleep(0.02)


_added: list[int] = []


@contextmanager
def gateway(
    folder: Path,
    routes: str,
    *,
    extra: str = "",
    people: Mapping[str, str] | None = None,
    port: int | None = None,
    env: Mapping[str, str] | None = None,
) -> Iterator[Gateway]:
    """The real gateway: `routes` is the text of routes.toml after `[gateway]`, `people` maps names to passwords."""
    port = port or free_port()
    write_config(folder, port, routes, extra)
    add_people(folder, PEOPLE if people is None else people)
    command = [sys.executable, "-m", "gateway", "serve", *_config(folder)]
    served = Gateway(folder, port, launch(command, folder, env=env))
    try:
        wait_for(served.program, port, "/.gateway/healthz")
        yield served
    finally:
        served.program.stop()
