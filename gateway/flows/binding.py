"""Which of an app's own session cookies go with a session of ours.

A browser carries, beside our session, a cookie with a mark for each of the app's session cookies: a keyed hash of our
session, the cookie's name and its value. The mark is set in the very answer that sets the app's cookie, so the two are
never out of step, however often the app changes its own and however many tabs there are. A request with a session
cookie that has no mark is somebody else's, or nobody saw where it came from: for it there is no session of ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gateway.config.secrets import Keyring
from gateway.policy.facts import Headers, Request
from gateway.policy.jar import Change, Names, Pair, carried

MOST = 12
"""Marks kept; the newest last."""

LENGTH = 32
"""Hex digits of a mark: 128 bits."""


class Binding:
    """For one app."""

    def __init__(self, keyring: Keyring, names: Names) -> None:
        self._keyring = keyring
        self._names = names

    def shown(self, headers: Headers) -> list[Pair]:
        """All that tells the app who is asking: its session cookies, and what else it may go by."""
        return [*carried(headers, self._names), *(field for field in headers if field[0] == b"authorization")]

    def holds(self, ref: str, shown: Iterable[Pair], marks: bytes) -> bool:
        """Whether each of them is marked for that session."""
        known = marks.split(b".")
        return all(any(mark in known for mark in self._marks(ref, pair)) for pair in shown)

    def mark(self, ref: str, shown: Iterable[Pair]) -> str:
        """The value of the cookie that marks them."""
        return ".".join(dict.fromkeys(self._mark(ref, pair) for pair in shown))

    def moved(self, ref: str, request: Request, marks: bytes, changed: Sequence[Change]) -> str:
        """The marks after an answer that changed session cookies of a request that held. Those of cookies that did not
        come along, because they are for other paths, stay."""
        new = dict(changed)
        gone = {self._mark(ref, pair) for pair in self.shown(request.headers) if pair[0] in new}
        kept = [mark for mark in marks.decode("latin-1").split(".") if mark and mark not in gone]
        fresh = [self._mark(ref, (name, value)) for name, value in new.items() if value is not None]
        return ".".join(list(dict.fromkeys([*kept, *fresh]))[-MOST:])

    def after(self, request: Request, changed: Sequence[Change]) -> list[Pair]:
        """What the browser shows after that answer."""
        new = dict(changed)
        kept = [pair for pair in self.shown(request.headers) if pair[0] not in new]
        return [*kept, *((name, value) for name, value in new.items() if value is not None)]

    def _mark(self, ref: str, pair: Pair) -> str:
        return self._keyring.digest("bound", ref.encode(), *pair)[:LENGTH]

    def _marks(self, ref: str, pair: Pair) -> list[bytes]:
        """Under each secret, for those that rotate."""
        return [digest[:LENGTH].encode() for digest in self._keyring.digests("bound", ref.encode(), *pair)]
