"""On which line of a TOML text does each key stand?

The text is known to be valid TOML. A statement is then the fewest whole lines that parse by themselves: no value that
spans lines parses before its last one.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping

Place = tuple[str | int, ...]
"""Table keys and array indexes from the top of the file: ("app", 0, "route", 2, "max_age")."""


def lines(text: str) -> dict[Place, int]:
    """The first line of every table and every key, by its path."""
    found: dict[Place, int] = {(): 1}
    arrays: dict[Place, int] = {}
    table: Place = ()
    for number, statement, parsed in _statements(text):
        if statement.lstrip().startswith("["):
            table = _entered(parsed, arrays)
            for depth in range(len(table)):
                found.setdefault(table[: depth + 1], number)
        else:
            for path in _keys(parsed, table):
                found.setdefault(path, number)
    return found


def nearest(found: Mapping[Place, int], path: Place) -> int:
    """The line of that path, or of what it would stand in."""
    while path not in found:
        path = path[:-1]
    return found[path]


def _statements(text: str) -> Iterator[tuple[int, str, dict[str, object]]]:
    start, pending = 1, ""
    for number, line in enumerate(text.split("\n"), start=1):
        pending += line + "\n"
        try:
            parsed = tomllib.loads(pending)
        except tomllib.TOMLDecodeError:
            continue
        yield start, pending, parsed
        start, pending = number + 1, ""


def _entered(header: dict[str, object], arrays: dict[Place, int]) -> Place:
    """The path a header opens; `arrays` counts the tables of each array so far."""
    path: Place = ()
    inner: object = header
    while isinstance(inner, dict) and inner:
        [(key, inner)] = inner.items()
        path += (key,)
        if isinstance(inner, list):
            arrays[path] = arrays.get(path, -1) + 1
        if path in arrays:
            path += (arrays[path],)
    return path


def _keys(value: object, path: Place) -> Iterator[Place]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*path, key)
            yield from _keys(inner, (*path, key))
