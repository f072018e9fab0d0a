"""What people meant, what they confirmed, what they were told, and what the app got: do the four agree?"""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from tests.support.echo import Seen

SHORT = 5
"""Seconds that a proof lasts where it lasts at all."""

SLACK = 2
"""Seconds that a request may be on its way from the gateway's decision to the app."""

FRESH, EACH_TIME, CALL = "/account/email", "/account/delete", "/api/pay"
"""Asked for after a while; every time; every time, of a script."""

SENSITIVE = frozenset({FRESH, EACH_TIME, CALL})
DEED = re.compile(rb"deed-\d+")

ROUTES = f"""
[session]
idle = "1h"

[[app]]
name = "notes"
upstream = "{{upstream}}"
public = ["/static/**"]

  [[app.route]]
  name = "change-email"
  action = "Change your e-mail address"
  methods = ["POST"]
  path = "{FRESH}"
  show = ["email"]
  max_age = "{SHORT}s"

  [[app.route]]
  name = "delete"
  action = "Delete it"
  methods = ["POST"]
  path = "{EACH_TIME}"
  max_age = "0s"

  [[app.route]]
  name = "pay"
  action = "Pay it"
  path = "{CALL}"
  show = ["email"]
  once = true
"""


class Told(StrEnum):
    """What the person read last of a deed."""

    NOTHING = "nothing yet"
    DONE = "done"
    PAGE = "the page, as if it were done"
    UNKNOWN = "nobody knows"
    UNSENT = "not sent"
    NO_ANSWER = "no answer at all"


@dataclass
class Deed:
    """One sensitive thing that somebody wanted. `confirmed`: they answered the question, rightly."""

    id: str
    who: str
    path: str
    confirmed: bool = False
    told: Told = Told.NOTHING


class Book:
    """Written by people, read by the auditor; `wrong` are the broken promises, in words."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.deeds: dict[str, Deed] = {}
        self.wrong: list[str] = []
        self.got: Counter[str] = Counter()
        self.checked = 0

    def deed(self, who: str, path: str) -> Deed:
        """A new one."""
        with self._lock:
            made = Deed(f"deed-{len(self.deeds)}", who, path)
            self.deeds[made.id] = made
            return made

    def audit(self, arrived: Iterable[Seen]) -> None:
        """What came to the app since the last time."""
        for seen in arrived:
            found = DEED.search(seen.body or seen.target.encode())
            if seen.method != "POST" or seen.path not in SENSITIVE:
                continue
            self.checked += 1
            self.wrong += self._faults(seen, self.deeds.get(found[0].decode()) if found else None)

    def _faults(self, seen: Seen, deed: Deed | None) -> list[str]:
        if deed is None:
            return [f"nobody wanted {seen.method} {seen.target}"]
        self.got[deed.id] += 1
        found = []
        if self.got[deed.id] > 1:
            found.append(f"{deed.id} was delivered {self.got[deed.id]} times")
        if seen.header("x-auth-user") != deed.who:
            found.append(f"{deed.id} of {deed.who} was done as {seen.header('x-auth-user')}")
        age = seen.at - int(seen.header("x-auth-time") or 0)
        if age > SHORT + SLACK and (deed.path == FRESH or age > 60):
            found.append(f"{deed.id} passed on a proof {age:.0f} s old")
        if deed.path != FRESH and not deed.confirmed:
            found.append(f"{deed.id} on {deed.path} was delivered and never confirmed")
        return found

    def close(self) -> None:
        """Of what was confirmed, each is delivered once, or its owner knows that it may not be."""
        for deed in self.deeds.values():
            got = self.got[deed.id]
            if deed.told in (Told.DONE, Told.PAGE) and not got:
                self.wrong.append(f"{deed.id} on {deed.path} was lost, and its owner was told: {deed.told}")
            if deed.told is Told.PAGE and got:
                self.wrong.append(f"{deed.id} on {deed.path}: its owner got a page and not the answer")
            if deed.told is Told.UNSENT and got:
                self.wrong.append(f"{deed.id} on {deed.path} was delivered, and its owner was told: {deed.told}")

    def outcomes(self) -> Counter[tuple[str, str, bool]]:
        """How often, by path, what was told, and whether the app got it."""
        return Counter((deed.path, deed.told.value, self.got[deed.id] > 0) for deed in self.deeds.values())


@dataclass
class Trouble:
    """An answer that was none, or 5xx."""

    at: float
    kind: str
    what: str


class Log:
    """How long things took, by kind, and what went wrong."""

    def __init__(self) -> None:
        self.took: dict[str, list[float]] = {}
        self.troubles: list[Trouble] = []
        self._lock = threading.Lock()

    def note(self, kind: str, seconds: float, trouble: str = "") -> None:
        with self._lock:
            self.took.setdefault(kind, []).append(seconds)
            if trouble:
                self.troubles.append(Trouble(time.monotonic(), kind, trouble))
