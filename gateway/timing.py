"""Who is told how long calls take: one callable, that whoever makes the calls is given."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

Timed = Callable[[str, float, bool], None]
"""Name of the call, seconds, and whether it was answered.

The name is one of a few, never something out of a request (law 5). Called in the event loop's thread, and never raises.
"""

T = TypeVar("T")


def untimed(call: str, seconds: float, ok: bool) -> None:
    """For whoever does not want to know."""


async def taken(work: Awaitable[T], call: str, timed: Timed) -> T:
    """What `work` returns or raises, when `timed` has been told of it."""
    began, ok = time.perf_counter(), False
    try:
        done = await work
        ok = True
        return done
    finally:
        timed(call, time.perf_counter() - began, ok)
