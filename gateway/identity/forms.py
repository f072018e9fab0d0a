"""Forms, as browsers send them (HTML, 4.10.21)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlencode

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
PLAIN = "text/plain"


class Field(NamedTuple):
    """One entry of a form. `type` is that of an input in lower case, or "select", "textarea"; `sent` is whether it goes
    along as the page stands (a box that is not checked does not). Entries that are disabled are left out."""

    name: str
    value: str
    type: str
    sent: bool = True


class Button(NamedTuple):
    """The one that Enter presses: the first that can be. What it says of action, method and enctype goes first."""

    name: str
    value: str
    type: str  # "submit" or "image"
    action: str = ""
    method: str = ""
    enctype: str = ""


class Sent(NamedTuple):
    """What a form sends: `target` is an absolute address without fragment."""

    method: str
    target: str
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Form:
    """`action` is an absolute address, `method` "GET", "POST" or "DIALOG"; `submit` is the button that Enter presses,
    and action, method and enctype are what it makes of them."""

    action: str
    method: str
    enctype: str
    fields: tuple[Field, ...]
    submit: Button | None
    codec: str = "utf-8"

    def has(self, *names: str) -> bool:
        """Whether it has an entry of each of these names."""
        return set(names) <= {field.name for field in self.fields}

    def pairs(self, typed: Mapping[str, str]) -> list[tuple[str, str]]:
        """What is sent once `typed` was typed into the entries of those names; hidden ones are nobody's to type in."""
        by_hand = {field.name for field in self.fields if field.type != "hidden"}
        found = []
        for name, value, type, sent in self.fields:
            mine = name in typed and (type != "hidden" or name not in by_hand)
            if sent or mine:
                found.append((name, typed[name] if mine else value))
        if self.submit is not None and self.submit.type == "image":
            name = f"{self.submit.name}." if self.submit.name else ""
            found += [(f"{name}x", "0"), (f"{name}y", "0")]
        elif self.submit is not None and self.submit.name:
            found.append((self.submit.name, self.submit.value))
        return found

    def filled(self, typed: Mapping[str, str]) -> Sent:
        """The request a browser makes of it."""
        pairs = [(_lines(name), _lines(value)) for name, value in self.pairs(typed)]
        encoded = urlencode(pairs, encoding=self.codec, errors="xmlcharrefreplace")
        if self.method != "POST":
            return Sent(self.method, f"{self.action.partition('?')[0]}?{encoded}", "", b"")
        if self.enctype == MULTIPART:
            boundary = f"----{secrets.token_hex(16)}"
            body = _multipart(pairs, self.codec, boundary)
            return Sent("POST", self.action, f"{MULTIPART}; boundary={boundary}", body)
        if self.enctype == PLAIN:
            body = "".join(f"{name}={value}\r\n" for name, value in pairs).encode(self.codec, "xmlcharrefreplace")
            return Sent("POST", self.action, PLAIN, body)
        return Sent("POST", self.action, URLENCODED, encoded.encode("ascii"))


def _lines(said: str) -> str:
    """Line ends as forms send them (HTML, 4.10.21.8)."""
    return said.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")


def _multipart(pairs: list[tuple[str, str]], codec: str, boundary: str) -> bytes:
    parts = []
    for name, value in pairs:
        escaped = name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
        parts.append(f'--{boundary}\r\nContent-Disposition: form-data; name="{escaped}"\r\n\r\n{value}\r\n')
    return "".join([*parts, f"--{boundary}--\r\n"]).encode(codec, "xmlcharrefreplace")
