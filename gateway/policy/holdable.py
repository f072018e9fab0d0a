"""May this request be kept until its owner has confirmed it?

Only what this very site sent: a forged cross-site POST must never become "confirm and run" (product law, security).
The witnesses are Fetch Metadata (W3C, Sec-Fetch-Site), `Origin` (RFC 6454, 7.3) and, where a browser sends neither,
`Referer`; all that are there must agree.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from gateway.policy.facts import Headers, Request
from gateway.policy.fields import overrides

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

NOT_HELD = frozenset(
    {b"cookie", b"authorization", b"host", b"content-length", b"transfer-encoding", b"connection", b"expect"}
    | {b"te", b"trailer", b"upgrade", b"keep-alive", b"proxy-authorization", b"proxy-connection", b"x-request-id"}
)
"""Left out of a held request: framing, what belongs to one connection, and what the resuming request brings itself."""


class Sender(StrEnum):
    """Who caused the request."""

    SAME = "same-origin"
    CROSS = "cross-site"
    UNKNOWN = "unknown"


class Declined(StrEnum):
    """Why a request is not kept; the page has a sentence for each."""

    TOO_LARGE = "too-large"
    CROSS_SITE = "cross-site"
    QUOTA = "quota"


class Hold(NamedTuple):
    """Keep these fields with it."""

    headers: Headers


def reads(request: Request) -> bool:
    """Whether it only reads: its method is safe (RFC 9110, 9.2.1), and so is whatever may override it."""
    return request.method in SAFE and overrides(request) <= SAFE


def sender(request: Request, origin: str) -> Sender:
    """`origin` is the site's own, from the configuration."""
    ours = origin.encode()
    site = request.values(b"sec-fetch-site")
    origins = request.values(b"origin")
    if len(site) > 1 or len(origins) > 1 or (origins and origins[0] != ours and not site):
        return Sender.CROSS
    if site:
        said = site[0]
        if said == b"same-origin":
            return Sender.SAME if not origins or origins[0] == ours else Sender.CROSS
        if said == b"none":
            return Sender.SAME if reads(request) else Sender.UNKNOWN
        return Sender.CROSS  # "same-site" too: other ports and sub-domains may be other people's
    if origins:
        return Sender.SAME
    referer = request.header(b"referer")
    if referer is None:
        return Sender.UNKNOWN
    return Sender.SAME if referer == ours or referer.startswith(ours + b"/") else Sender.CROSS


def holdable(request: Request, body: bytes | None, origin: str) -> Hold | Declined:
    """`body` is None when it could not be read whole within the limit."""
    if sender(request, origin) is not Sender.SAME:
        return Declined.CROSS_SITE
    if body is None:
        return Declined.TOO_LARGE
    return Hold(tuple([field for field in request.headers if field[0] not in NOT_HELD]))


def navigates(request: Request) -> bool:
    """Whether a person is looking at the answer: a document navigation, not a script's call."""
    mode = request.header(b"sec-fetch-mode")
    if mode is not None:
        return mode == b"navigate"
    return b"text/html" in (request.header(b"accept") or b"") and request.header(b"x-requested-with") is None
