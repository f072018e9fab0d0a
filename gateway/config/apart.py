"""routes.toml read by a process of its own, which ends when it has told what it found.

What checks a file takes 10 MiB and a quarter of a second, once: those who serve should neither keep it nor wait for it.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
from dataclasses import replace
from pathlib import Path
from pkgutil import resolve_name
from typing import cast

from gateway.config.report import Report
from gateway.config.settings import Settings
from gateway.errors import GatewayError
from gateway.processes import begin

NICENESS = "10"


class Reading:
    """Under way as soon as it is made, by a copy of this process: it need not load again what is loaded already.

    Only where there are no threads yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        reads, writes = os.pipe()
        self._process = os.fork()
        if not self._process:
            try:
                answer(str(path), to=writes)
            finally:
                os._exit(1)
        os.close(writes)
        self._said = open(reads, "rb")

    def report(self) -> Report:
        """All there is to say, without what the settings were made of. Once; raises whatever reading raised."""
        with self._said:
            said = self._said.read()
        return _understood(self._path, said, os.waitstatus_to_exitcode(os.waitpid(self._process, 0)[1]))


def load(path: Path) -> Settings:
    """The settings, by a new process. Raises ConfigError with every problem."""
    return again(path, "0").good()


def again(path: Path, niceness: str = NICENESS) -> Report:
    """By a new process, which gives way to those who serve meanwhile; like `Reading.report`."""
    process = begin(__name__, str(path), niceness, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    said, _ = process.communicate()
    return _understood(path, said, process.returncode)


def _understood(path: Path, said: bytes, status: int) -> Report:
    if status or not said:
        raise GatewayError(f"{path} is not read: what reads it ended with status {status}")
    found = pickle.loads(said)  # noqa: S301  # from nobody but `answer`
    if isinstance(found, Exception):
        raise found
    return cast(Report, found)


def answer(path: str, niceness: str = "0", to: int = 1) -> None:
    """The other process."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a terminal tells it too, and it has nothing to say to that
    os.nice(int(niceness))
    found: object
    try:
        report: Report = resolve_name("gateway.config.load:check")(Path(path), env=os.environ)
        found = replace(report, source=None)
    except Exception as error:
        found = error
    with open(to, "wb") as said:
        said.write(pickle.dumps(found))
    os._exit(0)
