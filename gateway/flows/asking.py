"""What to ask a person: which routes are still open, and by which verifiers they could answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.flows.proof import Prover
from gateway.policy.decision import missing
from gateway.policy.facts import AuthEvent, Confirmation, Reason, Refuse, Route, Session
from gateway.stores.base import OnceStore
from gateway.verifiers.base import Site

ASKING = 300
"""Seconds a page's WebAuthn challenge waits for its answer."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What to ask now. `ways` are all that could be asked, the one to show first; `step` of `steps`."""

    route: Route
    ways: tuple[str, ...]
    step: int
    steps: int


class Asking:
    """For one app. `routes` are all of that app's, by name."""

    def __init__(self, site: Site, routes: Mapping[str, Route], prover: Prover, once: OnceStore) -> None:
        self._site = site
        self._routes = routes
        self._prover = prover
        self._once = once

    async def prompt(self, confirmation: Confirmation, session: Session, now: int) -> Prompt | Refuse | None:
        """What to ask next; None when everything is satisfied."""
        routes = [self._routes[name] for name in confirmation.routes]
        route, ways = await self.ways(session, routes, confirmation.events, now)
        if route is None:
            return None
        if ways is None:
            return await self.refusal(session, route)
        fewest = min(len(each) for each in ways)
        done = len({event.verifier for event in confirmation.events})
        offered = dict.fromkeys(each[0] for each in ways if len(each) == fewest or not done)
        return Prompt(route, tuple(offered), done + 1, done + fewest)

    async def start(self, confirmation: Confirmation, session: Session, way: str, now: int) -> str:
        """What the browser needs to answer by `way`, "" if nothing; good for one answer."""
        credentials = await self._prover.credentials(session.subject)
        started = self._prover.verifiers[way].start(credentials, self._site, session.signed_in_at)
        if started.secret:
            await self._once.put(_key(confirmation, way), started.secret, now=now, expires_at=now + ASKING)
        return started.options

    async def started(self, confirmation: Confirmation, way: str, now: int) -> bytes:
        """What `start` left to check the answer against, this once."""
        return await self._once.pop(_key(confirmation, way), now) or b""

    async def ways(
        self, session: Session, routes: Sequence[Route], own: Sequence[AuthEvent], now: int
    ) -> tuple[Route | None, list[tuple[str, ...]] | None]:
        """The first route not satisfied, and for each combination this person can show, what is left of it."""
        credentials = await self._prover.credentials(session.subject)
        usable = self._prover.usable(credentials, self._site, session.signed_in_at)
        first: tuple[Route | None, list[tuple[str, ...]] | None] = (None, [])
        for route in routes:
            every = missing(route.requirement, session.events, own, now)
            if () in every:
                continue
            left = [each for each in every if usable.issuperset(each)]
            if not left:
                return route, None
            if first[0] is None:
                first = (route, left)
        return first

    async def refusal(self, session: Session, route: Route) -> Refuse:
        """They cannot show what it asks for; perhaps they could after signing in again (laws 8 and 9)."""
        usable = self._prover.usable(await self._prover.credentials(session.subject), self._site, None)
        later = any(usable.issuperset(every) for every in route.requirement.verify)
        return Refuse(Reason.TOO_NEW if later else Reason.NO_VERIFIER, (route,))


def _key(confirmation: Confirmation, way: str) -> str:
    return f"confirm:{confirmation.id}:{way}"
