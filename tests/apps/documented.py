"""The examples of docs/apps.md: what operators copy is what is tested."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs/apps.md"
BLOCK = re.compile(r"```toml\n(.*?)```", re.DOTALL)
SHORT, STALE = "2s", 3.1
"""A window just long enough to confirm and go on, and the seconds after which it is over."""

UPSTREAM = re.compile(r'^upstream = ".*"$', re.MULTILINE)


def example(app: str, upstream: str, *, max_age: str = "") -> str:
    """The block of the app of that name, in front of `upstream`; `max_age` replaces the default of five minutes."""
    [block] = [text for text in BLOCK.findall(PAGE.read_text()) if f'name     = "{app}"' in text]
    routes, replaced = UPSTREAM.subn(f'upstream = "{upstream}"', block)
    assert replaced == 1
    return f'[stepup]\nmax_age = "{max_age}"\n\n{routes}' if max_age else routes
