"""Requests whose fields were parsed before, recognised as bytes.

What a parser makes of the same bytes is the same. So fields are remembered as they came, once the parser has read them
in a message that it found to be one, and whole; and the line before them is taken only if no parser could differ on it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Generic, NamedTuple, Protocol, TypeVar

from gateway.edge.cache import Cache

MOST = 256
"""Heads that are remembered, twice; of at most LONG bytes each."""

LONG = 2048

REQUEST_LINE = re.compile(rb"([A-Z]+) (/[A-Za-z0-9/._~!$&'()*+,;=:@%?-]*) HTTP/1\.1")


class Said(Protocol):
    """What a head says, whatever its target is."""

    method: bytes
    peer: str  # the address that it came from
    length: int | None  # of the body


S = TypeVar("S", bound=Said)


class Whole(NamedTuple, Generic[S]):
    """A request that came in one piece."""

    said: S
    target: bytes
    body: bytes


class Heads(Generic[S]):
    """For one configuration."""

    def __init__(self) -> None:
        self._said: Cache[bytes, S] = Cache(MOST)

    def learn(self, data: bytes, said: S, target: bytes) -> None:
        """`data` was one request, from its beginning to its end."""
        line, fields, body = _split(data)
        if len(fields) <= LONG and len(body) == said.length and _asked(line) == (said.method, target):
            self._said.put(fields, said)

    def recall(self, data: bytes, peer: str) -> Whole[S] | None:
        """What `data` says, if it is one request with fields that were learnt from that peer."""
        line, fields, body = _split(data)
        said = self._said.get(fields)
        if said is None or len(body) != said.length or peer != said.peer:
            return None
        method, target = _asked(line)
        return Whole(said, target, body) if method == said.method else None


def _split(data: bytes) -> tuple[bytes, bytes, bytes]:
    """Request line, fields and body."""
    head, _, body = data.partition(b"\r\n\r\n")
    line, _, fields = head.partition(b"\r\n")
    return line, fields, body


@lru_cache(1024)
def _asked(line: bytes) -> tuple[bytes, bytes]:
    """Method and target; nothing where that is for the parser to say."""
    found = REQUEST_LINE.fullmatch(line)
    return (b"", b"") if found is None else (found[1], found[2])
