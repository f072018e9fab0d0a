"""What the notes app remembers, in memory: a desk for each person, and a log of every sensitive thing done."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import NamedTuple


@dataclass
class Desk:
    """All that belongs to one person."""

    email: str
    notes: list[str] = field(default_factory=lambda: ["Water the fern", "Ask about the boat"])
    keys: dict[int, tuple[str, str]] = field(default_factory=dict)
    """Label and secret of each API key."""
    pages: list[str] = field(default_factory=lambda: ["minutes-1998", "old-menu", "phone-list"])
    two_factor: bool = True
    notice: str = ""
    """Shown once, on the next page."""


class Deed(NamedTuple):
    """One sensitive action that was performed. `at` is an ISO 8601 time in UTC."""

    number: int
    at: str
    user: str
    action: str
    detail: str


class People:
    """Every desk, by the name in X-Auth-User, and what was done. Safe to share between threads."""

    def __init__(self) -> None:
        self.log: list[Deed] = []
        self._desks: dict[str, Desk] = {}
        self._lock = threading.Lock()
        self._numbers = count(1)

    def desk(self, user: str) -> Desk:
        with self._lock:
            return self._desks.setdefault(user, Desk(email=f"{user}@example.com"))

    def names(self) -> list[str]:
        with self._lock:
            return sorted(self._desks)

    def did(self, user: str, action: str, detail: str = "") -> None:
        """Write down that something sensitive happened; say so on the person's next page."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self.desk(user).notice = f"Done: {action}. {detail}".strip()
        with self._lock:
            self.log.append(Deed(len(self.log) + 1, now, user, action, detail))

    def new_key(self, user: str, label: str) -> int:
        with self._lock:
            number = next(self._numbers)
        self.desk(user).keys[number] = (label, f"nk_{secrets.token_hex(12)}")
        return number

    def forget(self, user: str) -> None:
        """Delete the account; the next visit starts with a fresh desk."""
        with self._lock:
            self._desks.pop(user, None)
