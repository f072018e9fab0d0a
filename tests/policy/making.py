"""Requests and routes as the tests of this folder need them."""

from __future__ import annotations

from gateway.policy.facts import Condition, Request, Requirement, Route

FRESH = Requirement((frozenset({"password"}),), 300)
FORM = "application/x-www-form-urlencoded"


def request(line: str, body: bytes = b"", *, content_type: str | None = None, **headers: str) -> Request:
    """`line` is method and target: `POST /account/email?x=1`."""
    method, _, said = line.partition(" ")
    target = said.encode("ascii")
    path, _, query = target.partition(b"?")
    fields = [(name.lower().replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    if body:
        fields.append((b"content-length", str(len(body)).encode()))
    if content_type is not None:
        fields.append((b"content-type", content_type.encode("latin-1")))
    return Request(method, target, path, query, tuple(fields), "notes.example.com", "192.0.2.1", "id", 0.0)


def route(
    name: str,
    path: str,
    *conditions: Condition,
    methods: set[str] | None = None,
    excepts: tuple[str, ...] = (),
) -> Route:
    return Route(name, name, path, FRESH, frozenset(methods) if methods else None, excepts, conditions)


def condition(place: str, field: str, *values: str) -> Condition:
    return Condition(place, field, frozenset(values))
