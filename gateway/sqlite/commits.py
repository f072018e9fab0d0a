"""Whether anybody has committed to a SQLite file, seen without asking SQLite.

In WAL mode the header of the shared index (FILE-shm) changes with each commit, whichever process makes it; SQLite goes
by it to know whether the pages it has are still right (sqlite.org/walformat.html, 2.1).

Closing a descriptor of a file drops every lock that the process has on it (sqlite.org/howtocorrupt.html, 2.2), and
SQLite locks this one. So there is one look for all databases of the process on that file, and the last one ends it.
"""

from __future__ import annotations

import mmap
import os
import sys
from pathlib import Path
from threading import RLock

HEADER = 48
"""Bytes: counter, number of pages, salts, checksums."""

FORMAT = 3007000
"""The only one there has been; of any other we know nothing."""

opening = RLock()
"""Held by whoever opens a file in this process: its new locks must not be dropped by the end of another look."""

_open: dict[tuple[int, int], Commits] = {}


class Commits:
    """Made by `watch`, for a file that this process has open."""

    def __init__(self, index: str) -> None:
        self._descriptor = os.open(index, os.O_RDONLY | os.O_CLOEXEC)
        self._map = mmap.mmap(self._descriptor, HEADER, prot=mmap.PROT_READ)
        self.known = int.from_bytes(self._map[:4], sys.byteorder) == FORMAT
        self.users = 0

    def mark(self) -> bytes:
        """Another one after each commit. Take it before what is read, and compare it afterwards."""
        return self._map[:HEADER]

    def close(self) -> None:
        """After SQLite's own connections."""
        with opening:
            self.users -= 1
            if not self.users:
                del _open[next(key for key, each in _open.items() if each is self)]
                self._map.close()
                os.close(self._descriptor)


def watch(path: Path | str) -> Commits | None:
    """None where there is no such index, or one that we do not know; that one stays open, for the sake of its locks."""
    index = f"{path}-shm"
    with opening:
        try:
            found = os.stat(index)
            key = found.st_dev, found.st_ino
            commits = _open.get(key) or _open.setdefault(key, Commits(index))
        except (OSError, ValueError):
            return None
        if not commits.known:
            return None
        commits.users += 1
        return commits
