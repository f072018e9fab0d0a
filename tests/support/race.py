"""Processes that want the same thing at the same moment."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from threading import Barrier
from typing import TypeVar

T = TypeVar("T")
Place = TypeVar("Place")

_barrier: Barrier


def race(contend: Callable[[Place], list[T]], place: Place, *, processes: int = 2) -> list[tuple[T, ...]]:
    """What each process got, turn by turn. `contend` is a function of a module; it calls `on_your_marks` each turn."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, _enter, (context.Barrier(processes),)) as pool:
        contenders = [pool.submit(contend, place) for _ in range(processes)]
        return list(zip(*(each.result() for each in contenders), strict=True))


def on_your_marks() -> None:
    """Wait for the others."""
    _barrier.wait(timeout=10)


def _enter(barrier: Barrier) -> None:
    global _barrier
    _barrier = barrier
