"""The process that hashes passwords; `apart` begins it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import suppress
from pkgutil import resolve_name


def answer() -> None:
    """Answers lines of standard input, `[number, function, *arguments]` in JSON, with `[number, answer]`."""
    with suppress(BrokenPipeError):
        for line in sys.stdin:
            number, *question = json.loads(line)
            print(json.dumps([number, call(*question)]), flush=True)


def call(name: str | None, *arguments: str | None) -> str | None:
    """What the function of that name says, one of `argon2id`."""
    function: Callable[..., str | None] = resolve_name(f"gateway.verifiers.argon2id:{name}")
    return function(*arguments)
