"""What is sent to Redis and comes back: texts, scripts, replies."""

from __future__ import annotations

import struct
from collections.abc import Callable
from hashlib import sha1
from typing import NamedTuple, TypeVar

from gateway.errors import StoreError
from gateway.stores.redis_node import Reply

NONSENSE = (struct.error, ValueError, TypeError, LookupError, AttributeError, ArithmeticError)

T = TypeVar("T")


class Script(NamedTuple):
    """A Lua script and its SHA-1, by which servers know it."""

    text: str
    sha: str


def encoded(text: str) -> bytes:
    """Any text at all: what people send is not always Unicode."""
    return text.encode(errors="surrogatepass")


def made(into: Callable[..., T], *replies: Reply) -> T:
    """What `into` makes of replies. StoreError if they make no sense."""
    try:
        return into(*replies)
    except NONSENSE as error:
        raise StoreError(f"what Redis holds makes no sense: {type(error).__name__}") from error


def script(text: str) -> Script:
    """Made once; a server that does not know it yet is sent its text."""
    return Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest())
