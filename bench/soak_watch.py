"""Memory and file descriptors of every process of the gateways, sampled while it lives."""

from __future__ import annotations

import statistics
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from bench.measure import rss
from tests.support.replicas import Replicas

WARM = 0.3
"""Of a process's life that is not counted: it is still filling its caches."""


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

    def slope(self, values: list[float]) -> float:
        """Growth in a minute, once it was warm."""
        first = self.warm
        if len(values) - first < 3:
            return 0.0
        return statistics.linear_regression(self.seconds[first:], values[first:]).slope * 60


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
