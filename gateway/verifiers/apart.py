"""Passwords hashed by a process of its own.

Linux gives cores out in turns of some milliseconds, too long for whoever waits for an answer meanwhile; and a thread
that takes a core only when nobody else wants it may be stopped while it has the interpreter's lock, and everybody
with it.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import subprocess
import sys
import threading
import weakref
from contextlib import suppress
from typing import IO, cast

from gateway.processes import begin

ANSWERING = "gateway.verifiers.answering"

NICENESS = 10
"""Where a core cannot be left to all others: a tenth of one that they want as well."""

Answer = asyncio.Future["str | None | OSError"]


class Apart:
    """A process that is begun when it is asked for something, and asked for one thing at a time.

    No thread stands between it and the loop: one that wakes up and sleeps again makes Linux choose anew who runs next.
    """

    def __init__(self) -> None:
        self.asked: Answer | None = None
        """The last thing. Whoever asked may have left; it is answered all the same."""
        self.late = False
        """It takes too long."""
        self._process: Process | None = None
        self._number = secrets.randbits(48)
        self._said = b""

    @property
    def busy(self) -> bool:
        """The last thing is not answered yet."""
        return self.asked is not None and not self.asked.done()

    def ask(self, question: tuple[str | None, ...]) -> Answer:
        """What `answering.call` says to this, or that the process is gone; it is begun again when it is asked again."""
        if self.busy:
            raise RuntimeError("one thing at a time, or answers would reach the wrong person")
        loop = asyncio.get_running_loop()
        self.asked = loop.create_future()
        try:
            if self._process is None:
                self._process = Process()
            loop.add_reader(self._process.reads, self._hear, self._process.reads)
            self._number += 1
            line = json.dumps([self._number, *question]).encode() + b"\n"
            if os.write(self._process.writes, line) < len(line):
                raise BlockingIOError("the process that hashes passwords does not listen")
        except OSError as error:
            self.end(error)
        return self.asked

    def end(self, why: OSError | None = None) -> None:
        """What it took is free."""
        if self._process is not None:
            asyncio.get_running_loop().remove_reader(self._process.reads)
            self._process.end()
        self._process = None
        self._answer(why or BrokenPipeError("the process that hashes passwords is gone"))

    def _hear(self, reads: int) -> None:
        piece = os.read(reads, 1 << 16)
        self._said += piece
        if not piece:
            self.end()
        elif piece.endswith(b"\n"):
            try:
                number, said = json.loads(self._said)
            except ValueError:
                number, said = None, None
            if number == self._number:
                asyncio.get_running_loop().remove_reader(reads)
                self._answer(said)
            else:
                self.end(OSError("the process that hashes passwords answers what it was not asked"))

    def _answer(self, said: str | OSError | None) -> None:
        self._said, self.late = b"", False
        if self.asked is not None and not self.asked.done():
            self.asked.set_result(said)


class Process:
    """From its start it takes a core only when nobody else wants it. It ends when this is forgotten, at the latest."""

    def __init__(self) -> None:
        """Raises OSError."""
        process = begin(ANSWERING, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.pid, stdin, stdout = process.pid, cast(IO[bytes], process.stdin), cast(IO[bytes], process.stdout)
        self.writes, self.reads = stdin.fileno(), stdout.fileno()
        os.set_blocking(self.writes, False)
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, self.pid, max(NICENESS, os.getpriority(os.PRIO_PROCESS, self.pid)))
            if sys.platform == "linux":
                os.sched_setscheduler(self.pid, os.SCHED_IDLE, os.sched_param(0))
        self.end = weakref.finalize(self, _end, process, stdin, stdout)


def _end(process: subprocess.Popen[bytes], *pipes: IO[bytes]) -> None:
    for pipe in pipes:
        pipe.close()
    process.kill()
    with suppress(RuntimeError):  # this process ends as well
        # Whoever takes only what is left of a core may be long about ending.
        threading.Thread(target=process.wait, daemon=True).start()
