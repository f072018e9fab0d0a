"""Heads that were parsed before, recognised as bytes.

What a parser makes of the same bytes is the same. So heads are remembered as they came, once the parser has read them
in a message that it found to be one, and whole. Of a request these are the fields; the line before them is taken only
if no parser could differ on it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Generic, Protocol, TypeVar

from gateway.edge.cache import Cache
from gateway.policy.headers import Field

MOST = 256
"""Heads that are remembered, twice; of at most LONG bytes each. Of answers to one app half as many."""

LONG = 2048

REQUEST_LINE = re.compile(rb"([A-Z]+) (/[A-Za-z0-9/._~!$&'()*+,;=:@%?-]*) HTTP/1\.1")


class Said(Protocol):
    """What a head says, whatever its target is."""

    method: bytes
    peer: str  # the address that it came from
    length: int | None  # of the body


S = TypeVar("S", bound=Said)


class Heads(Generic[S]):
    """For one configuration."""

    def __init__(self) -> None:
        self._said: Cache[bytes, S] = Cache(MOST)

    def learn(self, data: bytes, said: S, target: bytes) -> None:
        """`data` was one request, from its beginning to its end."""
        line, fields, body = _split(data)
        if len(fields) <= LONG and len(body) == said.length and _asked(line) == (said.method, target):
            self._said.put(fields, said)

    def recall(self, data: bytes, peer: str) -> tuple[S, bytes, bytes] | None:
        """What `data` says, its target and body, if it is one request with fields that were learnt from that peer."""
        line, fields, body = _split(data)
        said = self._said.get(fields)
        if said is None or len(body) != said.length or peer != said.peer:
            return None
        method, target = _asked(line)
        return (said, target, body) if method == said.method else None


@dataclass(slots=True)
class Answer:
    """What the head of an answer says, that came whole on a connection which can be used again."""

    status: int
    headers: list[Field]
    length: int  # of its body
    written: tuple[object, bytes] = (None, b"")  # for whom, and how, it was written the last time


class Answers:
    """Of one app."""

    def __init__(self) -> None:
        self._said: Cache[bytes, Answer] = Cache(MOST // 2)

    def learn(self, data: bytes, status: int, headers: Sequence[Field], body: bytes) -> None:
        """`data` was one answer, from its beginning to its end. One that sets a cookie is not likely to come again."""
        head, _, rest = data.partition(b"\r\n\r\n")
        if len(head) > LONG or not head.startswith(b"HTTP/1.1 %d " % status):  # there was an interim one before it
            return
        lengths = [value for name, value in headers if name == b"content-length"]
        if lengths == [b"%d" % len(body)] and body == rest and all(name != b"set-cookie" for name, _ in headers):
            self._said.put(head, Answer(status, list(headers), len(body)))

    def recall(self, data: bytes) -> tuple[Answer, bytes] | None:
        """What `data` says, and its body, if it is one answer with a head that was learnt."""
        head, _, body = data.partition(b"\r\n\r\n")
        answer = self._said.get(head)
        return (answer, body) if answer is not None and len(body) == answer.length else None


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
