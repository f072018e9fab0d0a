"""Conditions on what a request says besides its path, and the methods it asks for.

Each is True, False, or None while the body has not been read. What cannot be read is a match (law 3).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from gateway.policy.facts import Condition, Request
from gateway.policy.forms import Body, Field, Media, has_body, in_body, in_cookies, in_query, keys, media
from gateway.policy.headers import fold as fold_name
from gateway.policy.text import fold, text

OVERRIDES = frozenset({b"x-http-method-override", b"x-http-method", b"x-method-override"})
OVERRIDING = ("_method", "x-http-method-override")
"""Fields of query and body that frameworks take a method from; the second is ASP.NET's."""

CARRIERS = frozenset({Media.URLENCODED, Media.MULTIPART, Media.JSON, Media.UNCLEAR})
"""Bodies in which frameworks look for them."""

AS_SENT = {each: frozenset({each}) for each in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")}
NOTHING: frozenset[str] = frozenset()

NOT = "!"
"""Before a value: any other than that."""

SHOWN_LENGTH = 200
HIDDEN = "••••••"

_SECRET = re.compile(r"pass|pwd|secret|token|credential|(?<![a-z])(?:pin|otp|totp|code|cvc|cvv|key|auth)(?![a-z])")
_LETTER = re.compile("[a-z]")
_TYPE_ENDS = re.compile("[; ]")
"""Where what a header field says ends, and its parameters begin; PHP ends a media type at a space too."""
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


class Said(NamedTuple):
    """A request, taken apart. `methods` are those it is judged as, upper case."""

    request: Request
    query: Sequence[Field]
    body: Sequence[Field] | Body
    methods: frozenset[str]


def hear(request: Request) -> Said:
    """Before the body was read."""
    query = in_query(request)
    return Said(request, query, Body.UNREAD if has_body(request) else (), _sent(request, query))


def hear_out(request: Request, body: bytes | None) -> Said:
    """With its body; None is one that could not be read whole."""
    query, said = in_query(request), in_body(request, body)
    return Said(
        request, query, said, _sent(request, query) | (frozenset() if isinstance(said, Body) else _methods(said))
    )


def _sent(request: Request, query: Sequence[Field]) -> frozenset[str]:
    """As sent and as overridden; HEAD is judged like GET."""
    overridden = _header_overrides(request) | _methods(query)
    if not overridden and request.method in AS_SENT:
        return AS_SENT[request.method]
    methods = frozenset({request.method.upper()}) | overridden
    return methods | {"GET"} if "HEAD" in methods else methods


def overrides(request: Request) -> frozenset[str]:
    """Methods that headers or the query put in place of the one sent, upper case."""
    return _header_overrides(request) | _methods(in_query(request))


def _header_overrides(request: Request) -> frozenset[str]:
    # Each of them has that word in it, whatever is folded.
    said = [text(value) for name, value in request.headers if b"method" in name and fold_name(name) in OVERRIDES]
    if not said:
        return NOTHING
    return frozenset(each.strip().upper() for value in said for each in value.split(",")) - {""}


def body_overrides(request: Request, body: bytes) -> frozenset[str]:
    """Methods that `_method` in the body puts in place of the one sent, upper case."""
    said = in_body(request, body)
    return frozenset() if isinstance(said, Body) else _methods(said)


def _methods(fields: Iterable[Field]) -> frozenset[str]:
    said = list(fields)
    if not said:
        return NOTHING
    values = (value for name in OVERRIDING for value in _values(said, name))
    return frozenset(_spelled(value).upper() for value in values) - {""}


def allows(methods: frozenset[str] | None, said: Said) -> bool | None:
    """Whether the request is, or may turn out to be, one of `methods`; None as `methods` is any."""
    if methods is None or methods & said.methods:
        return True
    if not isinstance(said.body, Body) or media(said.request) not in CARRIERS:
        return False
    return None if said.body is Body.UNREAD else True


def holds(condition: Condition, said: Said) -> bool | None:
    """Whether one of the condition's values stands in its place; where they begin with `!`, any other.

    What is wanted is looked for in every spelling; what is let off has to stand there exactly.
    """
    wanted = condition.values
    if not any(value.startswith(NOT) for value in wanted):
        wanted = frozenset(_spelled(value) for value in wanted)
    match condition.place:
        case "header":
            return _has(wanted, _header(condition.field, said.request))
        case "query":
            return _has(wanted, _values(said.query, condition.field))
        case "query_or_form":
            fields = (*said.query, *in_cookies(said.request))
            return _has(wanted, _values(fields, condition.field)) or _in_body(wanted, condition.field, said.body)
        case _:
            return _in_body(wanted, condition.field, said.body)


def _in_body(wanted: frozenset[str], name: str, body: Sequence[Field] | Body) -> bool | None:
    if isinstance(body, Body):
        return None if body is Body.UNREAD else True
    return _has(wanted, _values(body, name))


def _has(wanted: frozenset[str], values: Iterable[str]) -> bool:
    let_off = [word.removeprefix(NOT) for word in wanted if word.startswith(NOT)]
    if let_off:
        return any(
            value not in let_off and not any("*" in word and _fits(word, value) for word in let_off) for value in values
        )
    return any(not wanted or _spelled(value) in wanted or any(_is(word, value) for word in wanted) for value in values)


def _is(word: str, value: str) -> bool:
    """Whether `word` is left by an app that drops what has no place in a word: DokuWiki keeps [1-9a-z_], WordPress
    [a-z0-9_-], MediaWiki drops signs that turn the direction of writing. Which characters an app keeps we cannot know,
    but all of the word are among them."""
    left = _dropped(word).sub("", value.lower())
    if "*" not in word:
        return left == word
    return any(_fits(word, each) for each in (left, _spelled(value)))


def _fits(word: str, value: str) -> bool:
    """`*` in a word stands for any characters. Never a regular expression: values are as long as clients like."""
    first, *middle, last = word.split("*")
    if len(value) < len(first) + len(last) or not (value.startswith(first) and value.endswith(last)):
        return False
    at, end = len(first), len(value) - len(last)
    for part in middle:
        found = value.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


@lru_cache(1024)
def _dropped(word: str) -> re.Pattern[str]:
    digits = "1-9" if _LETTER.search(word) else "0-9"
    return re.compile(f"[^a-z{digits}{re.escape(word)}]+")


def _header(name: str, request: Request) -> Iterator[str]:
    folded = fold_name(name.encode())
    for key, value in request.headers:
        if fold_name(key) == folded:
            said = text(value)
            yield said
            for each in said.split(","):
                yield each
                yield from _TYPE_ENDS.split(each.lstrip(), maxsplit=1)[:1]


def _values(fields: Iterable[Field], name: str) -> Iterator[str]:
    """What an app may find under `name`: its values, and the keys below it (`do[profile]=1` says profile)."""
    wanted = "_".join(keys(name))
    for field in fields:
        for end in range(1, len(field.keys) + 1):
            if "_".join(field.keys[:end]) == wanted:
                yield field.value
                yield from field.keys[end:]
                if end < len(field.keys):
                    yield "".join(field.keys[end:])


def _spelled(value: str) -> str:
    """Apps compare loosely, trim, and stop at NUL."""
    return fold(value.partition("\0")[0].strip())


def show(request: Request, body: bytes | None, names: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """The values of the named fields as people read them, for the page that asks to confirm them; secrets hidden.

    Each is one line of at most 200 characters; a file is its name and size.
    """
    said = in_body(request, body)
    fields = (*in_query(request), *(said if not isinstance(said, Body) else ()))
    shown = [
        (name, HIDDEN if _SECRET.search(_CAMEL.sub("_", name).lower()) else _readable(field))
        for name in names
        for field in fields
        if not field.bare and "_".join(field.keys) == "_".join(keys(name))
    ]
    return tuple(dict.fromkeys(shown))


def _readable(field: Field) -> str:
    if field.file is not None:
        name, size = field.file
        return f"{_line(name)} ({size} bytes)"
    return _line(field.value)


def _line(value: str) -> str:
    """Without control characters, those that turn the direction of writing included."""
    words = " ".join(value[: 8 * SHOWN_LENGTH].split())
    line = "".join(each for each in words if unicodedata.category(each)[0] != "C")
    return line if len(line) <= SHOWN_LENGTH else line[: SHOWN_LENGTH - 1] + "…"
