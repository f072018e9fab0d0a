"""What a browser would make of a page: its forms, and where its links lead."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import quote, urljoin, urlsplit

from gateway.identity.forms import MULTIPART, PLAIN, URLENCODED, Button, Field, Form
from gateway.identity.markup import Start, tokens

_EDGES = re.compile(r"^[\x00-\x20]+|[\x00-\x20]+$|[\t\r\n]+")
"""What browsers drop of an address (WHATWG URL, 4.4)."""

BUTTONS = frozenset({"submit", "image"})
NEVER_SENT = frozenset({"button", "reset", "file"})
ENTRIES = frozenset({"input", "button", "select", "textarea"})


class Page:
    """`url` is the page's own address, absolute. `frames` are addresses of its scripts and iframes as they are written,
    `classes` the class names in it, lower case."""

    def __init__(self, text: str, url: str, codec: str = "utf-8", *, whole: bool = True) -> None:
        reader = _Reader()
        reader.read(text)
        base = joined(url, reader.base) if reader.base else url
        for entry in reader.entries:
            owner = reader.by_id.get(entry.id) if entry.id else entry.owner
            if owner is not None:
                owner.entries.append(entry)
        self.url = url
        self.forms = tuple(_form(draft, url, base, codec) for draft in reader.forms if whole or draft.closed)
        self.frames = tuple(reader.frames)
        self.classes = frozenset(reader.classes)
        self._base, self._links = base, tuple(dict.fromkeys(reader.links))

    @cached_property
    def links(self) -> tuple[str, ...]:
        """Where links lead, absolute and without fragment."""
        return tuple(dict.fromkeys(link for said in self._links if (link := joined(self._base, said))))


def joined(base: str, said: str) -> str:
    """The absolute http address that `said` means on a page of that address, without fragment and in ASCII; "" if it
    is none."""
    try:
        parts = urlsplit(urljoin(base, _EDGES.sub("", said)))
        plain = quote(parts._replace(fragment="").geturl(), safe="!$%&'()*+,-./:;=?@[\\]^_{|}~")
        return plain if parts.scheme in {"http", "https"} and parts.hostname else ""
    except ValueError:
        return ""


class _Draft:
    """A form while its page is read."""

    def __init__(self, said: Mapping[str, str]) -> None:
        self.said = said
        self.closed = False
        self.entries: list[_Entry] = []


@dataclass
class _Entry:
    owner: _Draft | None
    id: str  # of the form it names, "" for none
    tag: str
    said: Mapping[str, str]
    disabled: bool
    text: list[str] = field(default_factory=list)
    options: list[tuple[Mapping[str, str], list[str]]] = field(default_factory=list)


class _Reader:
    """Goes through a page once."""

    def __init__(self) -> None:
        self.base = ""
        self.forms: list[_Draft] = []
        self.by_id: dict[str, _Draft] = {}
        self.entries: list[_Entry] = []
        self.links: list[str] = []
        self.frames: list[str] = []
        self.classes: set[str] = set()
        self._form: _Draft | None = None
        self._open: _Entry | None = None  # a select, button or textarea
        self._option: list[str] | None = None
        self._templates = 0
        self._disabled = [False]

    def read(self, page: str) -> None:
        for token in tokens(page):
            if isinstance(token, str):
                self._text(token)
            elif isinstance(token, Start):
                self._templates += token.name == "template"
                if not self._templates:
                    self._start(token.name, token.said)
            elif token.name == "template":
                self._templates = max(0, self._templates - 1)
            elif not self._templates:
                self._end(token.name)

    def _start(self, tag: str, said: Mapping[str, str]) -> None:
        self.classes.update(said.get("class", "").lower().split())
        if tag == "form" and self._form is None:
            self._form = _Draft(said)
            self.forms.append(self._form)
            self.by_id.setdefault(said.get("id", ""), self._form)
        elif tag == "fieldset":
            self._disabled.append(self._disabled[-1] or "disabled" in said)
        elif tag == "base":
            self.base = self.base or said.get("href", "")
        elif tag in {"a", "area"} and "href" in said:
            self.links.append(said["href"])
        elif tag in {"iframe", "script"} and "src" in said:
            self.frames.append(said["src"])
        elif tag == "option" and self._open is not None and self._open.tag == "select":
            self._option = []
            self._open.options.append((said, self._option))
        elif tag in ENTRIES:
            entry = _Entry(self._form, said.get("form", ""), tag, said, self._disabled[-1] or "disabled" in said)
            self.entries.append(entry)
            self._open, self._option = (None if tag == "input" else entry), None

    def _end(self, tag: str) -> None:
        if self._open is not None and tag == self._open.tag:
            self._open = self._option = None
        elif tag == "form" and self._form is not None:
            self._form.closed, self._form = True, None
        elif tag == "fieldset" and len(self._disabled) > 1:
            self._disabled.pop()
        elif tag == "option":
            self._option = None

    def _text(self, said: str) -> None:
        if self._option is not None:
            self._option.append(said)
        elif self._open is not None and self._open.tag == "textarea":
            self._open.text.append(said)


def _form(draft: _Draft, url: str, base: str, codec: str) -> Form:
    fields: list[Field] = []
    submit: Button | None = None
    for entry in draft.entries:
        kind, said = _type(entry), entry.said
        if entry.disabled:
            continue
        if kind in BUTTONS:
            submit = submit or _button(said, kind)
        elif said.get("name") and kind not in NEVER_SENT:
            fields += _fields(entry, kind)
    pressed = submit or Button("", "", "")
    action = pressed.action or draft.said.get("action", "").strip()
    method = (pressed.method or draft.said.get("method", "")).strip().upper()
    enctype = (pressed.enctype or draft.said.get("enctype", "")).strip().lower()
    return Form(
        joined(base, action) if action else joined(url, url),
        method if method in {"POST", "DIALOG"} else "GET",
        enctype if enctype in {MULTIPART, PLAIN} else URLENCODED,
        tuple(fields),
        submit,
        "utf-8" if "utf-8" in draft.said.get("accept-charset", "").lower() else codec,
    )


def _type(entry: _Entry) -> str:
    """Of an input or a button, else the tag."""
    if entry.tag == "input":
        return entry.said.get("type", "").strip().lower() or "text"
    if entry.tag == "button":
        kind = entry.said.get("type", "").strip().lower()
        return kind if kind in {"button", "reset"} else "submit"
    return entry.tag


def _button(said: Mapping[str, str], kind: str) -> Button:
    over = [said.get(f"form{key}", "").strip() for key in ("action", "method", "enctype")]
    return Button(said.get("name", ""), said.get("value", ""), kind, *over)


def _fields(entry: _Entry, kind: str) -> list[Field]:
    name, said = entry.said["name"], entry.said
    if kind in {"checkbox", "radio"}:
        return [Field(name, said.get("value", "on"), kind, "checked" in said)]
    if kind == "textarea":
        return [Field(name, "".join(entry.text).removeprefix("\n"), kind)]
    if kind != "select":
        return [Field(name, said.get("value", ""), kind)]
    options = [(each, each.get("value", " ".join("".join(text).split()))) for each, text in entry.options]
    chosen = [value for each, value in options if "selected" in each and "disabled" not in each]
    if "multiple" in said:
        return [Field(name, value, kind) for value in chosen]
    first = [value for each, value in options if "disabled" not in each]
    return [Field(name, value, kind) for value in (chosen[-1:] or first[:1])]
