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

MOST_FILES = 8
"""Files more than it had open when it was warm: what pools of connections keep."""

LONG_ENOUGH = 60.0
"""Seconds."""

FEW = 5
"""Samples that tell what a process has open while it rests: the least of them."""


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
    def warm(self) -> int:
        """The number of the first sample that counts; 0 where it lived too shortly."""
        return int(len(self.seconds) * WARM)

    @property
    def slope(self) -> float:
        """MiB in a minute, once it was warm."""
        first = self.warm
        if len(self.memory) - first < 3:
            return 0.0
        return statistics.linear_regression(self.seconds[first:], self.memory[first:]).slope * 60

    @property
    def grown(self) -> float:
        """By how much of what it had when it was warm, until the end."""
        return self.slope / 60 * (self.seconds[-1] - self.seconds[self.warm]) / self.memory[self.warm]

    @property
    def resting(self) -> tuple[float, float]:
        """Files open when it was warm, and at last, by the least of some samples."""
        return min(self.files[self.warm :][:FEW]), min(self.files[-FEW:])

    def faults(self) -> list[str]:
        """What it keeps and should not."""
        before, after = self.resting if self.warm else (0.0, 0.0)
        if self.lived < LONG_ENOUGH or (self.grown <= MOST_MEMORY and after <= before + MOST_FILES):
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
