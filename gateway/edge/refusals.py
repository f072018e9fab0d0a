"""What a client is told when it meets a limit that only the server in front sees. Each answer ends its connection."""

from __future__ import annotations

from http import HTTPStatus
from typing import NamedTuple

from gateway.config.settings import Limits

LATER = 5
"""Seconds after which to come back where there was no room."""


class Refusal(NamedTuple):
    """A whole answer: `words` say which limit it was, and what the client can do; its software reads `more`."""

    status: int
    words: str
    retry: int = 0  # seconds
    more: tuple[tuple[bytes, bytes], ...] = ()

    def written(self, fields: list[tuple[bytes, bytes]]) -> bytes:
        """On the wire, with these fields and its own."""
        body = self.words.encode() + b"\n"
        lines = [f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}".encode()]
        lines += [b"%b: %b" % field for field in (*fields, *self.more)]
        lines += [b"content-type: text/plain; charset=utf-8", b"content-length: %d" % len(body)]
        lines += [
            b"cache-control: no-store",
            b"connection: close, upgrade" if self.status == 426 else b"connection: close",
        ]
        if self.retry:
            lines.append(b"retry-after: %d" % self.retry)
        return b"\r\n".join([*lines, b"", body])


class Refused(Exception):
    """Raised inside the parser, which carries it to whoever fed it."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.words)
        self.refusal = refusal


MALFORMED = Refusal(400, "That is not HTTP as RFC 9112 has it. Nothing was done.")


HANDSHAKE = Refusal(400, "That is no websocket handshake as RFC 6455 has it. Nothing was done.")
EARLY = Refusal(400, "A websocket client waits for the answer to its handshake before it sends more (RFC 6455, 4.1).")
VERSION = Refusal(
    426,
    "Only version 13 of the websocket protocol is spoken here.",
    more=((b"upgrade", b"websocket"), (b"sec-websocket-version", b"13")),
)
FAILED = Refusal(500, "Internal Server Error")


def long_target(limits: Limits) -> Refusal:
    return Refusal(414, f"The request target is longer than {limits.target} bytes. Send less in the address.")


def large_head(limits: Limits) -> Refusal:
    return Refusal(431, f"Request line and fields are more than {limits.head} bytes. Often it is cookies: delete some.")


def many_fields(limits: Limits) -> Refusal:
    return Refusal(431, f"The request has more than {limits.fields} header fields. Send fewer.")


def slow_head(limits: Limits) -> Refusal:
    return Refusal(408, f"The head of the request was not whole after {limits.head_within:g} seconds. Send it again.")


def slow_body(limits: Limits) -> Refusal:
    return Refusal(408, f"Nothing more of the body came for {limits.pause:g} seconds. Send the whole request again.")


def many_connections(limits: Limits) -> Refusal:
    return Refusal(503, "There are as many connections as this server takes. Try again in a moment.", LATER)


def many_websockets(limits: Limits) -> Refusal:
    return Refusal(503, "There are as many websockets as this server takes. Try again in a moment.", LATER)
