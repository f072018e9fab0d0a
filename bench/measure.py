"""CPU time and memory of processes, as Linux counts them; load from wrk."""

from __future__ import annotations

import os
import re
import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

TICK = 1_000_000 / os.sysconf("SC_CLK_TCK")


def family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(member for child in children for member in family(int(child)))]


def cpu(pids: list[int]) -> float:
    """Microseconds, user and system together (proc(5): fields 14 and 15 of stat)."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total * TICK


def rss(pid: int) -> float:
    """MiB resident."""
    found = re.search(r"^VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.M)
    return int(found[1]) / 1024 if found else 0.0


class Peak:
    """The largest RSS of a process, in MiB, seen while the block runs."""

    def __init__(self, pid: int) -> None:
        self.mebibytes = 0.0
        self._pid = pid
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.02):
            self.mebibytes = max(self.mebibytes, rss(self._pid))


class Load(NamedTuple):
    """What wrk saw, and what it cost the proxy."""

    requests: int
    microseconds: float  # of CPU, per request
    per_second: float
    p99: str


def load(url: str, pids: list[int], headers: dict[str, str], *, connections: int, seconds: int, core: int) -> Load:
    """Keep-alive connections for some seconds; raises if any answer was not 2xx."""
    fields = [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
    command = ["taskset", "-c", str(core), "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", *fields, url]
    before = cpu(pids)
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    spent = cpu(pids) - before
    requests = re.search(r"(\d+) requests in", said)
    rate, p99 = re.search(r"Requests/sec:\s+([\d.]+)", said), re.search(r"99%\s+(\S+)", said)
    if not (requests and rate and p99) or "Non-2xx" in said or "Socket errors" in said:
        raise RuntimeError(f"{url}: {said}")
    return Load(int(requests[1]), spent / int(requests[1]), float(rate[1]), p99[1])
