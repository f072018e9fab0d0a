"""How the numbers of several workers become one, also when some of them are dead."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

from gateway.metrics.counts import Counts
from gateway.metrics.names import METRICS
from gateway.metrics.snapshots import Reader, Writer
from gateway.policy.facts import Reason

OPEN = ("gateway_decisions_total", "notes", "", "open")
HEADS = ("gateway_upstream_seconds", "notes")
CHILD = """
import sys
from pathlib import Path
from gateway.metrics.counts import Counts
from gateway.metrics.snapshots import Writer
counts = Counts()
counts.app("notes").open += 5
counts.app("notes").upstream("head", 0.2, True)
counts.gauges["gateway_websockets",] = 3
writer = Writer(Path(sys.argv[1]))
writer.write(writer.text(counts))
"""


def worker(folder: Path, *, opened: int, **gauges: float) -> tuple[Counts, Writer]:
    """One that runs: all of them are this process."""
    counts, writer = Counts(), Writer(folder)
    counts.app("notes").open += opened
    counts.app("notes").upstream("head", 0.2, True)
    counts.gauges |= {(f"gateway_{name}",): value for name, value in gauges.items()}
    writer.write(writer.text(counts))
    return counts, writer


def test_what_is_counted_is_summed_up_and_gauges_become_what_fits_them(tmp_path: Path) -> None:
    worker(tmp_path, opened=1, held_requests=7, config_last_reload_successful=1)
    worker(tmp_path, opened=2, held_requests=8, config_last_reload_successful=0)
    found = Reader(tmp_path).read()
    assert found.totals[OPEN] == 3
    counts, seconds = found.times[HEADS]
    assert (sum(counts), seconds) == (2, 0.4)
    assert len(counts) == len(METRICS[HEADS[0]].bounds) + 1
    assert found.gauges["gateway_held_requests",] == 8
    assert found.gauges["gateway_config_last_reload_successful",] == 0
    assert found.gauges["gateway_workers",] == 2


def test_what_a_worker_writes_replaces_what_it_wrote_before(tmp_path: Path) -> None:
    counts, writer = worker(tmp_path, opened=1)
    counts.app("notes").open += 1
    writer.write(writer.text(counts))
    reader = Reader(tmp_path)
    assert [reader.read().totals[OPEN] for _ in range(2)] == [2, 2]


def test_the_dead_go_on_counting_once_and_leave_neither_gauges_nor_files(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    worker(tmp_path, opened=1)
    for _ in range(2):
        child = [sys.executable, "-c", CHILD, str(tmp_path)]
        subprocess.run(child, check=True, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])})
        assert len(list(tmp_path.iterdir())) == 2
        reader.read()
    found = reader.read()
    assert found.totals[OPEN] == 11
    assert sum(found.times[HEADS][0]) == 3
    assert found.gauges == {("gateway_workers",): 1.0, ("gateway_websockets",): 0.0}
    assert len(list(tmp_path.iterdir())) == 1


def test_nobody_has_written_anything_yet(tmp_path: Path) -> None:
    assert Reader(tmp_path).read() == ({}, {}, {("gateway_workers",): 0})


def test_half_a_file_is_never_read(tmp_path: Path) -> None:
    counts, writer = worker(tmp_path, opened=0)
    for number in range(2000):
        counts.decided("notes", [f"route-{number}"], Reason.STALE)
    text, done = writer.text(counts), threading.Event()
    writer.write(text)

    def write() -> None:
        while not done.is_set():
            writer.write(text)

    writing = [threading.Thread(target=write) for _ in range(2)]
    for thread in writing:
        thread.start()
    try:
        sizes = {len(Reader(tmp_path).read().totals) for _ in range(50)}
    finally:
        done.set()
        for thread in writing:
            thread.join()
    assert len(counts.totals) > 2000 and sizes == {len(counts.totals)}
