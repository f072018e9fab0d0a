"""Memory and file descriptors of every process of the gateways, sampled while it lives."""

from __future__ import annotations

import statistics
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from bench.measure import rss
from tests.support.replicas import Replicas

WARM = 0.5
"""Of a process's life that is not counted: it is still filling its caches."""

MOST_MEMORY = 0.1
"""Of its memory that a process may grow by in the second half of its life, if that is long enough to tell."""

MOST_FILES = 16
"""Files more than it had open when it was warm: what a pool of connections keeps."""

LONG_ENOUGH = 60.0
"""Seconds."""

FEW = 5
"""Samples of which the least counts: checking a password takes 19 MiB for a moment, and a request its connections."""


@dataclass
class Life:
    """Of one process: MiB and open files over seconds."""

    role: str
    seconds: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    files: list[float] = field(default_factory=list)

    @property
    def lived(self) -> float:
        return self.seconds[-1] - self.seconds[0] if self.seconds else 0.0

    @property
    def tells(self) -> bool:
        """Whether it lived for long enough."""
        return self.lived >= LONG_ENOUGH

    @property
    def slope(self) -> float:
        """MiB in a minute, once it was warm."""
        return statistics.linear_regression(self._rested(self.seconds), self._rested(self.memory)).slope * 60

    @property
    def grown(self) -> float:
        """By how much of what it had when it was warm, until the end."""
        seconds, memory = self._rested(self.seconds), self._rested(self.memory)
        return self.slope / 60 * (seconds[-1] - seconds[0]) / memory[0]

    @property
    def open(self) -> tuple[float, float]:
        """Files, when it was warm and at last."""
        rested = self._rested(self.files)
        return rested[0], rested[-1]

    def _rested(self, values: list[float]) -> list[float]:
        counted = values[int(len(values) * WARM) :]
        return [min(counted[at : at + FEW]) for at in range(0, len(counted) - FEW + 1, FEW)]

    def faults(self) -> list[str]:
        """What it keeps and should not."""
        if not self.tells:
            return []
        before, after = self.open
        if self.grown <= MOST_MEMORY and after <= before + MOST_FILES:
            return []
        return [f"a process of {self.role} grew by {self.grown:.0%}, and from {before:.0f} open files to {after:.0f}"]


class Watch:
    """From `start` to `stop`."""

    def __init__(self, front: Replicas, every: float = 2.0) -> None:
        self._front, self._every = front, every
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.lives: dict[int, Life] = {}

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(self._every):
            for number, replica in enumerate(self._front.each):
                try:
                    for pid in replica.worker_pids():
                        self._sample(pid, f"replica {number}")
                except OSError:
                    continue  # it ended in this very moment

    def _sample(self, pid: int, role: str) -> None:
        memory, files = rss(pid), len(list(Path(f"/proc/{pid}/fd").iterdir()))
        if memory:
            life = self.lives.setdefault(pid, Life(role))
            life.seconds.append(time.monotonic())
            life.memory.append(memory)
            life.files.append(files)
