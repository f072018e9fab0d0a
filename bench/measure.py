"""CPU time and memory of processes, as Linux counts them; load from wrk."""

from __future__ import annotations

import os
import re
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

TICK = 1_000_000 / os.sysconf("SC_CLK_TCK")
UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}
SIZES = {"B": 2**-20, "KB": 2**-10, "MB": 1.0, "GB": 2.0**10}


def family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    children = [child for task in tasks for child in (task / "children").read_text().split()]
    return [pid, *(member for child in children for member in family(int(child)))]


def cpu(roots: Sequence[int]) -> float:
    """Microseconds of these and all they started, user and system together (proc(5): fields 14 and 15 of stat)."""
    total = 0
    for pid in (member for root in roots for member in family(root)):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total * TICK


def rss(pid: int) -> float:
    """MiB resident."""
    found = re.search(r"^VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.M)
    return int(found[1]) / 1024 if found else 0.0


def pin(pid: int, cores: str) -> None:
    """All threads of all of its family; `cores` as taskset takes them."""
    for member in family(pid):
        for task in Path(f"/proc/{member}/task").iterdir():
            os.sched_setaffinity(int(task.name), {int(core) for core in cores.split(",")})


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
    """What the clients saw, and what it cost the proxy."""

    requests: int
    microseconds: float  # of CPU, per request
    per_second: float
    p50: float = 0.0  # milliseconds
    p99: float = 0.0
    mebibytes: float = 0.0  # read, in all


def load(
    url: str,
    roots: Sequence[int],
    headers: Mapping[str, str],
    *,
    connections: int,
    seconds: int,
    cores: str,
    script: Path | None = None,
) -> Load:
    """Keep-alive connections for some seconds; raises RuntimeError if any answer was 4xx, 5xx or none."""
    command = ["taskset", "-c", cores, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout=10s"]
    command += [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
    command += ["-s", str(script)] if script else []
    before = cpu(roots)
    said = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout
    return read(said, cpu(roots) - before)


def read(said: str, spent: float) -> Load:
    """What wrk said, and the microseconds that the proxy spent meanwhile."""
    counted = re.search(r"(\d+) requests in \S+, ([\d.]+)([KMG]?B) read", said)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    shares = {share: float(value) * UNITS[unit] for share, value, unit in re.findall(r"(\d+)%\s+([\d.]+)(\w+)", said)}
    if not (counted and int(counted[1]) and rate) or "Non-2xx" in said or "Socket errors" in said:
        raise RuntimeError(said)
    requests, size = int(counted[1]), float(counted[2]) * SIZES[counted[3]]
    return Load(requests, spent / requests, float(rate[1]), shares["50"], shares["99"], size)
