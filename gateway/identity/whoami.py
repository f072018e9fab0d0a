"""Whom an app takes the sender of some cookies for, by a page of its own."""

from __future__ import annotations

import html
import json
import re

from gateway.errors import UpstreamBroken
from gateway.identity.http import Answer
from gateway.policy import wording
from gateway.policy.login import OWNER, Login

_TAG = re.compile(r"<(/?)script\b", re.IGNORECASE)


def named(login: Login, answer: Answer) -> str | None:
    """The name in an answer to `login.whoami`; None where it names nobody, or two people.

    Raises UpstreamBroken where the app was not able to say.
    """
    if answer.status >= 500 or answer.status == 429:
        raise UpstreamBroken(f"the app answered {answer.status} when asked who that is")
    if login.whoami is None or not 200 <= answer.status < 300:
        return None
    text = answer.text
    if not login.username:
        return OWNER if wording.find(login.whoami.pattern, text) is not None else None
    kind = answer.field(b"content-type").lower()
    found = {
        _plain(each[1], _coded(kind, text, each.start(1)))
        for each in wording.compile(login.whoami.pattern).finditer(text)
    }
    name = found.pop() if len(found) == 1 else None
    return name if name and name.isprintable() and name == name.strip() else None


def _coded(kind: bytes, text: str, at: int) -> str:
    """How a name is written at that place: "json" (also in a page's scripts), "html" or "text"."""
    if b"json" in kind or b"javascript" in kind:
        return "json"
    if b"text/plain" in kind:
        return "text"
    before = [tag[1] for tag in _TAG.finditer(text, 0, at)]
    return "json" if before and not before[-1] else "html"


def _plain(said: str, coded: str) -> str | None:
    if coded == "html":
        return html.unescape(said)
    if coded == "text":
        return said
    try:
        return str(json.loads(f'"{said}"'))
    except ValueError:
        return None
