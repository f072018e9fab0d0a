"""What the gateway remembers between two requests, as four small promises.

Every method may raise `StoreError`; then the caller must not pass anything sensitive (law 1). `now` is always an
argument: stores own no clock. Each call is atomic, across workers and replicas.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from gateway.policy.facts import Confirmation, Session, fact

SUPERSEDED_GRACE = 10
"""Seconds that the id before the last authentication still finds its session, marked superseded (law 6)."""

CLAIMED_KNOWN = 600
"""Seconds that a held request is known to be claimed: no ticket's cookie lives for longer."""


class SessionStore(Protocol):
    """Sessions by the SHA-256 of their id (32 bytes); the id itself is never stored (law 5)."""

    async def create(self, token_hash: bytes, session: Session, *, keep_until: int) -> None:
        """Keep a new session. Rows may be purged after `keep_until`; until then an expired one is still found."""
        ...

    async def get(self, token_hash: bytes, now: int) -> Session | None:
        """The session of that id, `superseded` if it is the id before the current one and its grace is not over."""
        ...

    async def rotate(self, old: bytes, new: bytes, session: Session, *, now: int, keep_until: int) -> bool:
        """Replace `old` by `new` and store `session`. False, changing nothing, unless `old` is the current id."""
        ...

    async def touch(self, ref: str, last_seen: int, *, keep_until: int) -> None:
        """Note activity. Never brings a revoked session back, never moves `last_seen` backwards."""
        ...

    async def revoke(self, *, ref: str | None = None, subject: str | None = None, keep: str | None = None) -> list[str]:
        """End one session, or all of a subject but `keep` (a ref). The refs that were ended."""
        ...

    async def find(self, *, ref: str | None = None, subject: str | None = None) -> list[Session]:
        """All sessions, or the one of a ref, or those of one subject, latest seen first; expired ones included."""
        ...


@fact
class HoldLimits:
    """Quotas: of confirmations a session may have open, and of held requests, in requests and bytes of sealed body."""

    pending: int = 200
    per_session: int = 20
    session_bytes: int = 8 << 20
    total_bytes: int = 256 << 20


class ConfirmationStore(Protocol):
    """Pending confirmations, each with the sealed bytes of the request it holds, if it holds one.

    What was claimed counts in no quota.
    """

    async def put(self, confirmation: Confirmation, sealed: bytes | None, limits: HoldLimits) -> bool:
        """Keep it, replacing one of the same id. False, keeping nothing, when a quota is full.

        What the same session holds but what has expired counts; expired ones do not.
        """
        ...

    async def get(self, id: str, now: int) -> Confirmation | None:
        """None when unknown, claimed, dropped or expired."""
        ...

    async def update(self, confirmation: Confirmation, now: int) -> bool:
        """Store it with `version + 1` if the stored version equals its own and it has not expired; else False."""
        ...

    async def claim(self, id: str, ticket: str, now: int) -> tuple[Confirmation, bytes | None] | None:
        """Take it out, once, with its sealed bytes. None unless `ticket` is not "" and equals the stored one.

        If it held something, `claimed` knows it for `CLAIMED_KNOWN` seconds, whatever becomes of who took it.
        """
        ...

    async def claimed(self, id: str, now: int) -> Confirmation | None:
        """It, as it was when it was claimed. None when it was put again or dropped since, or that is too long ago."""
        ...

    async def drop(self, *, id: str | None = None, session: str | None = None) -> None:
        """Forget one, or all of a session. Unknown ids are fine."""
        ...

    async def held(self, now: int) -> tuple[int, int]:
        """How many requests are held now, and the bytes of their sealed bodies."""
        ...


class Taken(NamedTuple):
    """`wait` > 0: refused, try again in that many seconds, nothing was counted. Else: go, as try `tries`."""

    wait: int
    tries: int


@dataclass(frozen=True, slots=True)
class Limit:
    """`free` tries at once; each one after that must wait, twice as long as the one before, up to `longest` seconds.

    A key is forgotten `window` seconds after its last try. A clock that is set back begins the wait anew.
    """

    free: int = 5
    first_wait: int = 30
    longest: int = 900
    window: int = 3600


class ThrottleStore(Protocol):
    """Guesses, counted before they are looked at: parallel tries cannot share one count (law 10)."""

    async def take(self, key: str, now: float, limit: Limit) -> Taken:
        """Count a try."""
        ...

    async def give_back(self, key: str) -> None:
        """Uncount one try: it was no guess. What many people share (an address) must not fill up with successes."""
        ...

    async def forgive(self, key: str) -> None:
        """Forget the key after a success."""
        ...


class OnceStore(Protocol):
    """Values that can be read once: WebAuthn challenges, the first half of a sign-in, an enrolment under way.

    `agree` is for what several want to make at once: all of them get that of the first.
    """

    async def put(self, key: str, value: bytes, *, now: int, expires_at: int) -> None: ...

    async def agree(self, key: str, value: bytes, *, now: int, expires_at: int) -> bytes:
        """Keep `value` unless there is one that has not expired; the one that is kept, not removed."""
        ...

    async def pop(self, key: str, now: int) -> bytes | None:
        """The value, removed; None when unknown, already read or expired."""
        ...


@dataclass(frozen=True, slots=True)
class State:
    """The four together, and their life."""

    sessions: SessionStore
    confirmations: ConfirmationStore
    throttle: ThrottleStore
    once: OnceStore
    life: StateLife
    at_once: Callable[[bytes, int], Session | None] | None = None
    """`sessions.get`, of a store that can be read without waiting."""
    version: Callable[[], object] | None = None
    """With it: another one once anything was changed, by anybody. Raises StoreError."""


Heard = Callable[[str | None], None]
"""Told the ref of a session that ended or changed its id; None: any may have, for some were not heard of."""


class StateLife(Protocol):
    """Opening is done by the constructor of an implementation; this is the rest."""

    async def ping(self) -> None:
        """Return if the store can be read and written now; raise `StoreError` otherwise."""
        ...

    async def purge(self, now: int) -> None:
        """Delete what has expired. Called from time to time; a no-op where the engine does it itself."""
        ...

    async def listen(self, heard: Heard) -> None:
        """Tell what other workers do to sessions, until it is cancelled. Returns at once where the engine tells nobody.

        A courtesy: who hears nothing has to look.
        """
        ...

    async def close(self) -> None: ...
