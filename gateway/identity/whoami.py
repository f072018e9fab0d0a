"""Whom an app takes the sender of some cookies for, by a page of its own."""

from __future__ import annotations

import html
import json
import re
from bisect import bisect_right
from itertools import islice

from gateway.errors import UpstreamBroken
from gateway.identity.http import Answer
from gateway.policy import wording
from gateway.policy.login import OWNER, Login

MOST_PLACES = 100
"""Of a page that are compared; in more nobody would name themself."""

_TAG = re.compile(r"<(/?)script\b", re.IGNORECASE)


def named(login: Login, answer: Answer) -> str | None:
    """The name in an answer to `login.whoami`; None where it names nobody, or two people, or may name another in what
    of it is not read.

    Raises UpstreamBroken where the app was not able to say.
    """
    if answer.status >= 500 or answer.status == 429:
        raise UpstreamBroken(f"the app answered {answer.status} when asked who that is")
    if login.whoami is None or not 200 <= answer.status < 300 or not answer.whole:
        return None
    text = answer.text
    if not login.username:
        return OWNER if wording.find(login.whoami.pattern, text) is not None else None
    coded = _Coded(answer.field(b"content-type").lower(), text)
    places = list(islice(wording.compile(login.whoami.pattern).finditer(text), MOST_PLACES + 1))
    found = {_plain(place[1], coded.at(place.start(1))) for place in places}
    name = found.pop() if len(found) == 1 and len(places) <= MOST_PLACES else None
    return name if name and name.isprintable() and name == name.strip() else None


class _Coded:
    """How a name is written at some place of a page: "json" (also in a page's scripts), "html" or "text"."""

    def __init__(self, kind: bytes, text: str) -> None:
        json, plain = b"json" in kind or b"javascript" in kind, b"text/plain" in kind
        self._whole = "json" if json else "text" if plain else ""
        tags = [] if self._whole else list(_TAG.finditer(text))
        self._ends = [tag.end() for tag in tags]
        self._opens = [not tag[1] for tag in tags]

    def at(self, place: int) -> str:
        before = bisect_right(self._ends, place)
        return self._whole or ("json" if before and self._opens[before - 1] else "html")


def _plain(said: str, coded: str) -> str | None:
    if coded == "html":
        return html.unescape(said)
    if coded == "text":
        return said
    try:
        return str(json.loads(f'"{said}"'))
    except ValueError:
        return None
