"""The nouns. All frozen, for whoever checks types: what was decided on cannot change afterwards.

Times are whole seconds since the epoch, ages and durations whole seconds, unless a name says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar, dataclass_transform

T = TypeVar("T")

Headers = tuple[tuple[bytes, bytes], ...]
"""Header fields in the order they came, names in lower case."""


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def fact(cls: type[T]) -> type[T]:
    """A dataclass, frozen when types are checked: one that is frozen while it runs takes 8 times as long to make."""
    return dataclass(slots=True, unsafe_hash=True)(cls)


class Reason(StrEnum):
    """Why something happened. One vocabulary for the audit log, metrics, JSON answers, pages and tests."""

    # forward
    OPEN = "open"  # no sensitive route matched
    FRESH = "fresh"  # every route that matched is satisfied
    REPORT = "report"  # only routes in report mode are not satisfied
    RESUMED = "resumed"  # a held request was sent after its owner confirmed
    UNANSWERED = "unanswered"  # it was sent before, and its answer never reached its owner: it is not sent again
    # challenge
    ANONYMOUS = "anonymous"  # nobody has signed in
    EXPIRED = "expired"  # the session ran out, idle or absolute
    SUPERSEDED = "superseded"  # an id from before the last authentication (law 6)
    STALE = "stale"  # the proof is older than max_age (OpenID Connect Core 3.1.2.1)
    WEAK = "weak"  # a verifier that the route asks for was never used
    ONCE = "once"  # this action is confirmed by itself, every time
    # refuse
    NO_VERIFIER = "no-verifier"  # the person has nothing that could satisfy the route (law 9)
    TOO_NEW = "too-new"  # all that could satisfy it was added after signing in (law 8)
    STORE_DOWN = "store-down"
    BUSY = "busy"  # more passwords wait to be checked than can be in time
    MALFORMED = "malformed"
    SLOW = "slow"  # the body did not arrive in time
    CROSS_SITE = "cross-site"
    UNKNOWN_HOST = "unknown-host"
    UPSTREAM = "upstream"
    INTERNAL = "internal"
    # what people did
    SIGNED_IN = "signed-in"
    SIGNED_OUT = "signed-out"
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"
    WRONG = "wrong"  # a wrong password, code or passkey
    THROTTLED = "throttled"
    DISABLED = "disabled"
    OTHER_PERSON = "other-person"  # somebody else than the one the app knows this browser as (law 7)
    # an app that keeps its own login
    TAKEN_OVER = "taken-over"  # it knows somebody whom the gateway did not see sign in: a session without proof
    NOT_OBSERVED = "not-observed"  # nobody can tell whose app session that is
    APP_DOWN = "app-down"  # it did not answer when asked
    APP_CHANGED = "app-changed"  # its sign-in is not what the configuration says
    APP_CAPTCHA = "app-captcha"  # it wants a person to solve something first
    APP_LOCKED = "app-locked"  # it takes no more tries for now
    REVOKED = "revoked"
    CREDENTIAL_ADDED = "credential-added"
    CREDENTIAL_REMOVED = "credential-removed"
    CREDENTIAL_CHANGED = "credential-changed"


@fact
class Request:
    """One request, as the client sent it; made once, before the first `receive()` (law 4)."""

    method: str  # as sent
    target: bytes  # origin-form, the client's own bytes: path, and "?" and query where there was one
    path: bytes  # target up to the first "?"
    query: bytes  # after it, b"" where there is none
    headers: Headers
    host: str  # lower case, without port
    client: str  # address of the party behind trusted proxies
    id: str  # X-Request-Id
    now: float  # read once per request

    def header(self, name: bytes) -> bytes | None:
        """The first field of that lower-case name."""
        for key, value in self.headers:
            if key == name:
                return value
        return None

    def values(self, name: bytes) -> list[bytes]:
        """Every field of that lower-case name."""
        return [value for key, value in self.headers if key == name]


@fact
class AuthEvent:
    """One success of one verifier."""

    verifier: str  # "password", "totp", "passkey"
    auth_time: int
    amr: tuple[str, ...]  # RFC 8176


@fact
class Session:
    """What the gateway knows of one browser's sign-in.

    `ref` names the logical session through every change of its id; it is no secret and opens nothing.
    """

    ref: str
    app: str
    subject: str
    signed_in_at: int
    last_seen: int
    events: tuple[AuthEvent, ...]
    address: str = ""
    agent: str = ""
    superseded: bool = False  # found by the id it had before its last authentication


@fact
class Requirement:
    """Which verifiers, and how recent. Any one of `verify` is enough; all members of that one are needed."""

    verify: tuple[frozenset[str], ...]
    max_age: int
    once: bool = False  # confirmed by itself, every time; max_age = 0 means the same


@fact
class Condition:
    """What must stand in a request for a route to match: `field` in `place` has one of `values`."""

    place: str  # "query", "form", "query_or_form", "json", "header"
    field: str
    values: frozenset[str]  # empty: any value


@fact
class Route:
    """One entry of the table of sensitive endpoints."""

    name: str
    action: str  # what the person reads
    path: str  # a path pattern
    requirement: Requirement
    methods: frozenset[str] | None = None  # upper case; None: all
    excepts: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()  # all must hold
    show: tuple[str, ...] = ()
    report: bool = False
    hold_max: int = 1 << 20  # bytes
    hold_for: int = 600  # seconds


@fact
class Confirmation:
    """A visit to the confirm page: what is asked, of whom, for which request, and what was proved for it so far."""

    id: str  # unguessable; stands in the page's address
    app: str
    session: str  # Session.ref; another session finds nothing here (law 7)
    subject: str
    routes: tuple[str, ...]  # names of the routes that have to be satisfied
    method: str
    target: str  # the raw target, latin-1
    shown: tuple[tuple[str, str], ...]  # form fields the person is shown: what is shown is what is sent
    back: str  # where Cancel leads, a path of ours
    created_at: int
    expires_at: int
    held: bool = False  # the request itself is kept, and resumes
    declined: str = ""  # why it is not kept (policy.holdable)
    events: tuple[AuthEvent, ...] = ()  # proofs given on this very page: all that count where a route says once
    ticket: str = ""  # hash of the one-time cookie that resumes; "" until everything is satisfied
    version: int = 0  # compare-and-swap


@fact
class HeldRequest:
    """A request kept, encrypted, until its owner has confirmed it."""

    id: str  # that of its Confirmation
    app: str
    session: str
    subject: str
    method: str
    target: bytes
    headers: Headers  # end-to-end fields that describe the request; never Cookie or Authorization
    body: bytes


@fact
class Forward:
    """Send it upstream. `auth_time` goes into X-Auth-Time, None where there is no session."""

    reason: Reason
    routes: tuple[Route, ...] = ()  # that matched
    auth_time: int | None = None
    unmet: Mapping[str, Reason] = field(default_factory=dict)  # report mode: what would have been asked


@fact
class Challenge:
    """Ask for proof first. `routes` are those not satisfied, `max_age` the strictest of theirs."""

    reason: Reason
    routes: tuple[Route, ...]
    max_age: int
    auth_time: int | None = None


@fact
class Refuse:
    """Say no."""

    reason: Reason
    routes: tuple[Route, ...] = ()


Decision = Forward | Challenge | Refuse
