"""What a query or a body says: fields, under every name an app may find them by.

PHP folds `+action`, `action[]`, `action%00x` and `user.email` to names of its own, takes the last duplicate where
servlets take the first, and frameworks that merge JSON and form bodies never ask which it was. So all duplicates count,
names are split where any app splits them, and bodies of every kind become the same list.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from enum import Enum
from itertools import islice
from typing import NamedTuple

from gateway.policy.facts import Request
from gateway.policy.headers import body_length
from gateway.policy.headers import fold as fold_name
from gateway.policy.multipart import parts
from gateway.policy.text import fold, text, unquoted, unwidened

MOST_FIELDS = 5000
DEEPEST = 32

_KEYS = re.compile(r"[\[\].\s]+")
_CHARSET = re.compile(rb"charset[^=;]*=[\s\"']*([^\s\"';]*)", re.IGNORECASE)
_CHARSETS = frozenset({b"utf-8", b"utf8", b"us-ascii", b"ascii", b"iso-8859-1", b"windows-1252"})
_LIKE_JSON = re.compile(rb"[\s\x00\xef\xbb\xbf\xfe\xff]*[\[{/]")
_TYPE = re.compile(rb"\s*([^\s;,]+)\s*(?:;[^,]*)?")


class Field(NamedTuple):
    """One pair. `user[email]` and `user.email` both have the keys ("user", "email")."""

    keys: tuple[str, ...]
    value: str
    file: tuple[str, int] | None = None  # name and size in bytes, of a file sent under this name
    bare: bool = False  # as only some apps read it, such as those that drop all but ASCII; not for people to read


class Body(Enum):
    """A body without a list of fields."""

    UNREAD = "unread"  # it is there, and nobody has read it yet
    UNREADABLE = "unreadable"  # too large, or in a form that somebody may read differently


class Media(Enum):
    """Which kind of body a request announces."""

    URLENCODED = "urlencoded"
    MULTIPART = "multipart"
    JSON = "json"
    OTHER = "other"
    UNCLEAR = "unclear"  # several types, or a character set or coding that an app may know and we do not


def keys(name: str) -> tuple[str, ...]:
    """A field's name as a path; what follows a NUL is not read by C."""
    return tuple(key for key in _KEYS.split(fold(name.partition("\0")[0])) if key)


def in_query(request: Request) -> list[Field]:
    """All pairs of the query, and of what becomes one where a server rewrites the path and decodes its `%3F`."""
    fields = list(_pairs(request.query)) if request.query else []
    if b"%" in request.path:
        hidden = unquoted(unquoted(request.path)).partition(b"?")[2]
        fields += (field._replace(bare=True) for field in _pairs(hidden))
    return fields


def in_cookies(request: Request) -> list[Field]:
    """All cookies; PHP's $_REQUEST, where `request_order` is not set, and ASP's Request() have them too."""
    return [field for value in request.values(b"cookie") for field in _pairs(value)]


def has_body(request: Request) -> bool:
    """Whether the request announces a body that is not empty."""
    return body_length(request.headers) != 0


def media(request: Request) -> Media:
    """The kind of body, from the fields that any app takes for Content-Type and Content-Encoding."""
    types = [value for name, value in request.headers if fold_name(name) == b"content-type"]
    codings = [value for name, value in request.headers if fold_name(name) == b"content-encoding"]
    if not types:
        return Media.OTHER if not codings else Media.UNCLEAR
    found = _TYPE.fullmatch(types[0])
    charsets = {each.lower() for each in _CHARSET.findall(types[0])}
    if len(types) > 1 or found is None or not charsets <= _CHARSETS or len(charsets) > 1:
        return Media.UNCLEAR
    if any(coding.strip().lower() != b"identity" for coding in codings):
        return Media.UNCLEAR
    name = found[1].lower()
    if name == b"application/json" or name.endswith(b"+json"):
        return Media.JSON
    known = {b"application/x-www-form-urlencoded": Media.URLENCODED, b"multipart/form-data": Media.MULTIPART}
    return known.get(name, Media.OTHER)


def in_body(request: Request, body: bytes | None) -> Sequence[Field] | Body:
    """All fields of a body, of whatever kind; UNREADABLE where an app may find others. None is one not read whole."""
    if body is None:
        return Body.UNREADABLE
    if body == b"":
        return ()
    match media(request):
        case Media.MULTIPART:
            return _multipart(request.header(b"content-type") or b"", body)
        case Media.URLENCODED if not _LIKE_JSON.match(body):
            return _form(body)
        case Media.URLENCODED | Media.JSON:
            return _either(body)
        case _:
            return Body.UNREADABLE


def _form(body: bytes) -> Sequence[Field] | Body:
    return list(_pairs(body)) if body.count(b"&") + body.count(b";") < MOST_FIELDS else Body.UNREADABLE


def _either(body: bytes) -> Sequence[Field] | Body:
    """JSON, and what it says to an app that takes every body for a form: many read the one kind they know."""
    fields, pairs = _json(body), _form(body) if b"&" in body or b";" in body else ()
    if isinstance(fields, Body) or isinstance(pairs, Body):
        return Body.UNREADABLE
    return [*fields, *(pair._replace(bare=True) for pair in pairs)]


def _pairs(raw: bytes) -> Iterator[Field]:
    """`&` separates, and `;` may; what a value with `;` in it says is read both ways."""
    for said in raw.split(b"&"):
        whole = (said,) if b";" not in said else (said, *said.split(b";"))
        for pair in whole:
            if pair:
                name, _, value = pair.partition(b"=")
                yield from _twice(_decoded(name), _decoded(value))


def _twice(name: bytes, value: bytes) -> Iterator[Field]:
    """As decoded once; and once more, as apps do that decode what their framework has decoded."""
    yield from _read(name, value)
    if b"%" in name or b"%" in value:
        yield from (field._replace(bare=True) for field in _read(_decoded(name), _decoded(value)))


def _decoded(raw: bytes) -> bytes:
    return unquoted(unwidened(raw.replace(b"+", b" ")))


def _read(name: bytes, value: bytes, file: tuple[str, int] | None = None) -> Iterator[Field]:
    yield Field(keys(text(name)), text(value), file)
    if not (name.isascii() and value.isascii()):
        yield Field(keys(name.decode("ascii", "ignore")), value.decode("ascii", "ignore"), file, bare=True)


def _multipart(content_type: bytes, body: bytes) -> Sequence[Field] | Body:
    read = parts(content_type, body)
    if read is None:
        return Body.UNREADABLE
    fields: list[Field] = []
    for part in read:
        if part.name == b"_charset_" and part.content.lower() not in _CHARSETS:
            return Body.UNREADABLE  # that of all other parts (RFC 7578, 4.6)
        file = None if part.filename is None else (text(part.filename), len(part.content))
        for name in {part.name, unquoted(part.name)}:  # browsers write a quote as %22; some apps decode that
            fields += _read(name, part.content, file)
    return fields


class _Object(list[tuple[str, object]]):
    """A JSON object with all its duplicates."""


def _json(body: bytes) -> Sequence[Field] | Body:
    """Every value, under its own key and under that and the keys around it: an app may unwrap what it wants."""
    try:
        document = json.loads(body, object_pairs_hook=_Object, parse_int=str, parse_float=str)
        fields = list(islice(_members(document, (), 0), MOST_FIELDS + 1))
    except (ValueError, RecursionError):
        return Body.UNREADABLE
    return fields if len(fields) <= MOST_FIELDS else Body.UNREADABLE


def _members(said: object, path: tuple[str, ...], depth: int) -> Iterator[Field]:
    if depth > DEEPEST:
        raise RecursionError
    if isinstance(said, _Object) and said:
        for key, value in said:
            yield from _members(value, (*path, *keys(key)), depth + 1)
    elif isinstance(said, list) and said:
        for value in said:
            yield from _members(value, path, depth + 1)
    else:
        value = said if isinstance(said, str) else json.dumps(said)
        for start in range(len(path)):
            yield Field(path[start:], value)
