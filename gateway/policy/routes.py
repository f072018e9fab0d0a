"""The table of sensitive endpoints: every route that matches a request, by any of its readings.

A route matches when some reading of the path fits its pattern and none of its exceptions, the method is one of its
own (as sent, or as overridden), and all its conditions hold. There is no order, and no route takes another back.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from gateway.policy.facts import Request, Route, fact
from gateway.policy.fields import Said, allows, hear, hear_out, holds
from gateway.policy.patterns import PathSet, Tree, by_suffix, compile, covers, spellings
from gateway.policy.target import ANYTHING

_FOREIGN = re.compile(r"^:|[()<>]|\$$")
"""How other routers write a variable; here these are signs like any other."""

BODY = frozenset({"form", "json"})


@fact
class Match:
    """Both in the table's order. `undecided` are those that depend on the body; `settle` decides them."""

    routes: tuple[Route, ...]
    undecided: tuple[Route, ...] = ()


NONE = Match(())


MANY = 1024
FEW = 4
LONGEST = 256
"""Paths whose routes are remembered, the readings of one and their characters: clients choose all of them."""


class _Entry(NamedTuple):
    number: int
    route: Route
    excepts: PathSet


class _Found(NamedTuple):
    """What is on a path. `match` is known where the path alone decides."""

    routes: tuple[Route, ...]
    match: Match | None


class RouteTable:
    """Made once from an app's routes. Raises ValueError for a pattern that is none."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._entries = [_Entry(number, route, PathSet(route.excepts)) for number, route in enumerate(routes)]
        self._tree: Tree[_Entry] = Tree()
        for entry in self._entries:
            for pattern in spellings(compile(entry.route.path)):
                self._tree.add(pattern, entry)
        self._known = lru_cache(MANY)(self._look_up)

    def match(self, request: Request, readings: frozenset[str]) -> Match:
        """The routes of a request whose body has not been read."""
        short = len(readings) <= FEW and sum(map(len, readings)) <= LONGEST
        found = self._known(readings) if short else self._look_up(readings)
        if found.match is not None:
            return found.match
        said = hear(request)
        verdicts = [(route, judge(route, said)) for route in found.routes]
        return Match(
            tuple(route for route, verdict in verdicts if verdict),
            tuple(route for route, verdict in verdicts if verdict is None),
        )

    def touches(self, readings: frozenset[str]) -> bool:
        """Whether it depends on more than the path what a request matches, or matches anything at all."""
        return bool(self._on(readings))

    def settle(self, match: Match, request: Request, body: bytes | None) -> tuple[Route, ...]:
        """The routes, now that the body is known; None is one that could not be read whole."""
        said = hear_out(request, body)
        found = {route.name for route in match.undecided if judge(route, said)}
        found.update(route.name for route in match.routes)
        return tuple(entry.route for entry in self._entries if entry.route.name in found)

    def _look_up(self, readings: frozenset[str]) -> _Found:
        routes = tuple(self._on(readings))
        if not routes:
            return _Found((), NONE)
        whatever = all(route.methods is None and not route.conditions for route in routes)
        return _Found(routes, Match(routes) if whatever else None)

    def _on(self, readings: frozenset[str]) -> Sequence[Route]:
        """The routes whose path it is, for at least one reading."""
        if readings == ANYTHING:
            return [entry.route for entry in self._entries]
        found: dict[int, Route] = {}
        for reading in readings:
            for number, route, excepts in self._tree.find(reading):
                if not route.excepts or reading not in excepts.inside(readings):
                    found[number] = route
        return [found[number] for number in sorted(found)]


def judge(route: Route, said: Said) -> bool | None:
    """Whether method and conditions hold too; None when that depends on a body not yet read."""
    verdicts = [allows(route.methods, said), *(holds(condition, said) for condition in route.conditions)]
    if False in verdicts:
        return False
    return None if None in verdicts else True


def warnings(routes: Sequence[Route]) -> Iterator[tuple[str, str]]:
    """Names of routes that never match, or that change nothing, each with the reason."""
    seen: dict[object, str] = {}
    for route in routes:
        path = compile(route.path)
        for pattern in route.excepts:
            if covers(compile(pattern), path):
                yield route.name, f'never matches: all of its path is inside its own except "{pattern}"'
            elif by_suffix(pattern):
                yield route.name, f'except "{pattern}" takes nothing out: apps may serve another page with that suffix'
        foreign = next((each for each in route.path.split("/") if _FOREIGN.search(each)), "")
        if foreign:
            yield route.name, f'"{foreign}" in its path is taken literally; write {{id}} for any one segment'
        reading = (route.methods or {"any"}) <= {"GET", "HEAD"}
        places = {condition.place for condition in route.conditions}
        if reading and not places:
            yield route.name, "asks for GET alone, and many apps show the same page for POST; leave methods out"
        if places >= BODY:
            yield route.name, "has json and form conditions; one body is never both"
        if places & BODY and reading:
            yield route.name, "looks for fields in the body of GET, which has none; query = { … } looks in the address"
        same = (path, route.methods, frozenset(route.conditions), frozenset(route.excepts), route.requirement)
        if same in seen:
            yield route.name, f'asks the same of the same requests as "{seen[same]}"'
        seen.setdefault(same, route.name)
