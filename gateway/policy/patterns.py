"""Path patterns, and the tree that finds which of them a reading fits.

A pattern is a tuple of segments: `**` any number of them, one with `*` in it any text at that place, the others
literal. There are no regular expressions: nothing to escape wrongly, and no path that takes long to match.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Generic, TypeVar

from gateway.policy.target import ANYTHING, stems
from gateway.policy.text import fold

Pattern = tuple[str, ...]
T = TypeVar("T")

_NAMED = re.compile(r"\{[A-Za-z][A-Za-z0-9_]*\}")
_ORIGIN = re.compile(r"(?i)https?://[^/]*")
_INDEX = re.compile(r"(?:index|default)\.[^/*]+")
_SCRIPT = re.compile(r"([^*]+)\.(?:php|aspx?|jsp|cgi|pl|py|cfm)")


@lru_cache(4096)  # patterns are the operator's, and each is compared with every other
def compile(pattern: str) -> Pattern:
    """The segments of `pattern`, folded as readings are. Raises ValueError with what to write instead."""
    if not pattern.startswith("/"):
        plain = _ORIGIN.sub("", pattern).lstrip("^/")
        raise ValueError(f'a path begins with "/"; write "/{plain}"')
    if "%" in pattern:
        raise ValueError('write the path decoded, such as "é" for "%C3%A9"; every encoding of it is matched')
    for sign, why in {"?": "a query has conditions of its own: query = { … }", "#": "fragments are never sent"}.items():
        if sign in pattern:
            raise ValueError(f'a path has no "{sign}"; {why}')
    if re.search(r"[\\\x00-\x1f\x7f]", pattern):
        raise ValueError('a path has no backslashes or control characters; write "/", odd spellings are matched too')
    segments = tuple(_segment(each) for each in pattern.removesuffix("/").split("/")[1:])
    if any(two == ("**", "**") for two in pairwise(segments)):
        raise ValueError('one "**" is enough')
    return segments


def _segment(said: str) -> str:
    if said == "":
        raise ValueError('there is an empty segment: write one "/", not two')
    if said in {".", ".."}:
        raise ValueError(f'"{said}" as a segment leads elsewhere; write the path it leads to')
    plain = _NAMED.sub("*", said)
    if plain != "**" and "**" in plain:
        raise ValueError('"**" stands for whole segments; write "*" for a part of one')
    found = re.search(r"[{}\[\]|^]", plain)
    if found:
        raise ValueError(f'"{found[0]}" has no meaning here: only "*", "{{name}}" and "**" stand for something')
    return fold(plain)


def spellings(pattern: Pattern) -> Iterator[Pattern]:
    """`pattern`, and the shorter ways servers lead to the same script: its directory, or without its extension."""
    yield pattern
    *directory, name = pattern or ("",)
    script = _SCRIPT.fullmatch(name)
    if script:
        yield (*directory, script[1])
    if _INDEX.fullmatch(name) and directory[-1:] != ["**"]:
        yield tuple(directory)


def covers(outer: Pattern, inner: Pattern) -> bool:
    """Whether every path of `inner` is certainly one of `outer`."""
    if not outer:
        return not inner
    if outer[0] == "**":
        return covers(outer[1:], inner) or (inner != () and covers(outer, inner[1:]))
    if not inner or inner[0] == "**":
        return False
    return _fits(outer[0].split("*"), inner[0]) and covers(outer[1:], inner[1:])


def overlaps(one: str, other: str) -> bool:
    """Whether some path may fit both patterns. Raises ValueError for a bad one."""
    return _meet(compile(one), compile(other))


def _meet(one: Pattern, other: Pattern) -> bool:
    if one[:1] == ("**",):
        return _meet(one[1:], other) or (other != () and _meet(one, other[1:]))
    if other[:1] == ("**",):
        return _meet(other, one)
    if not one or not other:
        return one == other
    here, there = one[0], other[0]
    both = "*" in here and "*" in there
    return (both or _fits(here.split("*"), there) or _fits(there.split("*"), here)) and _meet(one[1:], other[1:])


def _fits(pieces: list[str], segment: str) -> bool:
    """Whether `pieces` stand in `segment` in their order, the first at its start and the last at its end."""
    if len(pieces) == 1:
        return segment == pieces[0]
    first, *middle, last = pieces
    at, end = len(first), len(segment) - len(last)
    if at > end or not segment.startswith(first) or not segment.endswith(last):
        return False
    for piece in middle:
        at = segment.find(piece, at, end)
        if at < 0:
            return False
        at += len(piece)
    return True


class _Node(Generic[T]):
    """A place in the tree. `deep` is the same place after a `**`, where any segment leads back to."""

    __slots__ = ("deep", "globs", "items", "literals", "loops")

    def __init__(self, loops: bool = False) -> None:
        self.literals: dict[str, _Node[T]] = {}
        self.globs: dict[str, tuple[list[str], _Node[T]]] = {}
        self.deep: _Node[T] | None = None
        self.items: list[T] = []
        self.loops = loops

    def child(self, segment: str) -> _Node[T]:
        if segment == "**":
            self.deep = self.deep or _Node(loops=True)
            return self.deep
        if "*" in segment:
            return self.globs.setdefault(segment, (segment.split("*"), _Node()))[1]
        return self.literals.setdefault(segment, _Node())


class Tree(Generic[T]):
    """Patterns and what belongs to each. Finding takes as long as the path is, however many patterns there are."""

    def __init__(self) -> None:
        self._root: _Node[T] = _Node()

    def add(self, pattern: Pattern, item: T) -> None:
        node = self._root
        for segment in pattern:
            node = node.child(segment)
        node.items.append(item)

    def find(self, reading: str) -> list[T]:
        """The items of all patterns that `reading` fits, each once for every pattern it was added with."""
        root = self._root
        here = {root} if root.deep is None else {root, root.deep}
        for segment in reading[1:].split("/") if reading != "/" else ():
            following: set[_Node[T]] = set()
            for node in here:
                if node.loops:
                    following.add(node)
                child = node.literals.get(segment)
                if child is not None:
                    following.add(child)
                for pieces, child in node.globs.values():
                    if _fits(pieces, segment):
                        following.add(child)
            if not following:
                return []
            following.update([node.deep for node in following if node.deep is not None])
            here = following
        return [item for node in here for item in node.items]


class PathSet:
    """Paths given by patterns. Raises ValueError for a bad one."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._tree: Tree[bool] = Tree()
        for pattern in map(compile, patterns):
            self._tree.add(pattern, "*" not in "".join(pattern[-1:]))

    def inside(self, readings: frozenset[str]) -> set[str]:
        """Those of `readings` that are in it. A pattern that names a file means it, and not what is behind its name:
        `/favicon.ico` is whole although some app might serve `/favicon` for it."""
        found: set[str] = set()
        for reading in readings:
            named = self._tree.find(reading)
            if named:
                found.add(reading)
            if True in named:
                found.update(stems(reading))
        return found & readings

    def match_all(self, readings: frozenset[str]) -> bool:
        """Whether every reading is in it: what might be understood as something else is not open."""
        return readings != ANYTHING and len(self.inside(readings)) == len(readings)


def by_suffix(pattern: str) -> bool:
    """Whether it takes files by their suffix (`/img/*.png`): a PathSet has none of them, for what an app would serve
    without the suffix is not in it. Raises ValueError for a bad pattern."""
    last = "".join(compile(pattern)[-1:])
    return "." in last.rpartition("*")[2] and "*" in last
