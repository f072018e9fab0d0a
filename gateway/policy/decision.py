"""How fresh is the proof, and is it enough? The rule of the product, in one place.

An auth event is stale when `now - auth_time > max_age` (OpenID Connect Core 1.0, 3.1.2.1). A combination of verifiers
is as old as its oldest member. Every route that matches must be satisfied: there is no order among them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from gateway.policy.facts import AuthEvent, Challenge, Decision, Forward, Reason, Requirement, Route, Session, fact

SKEW = 5
"""Seconds an event may lie in the future (two machines' clocks); beyond that the clock is odd and the event void."""

OWN_AGE = 60
"""Seconds a proof given for one action alone stays good for it where `max_age` is 0."""


@fact
class Assessment:
    """FRESH with the auth_time that satisfied, or STALE or WEAK with the newest that did not (None: never)."""

    reason: Reason
    auth_time: int | None


def newest(events: Iterable[AuthEvent], now: int) -> dict[str, int]:
    """The latest auth_time of each verifier; events from the future do not count."""
    times: dict[str, int] = {}
    for event in events:
        if event.auth_time <= now + SKEW and event.auth_time > times.get(event.verifier, -1):
            times[event.verifier] = event.auth_time
    return times


def assess(requirement: Requirement, events: Iterable[AuthEvent], now: int) -> Assessment:
    """Whether any one combination of `requirement` is fresh."""
    times = newest(events, now)
    oldest = [min(map(times.__getitem__, every)) for every in requirement.verify if every <= times.keys()]
    if not oldest:
        return Assessment(Reason.WEAK, None)
    best = max(oldest)
    return Assessment(Reason.STALE if now - best > requirement.max_age else Reason.FRESH, best)


def by_itself(requirement: Requirement) -> bool:
    """Whether each request needs a confirmation of its own."""
    return requirement.once or requirement.max_age == 0


def judge(route: Route, session: Session, own: Sequence[AuthEvent], now: int) -> Assessment:
    """One route. `own` are the proofs given for this very request, in its confirmation."""
    requirement = route.requirement
    if not by_itself(requirement):
        return assess(requirement, (*session.events, *own) if own else session.events, now)
    found = assess(Requirement(requirement.verify, requirement.max_age or OWN_AGE), own, now)
    return found if found.reason is Reason.FRESH else Assessment(Reason.ONCE, found.auth_time)


def latest(session: Session) -> int:
    """The auth_time an app is told where no route asked: the newest event, the sign-in if there is none left."""
    return max((event.auth_time for event in session.events), default=session.signed_in_at)


def _known(session: Session | None) -> int | None:
    return latest(session) if session else None


def decide(routes: Sequence[Route], session: Session | None, now: int, own: Sequence[AuthEvent] = ()) -> Decision:
    """Forward or Challenge. `routes` are all that matched, `session` is alive or None."""
    if not routes:
        return Forward(Reason.OPEN, auth_time=_known(session))
    if session is None or session.superseded:
        enforced = tuple(route for route in routes if not route.report)
        why = Reason.SUPERSEDED if session else Reason.ANONYMOUS
        unmet = dict.fromkeys((route.name for route in routes if route.report), why)
        return challenge(why, enforced, None) if enforced else _reported(routes, session, unmet)
    found = [(route, judge(route, session, own, now)) for route in routes]
    unmet = {route.name: each.reason for route, each in found if each.reason is not Reason.FRESH}
    if not unmet:
        satisfied = [each.auth_time for _, each in found if each.auth_time is not None]
        return Forward(Reason.FRESH, tuple(routes), min(satisfied))
    open_ = [(route, each) for route, each in found if not route.report and route.name in unmet]
    if not open_:
        return _reported(routes, session, unmet)
    times = [each.auth_time for _, each in open_ if each.auth_time is not None]
    return challenge(open_[0][1].reason, tuple([route for route, _ in open_]), min(times, default=None))


def _reported(routes: Sequence[Route], session: Session | None, unmet: Mapping[str, Reason]) -> Forward:
    return Forward(Reason.REPORT, tuple(routes), _known(session), unmet)


def challenge(reason: Reason, routes: tuple[Route, ...], auth_time: int | None) -> Challenge:
    """Ask for all of `routes`, which are not satisfied."""
    return Challenge(reason, routes, min([route.requirement.max_age for route in routes]), auth_time)


def missing(
    requirement: Requirement, session_events: Sequence[AuthEvent], own: Sequence[AuthEvent], now: int
) -> list[tuple[str, ...]]:
    """For each combination, in the operator's order, the verifiers still to be shown; `()` would mean satisfied."""
    alone = by_itself(requirement)
    window = requirement.max_age or OWN_AGE
    times = newest(own if alone else (*session_events, *own), now)
    return [
        tuple([name for name in order(every) if name not in times or now - times[name] > window])
        for every in requirement.verify
    ]


def order(verifiers: Iterable[str]) -> list[str]:
    """A steady order within a combination: what is quick to show comes last, a password first."""
    return sorted(verifiers)


def ran_out(session: Session, *, idle: int, absolute: int, now: int) -> bool:
    """Whether the session has expired: unused for `idle` seconds, or `absolute` seconds old (NIST SP 800-63B-4, 5.2).

    A session from the future means that the clock is odd, and counts as expired.
    """
    return now - session.last_seen > idle or now - session.signed_in_at > absolute or session.signed_in_at > now + SKEW
