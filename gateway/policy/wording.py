"""Wordings: how an operator says what stands on a page of their app, in the page's own text.

Everything is literal but two signs, so that a page's source can be pasted: `{user}` stands for a user name, `*` for any
text in between. White space stands for any white space.
"""

from __future__ import annotations

import html
import re
from functools import lru_cache

LONGEST = 1000
"""Characters that `*` stands for at most."""

_SIGN = re.compile(r"(\{user\}|\*|\s+)")
_MEANT = {"{user}": r"([^<>\"'\x00-\x1f]{1,255}?)", "*": rf".{{0,{LONGEST}}}?"}


@lru_cache(256)
def compile(said: str) -> re.Pattern[str]:
    """Raises ValueError with what to write instead."""
    parts = _SIGN.split(said.strip())
    literal = "".join(part for part in parts if not _SIGN.fullmatch(part))
    if not literal:
        raise ValueError("says nothing that could be looked for; write the text that stands around it on the page")
    if said.count("{user}") > 1:
        raise ValueError("has {user} twice; once is enough")
    if said.strip().endswith(("{user}", "*")) or said.strip().startswith("*"):
        raise ValueError("needs the text before and after what {user} or * stands for")
    return re.compile("".join(_meant(part) for part in parts), re.DOTALL)


def find(said: str, page: str) -> str | None:
    """The user name where `said` has one, else what was found; None if it does not stand on that page."""
    found = compile(said).search(page)
    if found is None:
        return None
    return html.unescape(found[1]) if found.re.groups else found[0]


def _meant(part: str) -> str:
    if part.isspace():
        return r"\s+"
    return _MEANT.get(part) or re.escape(part)
