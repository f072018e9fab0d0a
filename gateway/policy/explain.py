"""Why a request matches a route, or nearly does: the same judgement as `routes`, with words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from gateway.policy.facts import Condition, Request, Route
from gateway.policy.fields import Said, allows, hear_out, holds
from gateway.policy.forms import Body
from gateway.policy.patterns import PathSet, Tree, compile, spellings
from gateway.policy.target import ANYTHING


class Criterion(NamedTuple):
    """One thing a route asks of a request. `name` is its key in routes.toml."""

    name: str
    matched: bool
    text: str


def explain(
    routes: Iterable[Route], request: Request, readings: frozenset[str], body: bytes | None
) -> list[tuple[Route, list[Criterion]]]:
    """Every route with each of its criteria; it matches when all of them do. `body` None is one not read whole."""
    said = hear_out(request, body)
    return [(route, list(_criteria(route, said, readings))) for route in routes]


def _criteria(route: Route, said: Said, readings: frozenset[str]) -> Iterator[Criterion]:
    yield _path(route, readings)
    if route.methods is not None:
        methods = " or ".join(sorted(route.methods))
        judged = " and ".join(sorted(said.methods))
        matched = bool(allows(route.methods, said))
        yield Criterion("methods", matched, f"judged as {judged}" + ("" if matched else f", not as {methods}"))
    for condition in route.conditions:
        yield _condition(condition, said)


def _path(route: Route, readings: frozenset[str]) -> Criterion:
    if readings == ANYTHING:
        return Criterion("path", True, "can be read in too many ways, so that it counts as every path")
    inside: Tree[None] = Tree()
    for pattern in spellings(compile(route.path)):
        inside.add(pattern, None)
    fitting = sorted((each for each in readings if inside.find(each)), key=lambda each: (-len(each), each))
    if not fitting:
        return Criterion("path", False, f"is not {route.path}")
    excepted = PathSet(route.excepts).inside(readings)
    left = [each for each in fitting if each not in excepted]
    if not left:
        return Criterion("except", False, f"{fitting[0]} is excepted")
    return Criterion("path", True, f"{left[0]} is {route.path}")


def _condition(condition: Condition, said: Said) -> Criterion:
    matched = bool(holds(condition, said))
    wanted = " or ".join(sorted(condition.values)) or "present"
    text = f"{condition.field} is {wanted}" if matched else f"{condition.field} is not {wanted}"
    unread = isinstance(said.body, Body) and condition.place not in {"query", "header"}
    return Criterion(condition.place, matched, "the body cannot be read, which counts as a match" if unread else text)
