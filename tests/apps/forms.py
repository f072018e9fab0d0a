"""A page's own form, filled in and sent as a browser would, by a browser without a screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin

import httpx

from tests.support.visitor import Visitor

PRESSED = {"submit", "button", "image", "reset", "file"}


@dataclass
class Form:
    """`fields` in the order of the page; buttons are not among them."""

    action: str
    method: str
    multipart: bool
    fields: list[tuple[str, str]] = field(default_factory=list)

    def filled(self, **values: str | None) -> list[tuple[str, str]]:
        """What it sends with `values` in place of what was there; None takes a field (a ticked box) away."""
        kept = [(name, value) for name, value in self.fields if name not in values]
        return kept + [(name, value) for name, value in values.items() if value is not None]


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[Form] = []
        self._form: Form | None = None
        self._select = ""
        self._text: tuple[str, list[str]] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "form":
            multipart = said.get("enctype") == "multipart/form-data"
            self._form = Form(said.get("action", ""), said.get("method", "get").upper(), multipart)
            self.found.append(self._form)
        elif self._form is None or "disabled" in said:
            return
        elif tag == "input" and said.get("name") and said.get("type", "text") not in PRESSED:
            if said.get("type") not in {"checkbox", "radio"} or "checked" in said:
                self._form.fields.append((said["name"], said.get("value", "on" if "checked" in said else "")))
        elif tag == "select":
            self._select = said.get("name", "")
        elif tag == "option" and "selected" in said:
            self._form.fields.append((self._select, said.get("value", "")))
        elif tag == "textarea":
            self._text = said.get("name", ""), []

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text[1].append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "textarea" and self._text is not None and self._form is not None:
            self._form.fields.append((self._text[0], "".join(self._text[1]).removeprefix("\n")))
            self._text = None


def forms(page: str) -> list[Form]:
    """All forms of a page, in its order."""
    parser = _Forms()
    parser.feed(page)
    return parser.found


def form(page: str, field: str) -> Form:
    """The first form of a page that has a field of that name."""
    return next(each for each in forms(page) if field in dict(each.fields))


def send(
    visitor: Visitor,
    filled: Form,
    fields: Sequence[tuple[str, str]],
    files: Sequence[tuple[str, tuple[str, bytes, str]]] = (),
) -> httpx.Response:
    """Press the button of a form of the page at hand; `files` are name, and file name, content and type."""
    target = urljoin(str(visitor.page.url), filled.action)
    if filled.multipart:
        return visitor.go(filled.method, target, files=[*((name, (None, value)) for name, value in fields), *files])
    kind = {"content-type": "application/x-www-form-urlencoded"}
    return visitor.go(filled.method, target, content=urlencode(fields), headers=kind)


def step_down(visitor: Visitor) -> None:
    """Stale at once, without waiting: end the current confirmation on the account page."""
    visitor.get("/.gateway/account")
    visitor.submit("/.gateway/account/stepdown", {})
