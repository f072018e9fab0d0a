"""The tags of a page and the text between them, as browsers find them (HTML, 13.2.5).

The standard library's parser takes minutes for some pages of a hundred kilobytes; this one looks at nothing twice.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

SPACES = "\t\n\f\r "

_NAME = re.compile(r"[A-Za-z][^\t\n\f\r />]*")
_BETWEEN = re.compile(r"[\t\n\f\r /]*")
_ATTRIBUTE = re.compile(r"[^\t\n\f\r />][^\t\n\f\r />=]*")
_EQUALS = re.compile(r"[\t\n\f\r ]*=[\t\n\f\r ]*")
_UNQUOTED = re.compile(r"[^\t\n\f\r >]*")

RAW = frozenset({"script", "style", "iframe", "noembed", "noframes", "xmp"})
"""In these a tag is text, up to their own end."""

RAW_BUT_REFERENCES = frozenset({"textarea", "title"})

_END_OF_RAW = {name: re.compile(rf"</{name}(?=[\t\n\f\r />])", re.IGNORECASE) for name in RAW | RAW_BUT_REFERENCES}


class Start(NamedTuple):
    """Names in lower case; of two attributes of one name the first counts."""

    name: str
    said: Mapping[str, str]


class End(NamedTuple):
    name: str


Token = Start | End | str


def tokens(page: str) -> Iterator[Token]:
    """In the order of the page. A tag that is cut off by its end is none."""
    at = 0
    while (sign := page.find("<", at)) >= 0:
        if sign > at:
            yield plain(page[at:sign])
        if page.startswith("<!--", sign):
            at = _after(page, "-->", sign + 2)
        elif found := _NAME.match(page, sign + 1):
            name = found[0].lower()
            said, at = _attributes(page, found.end())
            if at <= len(page):
                yield Start(name, said)
                if name in _END_OF_RAW:
                    end = _END_OF_RAW[name].search(page, at)
                    text = page[at : end.start() if end else len(page)]
                    yield plain(text) if name in RAW_BUT_REFERENCES else text
                    at += len(text)
        elif page.startswith("</", sign) and (found := _NAME.match(page, sign + 2)):
            _, at = _attributes(page, found.end())
            if at <= len(page):
                yield End(found[0].lower())
        elif page.startswith(("<!", "<?", "</"), sign):
            at = _after(page, ">", sign + 1)
        else:
            yield "<"
            at = sign + 1
    if at < len(page):
        yield plain(page[at:])


def plain(said: str) -> str:
    """Without character references."""
    try:
        return html.unescape(said)
    except ValueError:  # a number of more digits than Python reads
        return said


def _attributes(page: str, at: int) -> tuple[dict[str, str], int]:
    """Those of a tag, and where the page goes on after it; past the page's end if it is never closed."""
    said: dict[str, str] = {}
    while True:
        at = _end(_BETWEEN, page, at)
        if at >= len(page):
            return said, len(page) + 1
        if page[at] == ">":
            return said, at + 1
        end = _end(_ATTRIBUTE, page, at)
        name, at, value = page[at:end].lower(), end, ""
        if equals := _EQUALS.match(page, at):
            at = equals.end()
            quote = page[at : at + 1]
            if quote in {'"', "'"}:
                end = page.find(quote, at + 1)
                if end < 0:
                    return said, len(page) + 1
                value, at = page[at + 1 : end], end + 1
            else:
                end = _end(_UNQUOTED, page, at)
                value, at = page[at:end], end
        said.setdefault(name, plain(value))


def _end(pattern: re.Pattern[str], page: str, at: int) -> int:
    found = pattern.match(page, at)
    return found.end() if found else at


def _after(page: str, sign: str, at: int) -> int:
    end = page.find(sign, at)
    return len(page) if end < 0 else end + len(sign)
