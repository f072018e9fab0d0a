"""The examples of docs/apps.md: what operators copy is what is tested."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.journeys.ageing import credentials_older
from tests.support.processes import PEOPLE, Gateway, gateway

PAGE = Path(__file__).parents[2] / "docs/apps.md"
BLOCK = re.compile(r"```toml\n(.*?)```", re.DOTALL)
SHORT, STALE = "2s", 3.1
"""A window just long enough to confirm and go on, and the seconds after which it is over."""

A_WHILE = 60
"""Seconds. What is enrolled in the very second of a sign-in does not count as there before it (law 8)."""

UPSTREAM = re.compile(r'^upstream = ".*"$', re.MULTILINE)


def example(app: str, upstream: str, *, max_age: str = "") -> str:
    """The block of the app of that name, in front of `upstream`; `max_age` replaces the default of five minutes."""
    [block] = [text for text in BLOCK.findall(PAGE.read_text()) if f'name     = "{app}"' in text]
    routes, replaced = UPSTREAM.subn(f'upstream = "{upstream}"', block)
    assert replaced == 1
    return f'[stepup]\nmax_age = "{max_age}"\n\n{routes}' if max_age else routes


@contextmanager
def in_front_of(app: str, upstream: str, folder: Path, *, max_age: str = "") -> Iterator[Gateway]:
    """The gateway with that example; alice, its only person, has been there for a while."""
    people = {"alice": PEOPLE["alice"]}
    with gateway(folder, example(app, upstream, max_age=max_age), people=people) as started:
        credentials_older(folder, A_WHILE)
        yield started
