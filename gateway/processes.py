"""Processes of our own beside those that serve."""

from __future__ import annotations

import signal
import subprocess
import sys

CODE = "import sys; sys.path[:] = {path!r}; from {module} import answer; answer(*sys.argv[1:])"
"""What a new process runs: modules from where this one has them."""

NOT_FOR_THEM = {signal.SIGTERM, signal.SIGHUP, signal.SIGINT}
"""What a whole group may be told. They end when they are done, or nobody can ask them any more, and not before."""


def begin(module: str, *arguments: str, stdin: int, stdout: int) -> subprocess.Popen[bytes]:
    """One that runs `answer` of that module. Raises OSError."""
    command = [sys.executable, "-c", CODE.format(path=sys.path, module=module), *arguments]
    before = signal.pthread_sigmask(signal.SIG_BLOCK, NOT_FOR_THEM)
    try:
        return subprocess.Popen(command, stdin=stdin, stdout=stdout)  # noqa: S603
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
