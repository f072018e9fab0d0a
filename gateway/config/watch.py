"""Whether routes.toml, or a file that it names, has changed: their stamps, compared about once a second."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Stamp = tuple[str, int, int, int]

NAMING = ("secret", "state", "directory")
"""Keys of [gateway] that may say "file:…"."""


class Watch:
    """A change counts once the files have been still between two looks: one that is half written means nothing yet.

    Links are followed, so that it does not matter which part of the way to a file was replaced.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._named: frozenset[Path] = frozenset()
        self._read: Stamp | None = None
        self._taken = self._seen = self._look()

    def due(self) -> bool:
        """To be asked once a second: has something changed since `take`, and has it come to rest?"""
        before, self._seen = self._seen, self._look()
        return before == self._seen != self._taken

    def take(self) -> None:
        """They are about to be read, as they are now."""
        self._taken = self._seen = self._look()

    def _look(self) -> frozenset[Stamp]:
        own = _stamp(self._path)
        if own != self._read:
            self._read, named = own, _named(self._path)
            self._named = self._named if named is None else named
        return frozenset((own, *map(_stamp, self._named)))


def _stamp(path: Path) -> Stamp:
    try:
        found = os.stat(path)
    except OSError:
        return str(path), 0, 0, 0
    return str(path), found.st_mtime_ns, found.st_size, found.st_ino


def _named(path: Path) -> frozenset[Path] | None:
    """None where it cannot be read."""
    try:
        said = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return None
    return frozenset(Path(path.absolute().parent, name) for name in _files(said.get("gateway")))


def _files(table: Any) -> Iterator[str]:
    for key in NAMING if isinstance(table, dict) else ():
        value = table.get(key)
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, str) and each.startswith("file:"):
                yield each.removeprefix("file:")
