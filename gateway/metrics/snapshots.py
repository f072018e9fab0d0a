"""How the numbers of workers reach the process that publishes them: a file each, in a folder that both know.

A file is replaced whole, so a reader never sees half of one, and what a worker had written stands when it is killed:
it loses a second at most. What the dead had counted goes on counting; their gauges are gone with them.
"""

from __future__ import annotations

import json
import os
import secrets
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from gateway.metrics.counts import Counts, Key
from gateway.metrics.names import METRICS


class Sum(NamedTuple):
    """Of several workers. `times` are the counts of each bucket, and the seconds in all."""

    totals: dict[Key, int]
    times: dict[Key, tuple[list[int], float]]
    gauges: dict[Key, float]


class Writer:
    """One worker's."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / f"{os.getpid()}-{secrets.token_hex(4)}.json"
        self._turn = threading.Lock()

    def text(self, counts: Counts) -> str:
        """All of it as it is now."""
        counts.settle()
        return json.dumps(
            {
                "at": time.monotonic(),  # one clock for all processes
                "totals": list(counts.totals.items()),
                "times": [(key, times.counts, times.total) for key, times in counts.times.items()],
                "gauges": list(counts.gauges.items()),
            }
        )

    def write(self, text: str) -> None:
        """Put it where `Reader` finds it. Raises OSError."""
        fresh = self._file.with_suffix(".new")
        with self._turn:  # the last word may come while another is being written
            fresh.write_text(text)
            fresh.replace(self._file)


class Reader:
    """For one thread at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._dead: list[dict[str, Any]] = []

    def read(self) -> Sum:
        """What all of them counted, and the gauges of those that run."""
        living = []
        for file, alive in [(file, _runs(int(file.name.partition("-")[0]))) for file in self._folder.glob("*.json")]:
            said = json.loads(file.read_text())
            if alive:
                living.append(said)
            else:
                self._dead = [_as_said(_sum([*self._dead, said]))]
                file.unlink()
        living.sort(key=lambda said: said["at"])
        return _sum([*self._dead, *living], living)


def _sum(counted: list[dict[str, Any]], living: list[dict[str, Any]] | None = None) -> Sum:
    totals: defaultdict[Key, int] = defaultdict(int)
    times: dict[Key, tuple[list[int], float]] = {}
    for said in counted:
        for key, number in said["totals"]:
            totals[tuple(key)] += number
        for key, counts, total in said["times"]:
            before, seconds = times.get(tuple(key), ([0] * len(counts), 0.0))
            times[tuple(key)] = [one + other for one, other in zip(before, counts, strict=True)], seconds + total
    return Sum(totals, times, dict(_gauges(living or [])))


def _gauges(living: list[dict[str, Any]]) -> Iterator[tuple[Key, float]]:
    values: defaultdict[Key, list[float]] = defaultdict(list)
    for said in living:
        for key, value in said["gauges"]:
            values[tuple(key)].append(value)
    yield ("gateway_workers",), len(living)
    for key, found in values.items():
        yield key, METRICS[key[0]].merge(found)


def _as_said(found: Sum) -> dict[str, Any]:
    return {
        "totals": list(found.totals.items()),
        "times": [(key, counts, total) for key, (counts, total) in found.times.items()],
    }


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):  # nobody, or by now somebody else
        return False
    return True
