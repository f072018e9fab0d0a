"""The facts of a request, taken once, before the first `receive()`.

The server's own reading is not trusted (law 4): targets come from the raw bytes, headers are copied because some
servers append trailers to the list later, and what RFC 9112 forbids is refused even where a server lets it through.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any

from gateway.errors import MalformedRequest
from gateway.policy.facts import Headers, Request
from gateway.policy.target import origin_form

Scope = Any
Networks = Sequence[IPv4Network | IPv6Network]

HOST = re.compile(rb"([a-z0-9_.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?", re.IGNORECASE)
METHOD = re.compile(r"[A-Z][A-Z0-9-]*")
REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{8,128}")
VERSIONS = frozenset({"1.0", "1.1"})
TUNNELS = frozenset({"CONNECT", "TRACE"})


def intake(scope: Scope, now: float, trusted: Networks) -> Request:
    """The request as the client sent it. Raises MalformedRequest for what breaks HTTP's grammar."""
    headers: Headers = tuple(scope["headers"])
    method = scope.get("method", "GET")
    if scope["http_version"] not in VERSIONS:
        raise MalformedRequest("unknown HTTP version")
    if METHOD.fullmatch(method) is None:
        raise MalformedRequest("a method is written in upper case")
    if method in TUNNELS:
        raise MalformedRequest(f"{method} is not served here", 405)
    host = _checked(headers, scope["http_version"])
    authority, target = origin_form(_raw_target(scope))
    if authority is not None and _name(authority) != host:
        raise MalformedRequest("the target names another host than the Host field")
    path, _, query = target.partition(b"?")
    client, id = _client(scope, headers, trusted)
    return Request(method, target, path, query, headers, host, client, id, now)


def _checked(headers: Headers, version: str) -> str:
    """The host; raises for what leaves host or framing in doubt (RFC 9112, 3.2, 6.1 and 6.3)."""
    hosts = lengths = codings = 0
    host = b""
    for name, value in headers:
        if name == b"host":
            hosts, host = hosts + 1, value
        elif name == b"content-length":
            lengths += 1 if value.isdigit() else 2
        elif name == b"transfer-encoding":
            codings += 1 if value.lower() == b"chunked" and version != "1.0" else 2
    if hosts != 1:
        raise MalformedRequest("exactly one Host field is needed")
    if lengths + codings > 1:
        raise MalformedRequest("the length of the body is not clear")
    return _name(host)


def _raw_target(scope: Scope) -> bytes:
    said = scope.get("extensions", {}).get("gateway.target")
    if said is not None:
        raw: bytes = said["raw"]
        return raw
    path: bytes = scope["raw_path"]
    query: bytes = scope["query_string"]
    return path + b"?" + query if query else path


@lru_cache(256)
def _name(authority: bytes) -> str:
    found = HOST.fullmatch(authority)
    if found is None:
        raise MalformedRequest("that is no host")
    return found[1].decode("ascii").lower().rstrip(".")


def _client(scope: Scope, headers: Headers, trusted: Networks) -> tuple[str, str]:
    """The party behind trusted proxies, and the request's id; both only as far as the peer may say."""
    peer = scope["client"][0] if scope.get("client") else ""
    if not trusted or not _within(peer, trusted):
        return peer, os.urandom(12).hex()
    id = next((value for name, value in headers if name == b"x-request-id"), b"")
    kept = id.decode("ascii") if REQUEST_ID.fullmatch(id) else os.urandom(12).hex()
    hops = b",".join(value for name, value in headers if name == b"x-forwarded-for").decode("latin-1").split(",")
    for hop in reversed([each.strip() for each in hops]):
        try:
            ip_address(hop)
        except ValueError:
            return peer, kept
        peer = hop
        if not _within(hop, trusted):
            break
    return peer, kept


def _within(address: str, networks: Networks) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks if network.version == parsed.version)
