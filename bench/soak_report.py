"""What came of a soak, as Markdown for docs/reliability.md."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from bench.soak_book import Book, Log, Trouble
from bench.soak_faults import Struck
from bench.soak_watch import Life, Watch

AFTERMATH = 15.0
"""Seconds after a fault in which errors are still its own: nginx looks at a replica that failed again after ten."""


@dataclass
class Soak:
    """All there is to report."""

    title: str
    began: float
    over: float
    book: Book
    log: Log
    struck: Sequence[Struck]
    watch: Watch

    def calm(self) -> list[Trouble]:
        """Troubles that no fault explains."""
        return [
            each
            for each in self.log.troubles
            if not any(struck.began - 1 <= each.at <= struck.ready + AFTERMATH for struck in self.struck)
        ]

    def wrong(self) -> list[str]:
        """Every promise that was broken."""
        grown = [fault for life in self.watch.lives.values() for fault in life.faults()]
        calm = [f"{each.kind}: {each.what} while all was well, {each.at - self.began:.0f} s in" for each in self.calm()]
        return [*self.book.wrong, *grown, *calm]


def report(soak: Soak) -> str:
    """The whole of it."""
    minutes = (soak.over - soak.began) / 60
    lives = soak.watch.lives.values()
    short = sum(not life.tells for life in lives)
    requests = sum(map(len, soak.log.took.values()))
    return "\n".join(
        [
            f"## {soak.title}",
            "",
            f"{minutes:.1f} minutes, {requests} requests ({requests / minutes / 60:.0f} a second), "
            f"{len(soak.struck)} faults; {os.cpu_count()} cores, Python {platform.python_version()}.",
            "",
            *_verdict(soak),
            "### What people did",
            "",
            "| | times | median ms | p99 ms | errors |",
            "|---|---|---|---|---|",
            *_did(soak.log),
            "",
            "### What became of sensitive requests",
            "",
            "| path | their owner was told | the app got it | times |",
            "|---|---|---|---|",
            *(
                f"| `{path}` | {told} | {'once' if got else 'no'} | {times} |"
                for (path, told, got), times in sorted(soak.book.outcomes().items())
            ),
            "",
            "### Faults",
            "",
            "| at | fault | lasted | all ready after | errors until then |",
            "|---|---|---|---|---|",
            *(_fault(soak, struck) for struck in soak.struck),
            "",
            "### Processes",
            "",
            f"In the second half of the life of each that lived for a minute; {short} did not.",
            "",
            "| | lived | MiB at last | a minute | grown | files at first, at last |",
            "|---|---|---|---|---|---|",
            *(_life(life) for life in lives if life.tells),
            "",
        ]
    )


def _verdict(soak: Soak) -> list[str]:
    wrong = soak.wrong()
    held = f"{soak.book.checked} sensitive requests that reached the app were checked"
    if not wrong:
        return [f"Every promise held: {held}.", ""]
    return [f"**{len(wrong)} promises were broken** ({held}):", "", *(f"- {each}" for each in wrong[:50]), ""]


def _did(log: Log) -> list[str]:
    return [
        f"| {kind} | {len(took)} | {statistics.median(took) * 1000:.0f} | {_p99(took) * 1000:.0f} | "
        f"{sum(each.kind == kind for each in log.troubles)} |"
        for kind, took in sorted(log.took.items())
    ]


def _p99(took: list[float]) -> float:
    return sorted(took)[int(len(took) * 0.99)]


def _fault(soak: Soak, struck: Struck) -> str:
    errors = [each for each in soak.log.troubles if struck.began <= each.at <= struck.ready + AFTERMATH]
    return (
        f"| {struck.began - soak.began:.0f} s | {struck.name} | {struck.over - struck.began:.1f} s | "
        f"{struck.ready - struck.over:.1f} s | {len(errors)} |"
    )


def _life(life: Life) -> str:
    before, after = life.open
    return (
        f"| {life.role} | {life.lived:.0f} s | {life.memory[-1]:.0f} | {life.slope:+.2f} | {life.grown:+.1%} | "
        f"{before:.0f}, {after:.0f} |"
    )
