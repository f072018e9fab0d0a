"""The process that hashes passwords; `apart` begins it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pkgutil import resolve_name

NICENESS = 10
"""Where a core cannot be left to all others: a tenth of one that they want as well."""


def answer() -> None:
    """Answers lines of standard input, `[number, function, *arguments]` in JSON, with `[number, answer]`.

    It takes a core only when nobody else wants it, so that no turn of some milliseconds on it delays anybody.
    """
    os.nice(NICENESS)
    if sys.platform == "linux":
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    with suppress(BrokenPipeError):
        for line in sys.stdin:
            number, *question = json.loads(line)
            print(json.dumps([number, call(*question)]), flush=True)


def call(name: str | None, *arguments: str | None) -> str | None:
    """What the function of that name says, one of `argon2id`."""
    function: Callable[..., str | None] = resolve_name(f"gateway.verifiers.argon2id:{name}")
    return function(*arguments)
