"""What is done to the gateways, their stores and their app while people are at work, one thing at a time."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.support.cutoff import Cutoff
from tests.support.replicas import Replica, Replicas

Fault = Callable[[], None]


@dataclass
class Struck:
    """One of them: when it began, when it was over, and when every replica said that it is ready; monotonic seconds."""

    name: str
    began: float
    over: float
    ready: float


class Faults:
    """`store` are those of the stores that are in use, by name."""

    def __init__(self, front: Replicas, wire: Cutoff, store: dict[str, Fault]) -> None:
        self._front = front
        self._wire = wire
        self._random = random.Random(1)
        self.all: dict[str, Fault] = {
            "a worker is killed": self._kill_worker,
            "a replica is restarted": self._restart,
            "the app is away for 2 s": self._app_away,
            "the configuration is read again": self._reload,
            **store,
            "a replica is killed and comes back after 3 s": self._kill_replica,
            "the app falls silent for 3 s": self._app_silent,
        }

    def strike(self, name: str) -> Struck:
        began = time.monotonic()
        self.all[name]()
        over = time.monotonic()
        until_ready(self._front)
        return Struck(name, began, over, time.monotonic())

    def _one(self) -> Replica:
        return self._random.choice(self._front.each)

    def _kill_worker(self) -> None:
        replica = self._one()
        replica.kill_worker()
        if replica.workers == 1:
            replica.program.process.wait(10)
            replica.stop()
            replica.start()

    def _restart(self) -> None:
        replica = self._one()
        replica.stop()
        replica.start()

    def _kill_replica(self) -> None:
        replica = self._one()
        replica.kill()
        time.sleep(3)
        replica.start()

    def _reload(self) -> None:
        for replica in self._front.each:
            replica.program.signal(signal.SIGHUP)
        time.sleep(1)

    def _app_away(self) -> None:
        self._wire.refused()
        time.sleep(2)
        self._wire.whole()

    def _app_silent(self) -> None:
        self._wire.silent()
        time.sleep(3)
        self._wire.whole()


def until_ready(front: Replicas, within: float = 60.0) -> None:
    """Until each says so. Raises TimeoutError."""
    deadline = time.monotonic() + within
    while not all(each.ready() for each in front.each):
        if time.monotonic() > deadline:
            raise TimeoutError("a replica did not come back")
        time.sleep(0.1)
