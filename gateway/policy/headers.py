"""Header fields on their way through: what is dropped, what is cut, what is set.

Names are compared folded, because apps read them folded: CGI, WSGI and PHP all make HTTP_X_AUTH_TIME of `X_Auth.Time`.
Field names are lower case throughout.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from gateway.policy.facts import Headers

Field = tuple[bytes, bytes]

HOP_BY_HOP = frozenset(
    {b"connection", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade", b"http2-settings"}
)
"""They belong to one connection (RFC 9110, 7.6.1); so does all that begins with `proxy-`."""

REPLACED = frozenset({b"content-length", b"expect", b"x-request-id"})
"""The gateway frames the body itself, has answered Expect already, and names every request."""

BELIEVED = frozenset(
    {b"forwarded", b"x-real-ip", b"x-client-ip", b"true-client-ip"}
    | {b"x-rewrite-url", b"script-name", b"path-info", b"x-script-name", b"x-path-info"}
    | {b"remote-user", b"x-remote-user", b"proxy"}
)
"""Apps believe these when a proxy set them; here only a client can have."""

FAMILIES = (b"proxy-", b"x-forwarded-", b"x-original-", b"x-envoy-", b"x-middleware-")

IDENTITY = ("X-Auth-User", "X-Auth-Time", "X-Auth-Methods")

_NOT_PLAIN = re.compile(rb"[^a-z0-9]")
_OWN = rb"[ \t=]*(?:__host-|__secure-)?gateway_"
_OWN_PAIR = re.compile(rb"(?:^|;)" + _OWN + rb"[^;]*", re.IGNORECASE)
_OWN_NAME = re.compile(_OWN, re.IGNORECASE)
_TOKEN = re.compile(rb"[A-Za-z0-9._~+/=-]+")


LONGEST_KNOWN = 64
"""Bytes: a cache of names must not become a store for clients."""


def fold(name: bytes) -> bytes:
    """The name as the most forgiving app reads it: lower case, everything but letters and digits a hyphen."""
    return _folded(name) if len(name) <= LONGEST_KNOWN else _folded.__wrapped__(name)


@lru_cache(4096)
def _folded(name: bytes) -> bytes:
    return _NOT_PLAIN.sub(b"-", name.lower())


@lru_cache(4096)
def _folded_if_passing(name: bytes) -> bytes:
    """The folded name; empty when no client may send it on."""
    folded = fold(name)
    if folded in HOP_BY_HOP or folded in REPLACED or folded in BELIEVED or folded.startswith(FAMILIES):
        return b""
    return folded


def stripped(names: Iterable[str]) -> frozenset[bytes]:
    """What `to_upstream` drops for an app that is told who someone is under these names. Make it once."""
    return frozenset({b"", *(fold(name.encode()) for name in (*IDENTITY, *names))})


def to_upstream(
    headers: Headers,
    strip: frozenset[bytes],
    *,
    identity: Sequence[Field],
    client: bytes,
    proto: bytes,
    host: bytes,
    request_id: bytes,
) -> list[Field]:
    """The fields an app gets: the client's end-to-end ones, then exactly one of each of ours. Framing is the sender's.

    `strip` is from `stripped()`, `identity` is empty where there is no session. What the client's `Connection` names
    is not dropped for it: whoever could name a field there could delete it (security, `Connection: X-Auth-Time`).
    """
    fields = passing(headers, strip)
    fields += identity
    fields += forwarded(client, proto, host)
    fields.append((b"x-request-id", request_id))
    return fields


def passing(headers: Headers, strip: frozenset[bytes]) -> list[Field]:
    """The client's end-to-end fields."""
    fields: list[Field] = []
    for field in headers:
        name = field[0]
        if len(name) > LONGEST_KNOWN:
            if _folded_if_passing.__wrapped__(name) not in strip:
                fields.append(field)
        elif name == b"cookie":
            if rest := without_own(field[1]):
                fields.append((name, rest))
        elif _folded_if_passing(name) not in strip:
            fields.append(field)
    return fields


def forwarded(client: bytes, proto: bytes, host: bytes) -> tuple[Field, ...]:
    """For whom, and how they reached us."""
    return (b"x-forwarded-for", client), (b"x-forwarded-proto", proto), (b"x-forwarded-host", host)


def to_client(headers: Iterable[Field]) -> list[Field]:
    """The fields of an answer that go on to the client: several Set-Cookie lines stay several, in their order.

    `Date` is dropped because the server in front sets its own. An app cannot set a cookie of ours.
    """
    return [
        field
        for field in headers
        if field[0] not in _KEPT_BACK
        and not (field[0] == b"set-cookie" and _OWN_NAME.match(field[1]))
        and b"\n" not in field[1]
        and b"\r" not in field[1]
    ]


_KEPT_BACK = HOP_BY_HOP | {b"date", b"proxy-connection", b"proxy-authenticate", b"proxy-authentication-info"}


def without_own(cookie: bytes) -> bytes:
    """A Cookie field's value without the gateway's own cookies; the others byte for byte; empty when none is left."""
    if b"gateway_" not in cookie.lower():
        return cookie
    return _OWN_PAIR.sub(b"", cookie).lstrip(b"; \t")


def own_cookie(cookies: Iterable[bytes], name: bytes) -> bytes | None:
    """The value of that cookie, from all Cookie fields of a request.

    None when it is absent or not made of token characters, and when two of them differ: somebody else set one (cookie
    tossing), and there is no telling which. A leading "=" is a nameless cookie that spells our name.
    """
    found = None
    for cookie in cookies:
        if name not in cookie:
            continue
        for pair in cookie.split(b";"):
            key, _, value = pair.strip(b" \t").partition(b"=")
            if not key and value.lstrip(b"= \t").startswith(name):
                return None
            if key.rstrip(b" \t") != name:
                continue
            value = value.strip(b" \t")
            if not _TOKEN.fullmatch(value) or (found is not None and found != value):
                return None
            found = value
    return found


def body_length(headers: Headers) -> int | None:
    """How many bytes of body a request announces; 0 for none, None when only its end will tell (chunked).

    The framing has been checked before; a length that is no number raises ValueError all the same.
    """
    length = 0
    for name, value in headers:
        if name == b"transfer-encoding":
            return None
        if name == b"content-length":
            if not value.isdigit():
                raise ValueError("Content-Length is not a number")
            length = int(value)
    return length
