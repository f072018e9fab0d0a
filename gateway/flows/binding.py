"""Which of an app's own session cookies go with a session of ours.

A browser carries, beside our session, a cookie with a mark for each of the app's session cookies: a keyed hash of our
session, the cookie's name and its value. The mark is set in the very answer that sets the app's cookie, so the two are
never out of step, however often the app changes its own and however many tabs there are. A request with a session
cookie that has no mark is somebody else's, or nobody saw where it came from: for it there is no session of ours.

    OWN      the app set it in answer to this person's proof, or in place of one that was theirs
    BESIDE   it came along when the app said who they are; alone, it may be anybody's
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import IntEnum

from gateway.config.secrets import Keyring
from gateway.policy.facts import Headers, Request
from gateway.policy.jar import Change, Names, Pair, carried

MOST = 12
"""Marks kept; the newest last."""

LENGTH = 32
"""Hex digits of a mark: 128 bits."""


class Standing(IntEnum):
    """How well what a request shows goes with a session: as well as the least of it."""

    NONE = 0
    BESIDE = 1
    OWN = 2


PURPOSE = {Standing.OWN: "bound", Standing.BESIDE: "bound beside"}


class Binding:
    """For one app."""

    def __init__(self, keyring: Keyring, names: Names) -> None:
        self._keyring = keyring
        self._names = names

    def shown(self, headers: Headers) -> list[Pair]:
        """All that tells the app who is asking: its session cookies, and what else it may go by."""
        return [*carried(headers, self._names), *(field for field in headers if field[0] == b"authorization")]

    def standing(self, ref: str, shown: Iterable[Pair], marks: bytes) -> Standing:
        """With nothing shown there is nothing to contradict the session. Of more than there are marks, one has none."""
        pairs = dict.fromkeys(shown)
        if len(pairs) > MOST:
            return Standing.NONE
        known = frozenset(marks.decode("latin-1").split("."))
        return min((self._of(ref, pair, known) for pair in pairs), default=Standing.OWN)

    def marks(self, ref: str, own: Iterable[Pair], beside: Iterable[Pair] = ()) -> str:
        """The value of the cookie that marks them."""
        pairs = [*((pair, Standing.OWN) for pair in own), *((pair, Standing.BESIDE) for pair in beside)]
        return ".".join(self._mark(ref, *each) for each in list(dict.fromkeys(pairs))[-MOST:])

    def moved(self, ref: str, request: Request, marks: bytes, changed: Sequence[Change]) -> str:
        """The marks after an answer that changed session cookies: the new ones stand as those of the request did.

        Those of cookies that did not come along, because they are for other paths, stay."""
        new, shown = dict(changed), self.shown(request.headers)
        standing = self.standing(ref, shown, marks)
        if standing is Standing.NONE:
            return marks.decode("latin-1")
        gone = {self._mark(ref, pair, each) for pair in shown if pair[0] in new for each in PURPOSE}
        kept = [mark for mark in marks.decode("latin-1").split(".") if mark and mark not in gone]
        kept += [self._mark(ref, (name, value), standing) for name, value in new.items() if value is not None]
        return ".".join(list(dict.fromkeys(kept))[-MOST:])

    def after(self, request: Request, changed: Sequence[Change]) -> tuple[list[Pair], list[Pair]]:
        """What a browser shows after that answer: what is new, and what it had before."""
        new = dict(changed)
        kept = [pair for pair in self.shown(request.headers) if pair[0] not in new]
        return [(name, value) for name, value in new.items() if value is not None], kept

    def _of(self, ref: str, pair: Pair, known: frozenset[str]) -> Standing:
        for standing, purpose in PURPOSE.items():
            made = self._keyring.digests(purpose, ref.encode(), *pair)  # under each secret, for those that rotate
            if any(digest[:LENGTH] in known for digest in made):
                return standing
        return Standing.NONE

    def _mark(self, ref: str, pair: Pair, standing: Standing) -> str:
        return self._keyring.digest(PURPOSE[standing], ref.encode(), *pair)[:LENGTH]
