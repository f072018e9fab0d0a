"""MariaDB as Debian packages it, for the apps that need one: a server of the tests' own, its data in their folder."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.processes import STARTS_WITHIN, Program, free_port, launch

HOST = "127.0.0.1"
QUICK = {
    "innodb-flush-log-at-trx-commit": 0,
    "innodb-buffer-pool-size": "64M",
    "innodb-log-file-size": "16M",
    "performance-schema": "OFF",
    "skip-name-resolve": "ON",
}
"""Nothing here has to survive the machine, and nobody looks up names."""


@dataclass
class MariaDB:
    """One server, at 127.0.0.1 and `port`. Its `root` has no password."""

    folder: Path
    port: int
    program: Program

    def sql(self, statement: str, *, database: str = "") -> list[list[str]]:
        """As root; the rows, each value as text. Raises RuntimeError with what the server says."""
        command = ["mariadb", "--no-defaults", f"--host={HOST}", f"--port={self.port}", "--user=root", "--batch"]
        encoding = ["--skip-column-names", "--default-character-set=utf8mb4"]
        done = subprocess.run(
            [*command, *encoding, database], input=statement, text=True, capture_output=True, timeout=30
        )
        if done.returncode:
            raise RuntimeError(f"{statement}: {done.stderr}")
        return [line.split("\t") for line in done.stdout.splitlines()]

    def start(self) -> None:
        """Again, on the same port and data."""
        self.program = _serve(self.folder, self.port)


@contextmanager
def mariadb(folder: Path) -> Iterator[MariaDB]:
    """A new server, from when it takes connections until the end of the block."""
    if not all(shutil.which(each, path=_path()) for each in ("mariadbd", "mariadb-install-db", "mariadb")):
        needed = "mariadb-server-core mariadb-client-core"
        raise RuntimeError(f"MariaDB is needed: apt-get install --no-install-recommends {needed}")
    folder.mkdir(parents=True)
    install = [_found("mariadb-install-db"), "--no-defaults", "--skip-test-db", "--skip-name-resolve", *_whose()]
    normal = "--auth-root-authentication-method=normal"
    subprocess.run([*install, normal, f"--datadir={folder / 'data'}"], check=True, capture_output=True, timeout=60)
    port = free_port()
    started = MariaDB(folder, port, _serve(folder, port))
    try:
        yield started
    finally:
        started.program.stop()


def _serve(folder: Path, port: int) -> Program:
    options = [f"--{name}={value}" for name, value in QUICK.items()]
    # Names of sockets are short: a relative one is in the data's own folder.
    places = [f"--datadir={folder / 'data'}", "--socket=socket", "--pid-file=pid", f"--tmpdir={folder}"]
    command = [_found("mariadbd"), "--no-defaults", *places, f"--bind-address={HOST}", f"--port={port}"]
    program = launch([*command, *options, *_whose()], folder)
    deadline = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < deadline and program.process.poll() is None:
        try:
            socket.create_connection((HOST, port), timeout=5).close()
            return program
        except OSError:
            time.sleep(0.02)
    program.stop()
    raise RuntimeError(f"MariaDB did not start:\n{program.output()}")


def _whose() -> list[str]:
    """It does not run as root unless it is told to."""
    return ["--user=root"] if os.geteuid() == 0 else []


def _path() -> str:
    """Servers are not on everybody's PATH."""
    return f"{os.environ['PATH']}:/usr/sbin"


def _found(name: str) -> str:
    return shutil.which(name, path=_path()) or name
