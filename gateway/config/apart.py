"""routes.toml read by a process of its own, which ends when it has told what it found.

What checks a file takes 10 MiB and a quarter of a second, once: those who serve should neither keep it nor wait for it.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from pkgutil import resolve_name
from typing import cast

from gateway.config.report import Report
from gateway.config.settings import Settings
from gateway.errors import GatewayError

CODE = "import sys; sys.path[:] = {path!r}; from gateway.config.apart import answer; answer(*sys.argv[1:])"
"""What it runs: modules from where this process has them."""

NICENESS = "10"


class Reading:
    """Under way as soon as it is made. The other process has our environment, and so the secrets in it."""

    def __init__(self, path: Path, niceness: str = "0") -> None:
        self._path = path
        command = [sys.executable, "-c", CODE.format(path=sys.path), str(path), niceness]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)  # noqa: S603

    def report(self) -> Report:
        """All there is to say, without what the settings were made of. Once; raises whatever reading raised."""
        said, _ = self._process.communicate()
        if self._process.returncode or not said:
            raise GatewayError(f"{self._path} is not read: what reads it ended with status {self._process.returncode}")
        found = pickle.loads(said)  # noqa: S301  # from nobody but `answer`
        if isinstance(found, Exception):
            raise found
        return cast(Report, found)


def load(path: Path) -> Settings:
    """The settings. Raises ConfigError with every problem."""
    return Reading(path).report().good()


def again(path: Path) -> Report:
    """For those who serve meanwhile: reading gives way to them."""
    return Reading(path, NICENESS).report()


def answer(path: str, niceness: str) -> None:
    """The other process."""
    os.nice(int(niceness))
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a terminal tells it too, and it has nothing to say to that
    found: object
    try:
        report: Report = resolve_name("gateway.config.load:check")(Path(path), env=os.environ)
        found = replace(report, source=None)
    except Exception as error:
        found = error
    sys.stdout.buffer.write(pickle.dumps(found))
