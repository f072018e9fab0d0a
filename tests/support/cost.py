"""What work costs, on a machine where others work too."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import inf


def cost(
    work: Callable[[], object], *, enough: float = 0.0, runs: int = 5, clock: Callable[[], float] = time.thread_time
) -> float:
    """CPU seconds of the calling thread: the least of so many runs, or the first that took no more than `enough`.

    Whatever disturbs a run adds to it; work that takes too long by itself does so each time. `time.process_time` as
    the clock counts other threads of the tests too, where the work is theirs.
    """
    least = inf
    for _ in range(runs):
        began = clock()
        work()
        least = min(least, clock() - began)
        if least <= enough:
            break
    return least
