"""Who is told how long calls take: one callable, that whoever makes the calls is given."""

from __future__ import annotations

from collections.abc import Callable

Timed = Callable[[str, float, bool], None]
"""Name of the call, seconds, and whether it was answered.

The name is one of a few, never something out of a request (law 5). Called in the event loop's thread, and never raises.
"""


def untimed(call: str, seconds: float, ok: bool) -> None:
    """For whoever does not want to know."""
