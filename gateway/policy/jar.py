"""An app's own session cookies, as they come in requests and change in answers.

Names are compared as the most forgiving app reads them (PHP makes `_` of dots and brackets, takes `a[b]` for `a` and
stops at NUL; Django and Node drop every kind of white space around them), and a Cookie field is split wherever some app
splits it, Python's own reader at white space too: one cookie too many is asked about, never one too few.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import lru_cache

from gateway.policy.headers import without_own
from gateway.policy.text import unquoted

Pair = tuple[bytes, bytes]
Change = tuple[bytes, bytes | None]
"""A cookie's new value; None where the app takes it away."""

LONG_AGO = 1_577_836_800.0
"""The year 2020, for those without a clock: a cookie that ended before then was meant to end."""

_SEPARATORS = re.compile(rb"[;,]")
_IN_ADDRESS = re.compile(rb"[?&;/]|%(?:3[BbFf]|26)")
_FOLDED = re.compile(rb"[^a-z0-9_*-]")
_NOT_SEEN = bytes(sorted({*range(0x21), *range(0x7F, 0x100), ord("=")}))
"""White space of some kind or other, in some encoding or other, and what belongs to no name."""
_EMPTY = frozenset({b"", b"deleted", b'""'})


class Names:
    """The names of an app's session cookies, `*` in them stands for any characters: WordPress, Jupyter and others put
    the host, a port or a hash into theirs."""

    def __init__(self, names: Iterable[str]) -> None:
        parts = [_pattern(_fold(name.encode())) for name in names]
        self._any = re.compile(b"|".join(parts) or b"(?!)", re.DOTALL)
        self._has = lru_cache(4096)(self._matches)
        self._whole = frozenset(part for part in parts if b".*" not in part)

    def __contains__(self, name: bytes) -> bool:
        return self._matches(name) if len(name) > 128 else self._has(name)

    def without_star(self, name: bytes) -> bool:
        """Whether it is one of those that are named in full."""
        return any(re.escape(each) in self._whole for each in _spellings(name))

    def _matches(self, name: bytes) -> bool:
        return any(self._any.fullmatch(each) for each in _spellings(name))


def _spellings(name: bytes) -> set[bytes]:
    said = {name, unquoted(name), unquoted(name.replace(b"+", b" "))}
    said |= {each.partition(b"\0")[0].strip(_NOT_SEEN) for each in said}
    said |= {each.partition(b"[")[0] for each in said}
    return {_fold(each) for each in said}


def _fold(name: bytes) -> bytes:
    return _FOLDED.sub(b"_", name.strip(b" \t=").lower())


def _pattern(name: bytes) -> bytes:
    """What stands between two `*` is looked for once, from left to right: names are as long as clients like."""
    first, *more = (re.escape(part) for part in name.split(b"*"))
    if not more:
        return first
    return first + b"".join(b"(?>.*?" + part + b")" for part in more[:-1]) + b".*" + more[-1]


def carried(headers: Iterable[Pair], names: Names) -> list[Pair]:
    """Every session cookie of a request that an app gets to see: duplicates, and what only some apps take for one."""
    found = []
    for field, cookie in headers:
        if field == b"cookie":
            for pair in _SEPARATORS.split(without_own(cookie)):
                pair = pair.strip(b" \t").lstrip(b"= \t")
                for said in (pair, *_words(pair)[1:]):
                    name, equals, value = said.partition(b"=")
                    if equals and name in names:
                        found.append((name.rstrip(b" \t"), value.strip(b" \t")))
    return found


def in_address(target: bytes, names: Names) -> list[Pair]:
    """What an app may take for its session cookie where there is none: `;jsessionid=…`, `?PHPSESSID=…`."""
    if b"=" not in target and b"%" not in target:
        return []
    pairs = (said.replace(b"%3D", b"=").replace(b"%3d", b"=").partition(b"=") for said in _IN_ADDRESS.split(target))
    return [(name, value) for name, equals, value in pairs if equals and names.without_star(name)]


def _words(pair: bytes) -> list[bytes]:
    return b"=".join(side.strip(b" \t") for side in pair.split(b"=")).split()


def changes(headers: Iterable[Pair], names: Names, now: float) -> list[Change]:
    """What an answer does to session cookies, in its order."""
    found: list[Change] = []
    for field, said in headers:
        if field == b"set-cookie":
            pair, _, attributes = said.partition(b";")
            name, _, value = pair.partition(b"=")
            name, value = name.strip(b" \t"), value.strip(b" \t")
            if name in names:
                found.append((name, None if value in _EMPTY or _over(attributes, now) else value))
    return found


def after(cookies: Sequence[bytes], changed: Iterable[Change]) -> bytes:
    """The Cookie field that a browser sends next, given those it sent and what the answer changed; b"" for none."""
    new = dict(changed)
    kept = [
        pair.strip(b" \t")
        for cookie in cookies
        for pair in cookie.split(b";")
        if pair.strip(b" \t") and pair.partition(b"=")[0].strip(b" \t") not in new
    ]
    return b"; ".join([*kept, *(name + b"=" + value for name, value in new.items() if value is not None)])


def every(headers: Iterable[Pair], now: float) -> list[Change]:
    """What an answer does to any cookie."""
    return changes(headers, Names(("*",)), now)


def path(said: bytes) -> bytes:
    """The path that a Set-Cookie field names, b"" where it leaves that to the browser (RFC 6265, 5.2.4)."""
    for attribute in said.split(b";")[:0:-1]:
        name, _, value = attribute.partition(b"=")
        if name.strip(b" \t").lower() == b"path":
            return value.strip(b" \t") if value.strip(b" \t").startswith(b"/") else b""
    return b""


def _over(attributes: bytes, now: float) -> bool:
    """Whether the attributes of a Set-Cookie field take the cookie away (RFC 6265, 5.3): Max-Age wins over Expires."""
    said: dict[bytes, bytes] = {}
    for attribute in attributes.split(b";"):
        name, _, value = attribute.partition(b"=")
        said[name.strip(b" \t").lower()] = value.strip(b" \t")
    age = said.get(b"max-age", b"")
    if age.removeprefix(b"-").isdigit():
        return age.startswith(b"-") or not age.strip(b"0")  # whatever its length: a number may be too long for Python
    if b"expires" not in said:
        return False
    try:
        when = parsedate_to_datetime(said[b"expires"].decode("latin-1").replace("-", " "))
    except ValueError:
        return False
    return when.replace(tzinfo=when.tzinfo or UTC).timestamp() < now
