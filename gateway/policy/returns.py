"""Is an address to come back to one of our own?

Whoever can choose where a sign-in leads can send people to a copy of the page that asks for their password.
"""

from __future__ import annotations

import re

from gateway.policy.text import text, unquoted

LONGEST = 2048
"""Characters. What is longer is refused: cut, it would be another address."""

_OURS = re.compile(r"/(?![/\\])[^\\]*")
_VISIBLE = re.compile(r"[\x21-\x7e]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def is_ours(path: str) -> bool:
    """Whether a browser that is sent to `path` stays on this site.

    Browsers drop TAB, CR and LF and take a backslash for a slash (WHATWG URL), so nothing of the kind may stand in it,
    nor appear in its path once that is decoded.
    """
    if len(path) > LONGEST or not _VISIBLE.fullmatch(path) or not _OURS.fullmatch(path):
        return False
    decoded = text(unquoted(path.partition("?")[0].encode("ascii")))
    return _OURS.fullmatch(decoded) is not None and _CONTROL.search(decoded) is None


def safe(path: str) -> str:
    """`path` if it is ours, else the front page."""
    return path if is_ours(path) else "/"


def here(target: str) -> str:
    """A request target as a link to this very site: `//x` and `/\\x` alone would lead to the host x (RFC 3986, 4.2)."""
    return target if _OURS.match(target) else "/." + target
