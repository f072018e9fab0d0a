"""Step-up: a request was challenged, its owner proves themselves, and it goes on.

    ask ──> Confirmation ──> prompt ──> answer ──┬─> NotProved: the same page again
             │                                   ├─> Proved, more to show: the next step
             │                                   └─> Proved, all shown: a ticket (held) or a grant (not held)
             └─> cancel: everything forgotten

A confirmation belongs to one session and its subject; for anybody else it does not exist (law 7). What cannot be held
because a script sent it, or because it is too large, is found again by what it is (method, target, the fields that
were shown): confirmed once, it passes once.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace

from gateway.config.secrets import Keyring
from gateway.config.settings import App
from gateway.flows.asking import Asking, Prompt
from gateway.flows.hold import Confirmations
from gateway.flows.proof import NotProved, Prover
from gateway.flows.sessions import Found, Sessions
from gateway.policy.decision import by_itself, judge
from gateway.policy.facts import (
    AuthEvent,
    Challenge,
    Confirmation,
    HeldRequest,
    Reason,
    Refuse,
    Request,
    Route,
    Session,
)
from gateway.policy.holdable import Declined, Hold
from gateway.stores.base import CLAIMED_KNOWN, HoldLimits, State
from gateway.verifiers.base import Site

GRANT = "granted"
"""The ticket of a confirmation that no browser carries: its request is recognised by what it is."""


@dataclass(frozen=True, slots=True)
class Confirmed:
    """Proved. `token` is the new session id; `ticket` is "" while more is to be shown, or nothing is held."""

    token: bytes
    session: Session
    confirmation: Confirmation
    event: AuthEvent
    done: bool
    ticket: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """Too many wrong answers; the session is over."""


class StepUp:
    """The story of one app's confirmations. `routes` are all of that app's, by name."""

    def __init__(
        self,
        app: App,
        site: Site,
        routes: Mapping[str, Route],
        *,
        state: State,
        sessions: Sessions,
        prover: Prover,
        keyring: Keyring,
        limits: HoldLimits,
    ) -> None:
        self._app = app
        self._site = site
        self._routes = routes
        self._confirmations = Confirmations(state.confirmations, keyring)
        self._sessions = sessions
        self._prover = prover
        self._keyring = keyring
        self._limits = limits
        self.asking = Asking(site, routes, prover, state.once)

    async def ask(
        self,
        request: Request,
        session: Session,
        decision: Challenge,
        verdict: Hold | Declined | None,
        body: bytes,
        shown: tuple[tuple[str, str], ...],
        back: str,
    ) -> Confirmation | Refuse:
        """Write down what is asked. `verdict` is None for a script's call, which is never held."""
        now = int(request.now)
        if decision.routes:
            route, ways = await self.asking.ways(session, decision.routes, (), now)
            if route is not None and ways is None:
                return await self.asking.refusal(session, route)
        hold_for = min([route.hold_for for route in decision.routes], default=self._app.hold_for)
        comes_back = verdict in (None, Declined.TOO_LARGE, Declined.QUOTA)
        confirmation = Confirmation(
            id=self._known_id(session, request, shown) if comes_back else _new_id(request.now),
            app=self._app.name,
            session=session.ref,
            subject=session.subject,
            routes=tuple([route.name for route in decision.routes]),
            method=request.method,
            target=request.target.decode("latin-1"),
            shown=shown,
            back=back,
            created_at=now,
            expires_at=now + hold_for,
            held=isinstance(verdict, Hold),
            declined=verdict.value if isinstance(verdict, Declined) else "",
        )
        if isinstance(verdict, Hold):
            if await self._keep(confirmation, request, verdict, body):
                return confirmation
            known = self._known_id(session, request, shown)
            confirmation = replace(confirmation, id=known, held=False, declined=Declined.QUOTA.value)
        elif comes_back:
            before = await self._confirmations.get(confirmation.id, now)
            if before is not None and not before.ticket:
                return before
        await self._confirmations.put(confirmation, None, self._limits)
        return confirmation

    async def find(self, id: str, session: Session, now: int) -> Confirmation | None:
        """That confirmation, if it is this session's and of this app, and what it asks for is still asked for."""
        confirmation = await self.of(id, session, now)
        known = confirmation is not None and all(name in self._routes for name in confirmation.routes)
        return confirmation if known else None

    async def of(self, id: str, session: Session, now: int) -> Confirmation | None:
        """The same, though its routes may have gone since: what it holds is decided anew before it is sent."""
        return self._mine(await self._confirmations.get(id, now), session)

    async def used(self, id: str, ticket: str, session: Session, now: int) -> Confirmation | None:
        """That confirmation, if `ticket` is its own, and has already sent what it held on its way.

        Whoever took it may have ended before the app got anything, or before the browser got the answer.
        """
        confirmation = self._mine(await self._confirmations.claimed(id, now), session)
        return confirmation if confirmation is not None and confirmation.ticket == ticket_hash(ticket) else None

    def _mine(self, confirmation: Confirmation | None, session: Session) -> Confirmation | None:
        if confirmation is None or confirmation.app != self._app.name:
            return None
        mine = confirmation.session == session.ref and confirmation.subject == session.subject
        return confirmation if mine else None

    async def answer(
        self, confirmation: Confirmation, found: Found, way: str, fields: Mapping[str, str], address: str, now: int
    ) -> Confirmed | NotProved | Ended | None:
        """Check one answer; None when the session was renewed or ended meanwhile, or `way` is not asked."""
        session = found.session
        prompt = await self.asking.prompt(confirmation, session, now)
        if not isinstance(prompt, Prompt) or way not in prompt.ways:
            return None
        outcome = await self._prover.check(
            way,
            await self._prover.credentials(session.subject),
            fields,
            self._site,
            address=address,
            since=session.signed_in_at,
            now=now,
            secret=await self.asking.started(confirmation, way, now),
        )
        if isinstance(outcome, NotProved):
            if outcome.reason is Reason.WRONG and await self._prover.throttle.wrong(session.ref, now):
                await self._sessions.end(ref=session.ref)
                return Ended()
            return outcome
        return await self._confirmed(confirmation, found, outcome.event, now)

    async def satisfied(self, confirmation: Confirmation, now: int) -> str:
        """A ticket for a confirmation that has nothing left to ask; "" if it is not held or no longer there."""
        ticket = secrets.token_urlsafe(24) if confirmation.held else ""
        ready = replace(confirmation, ticket=GRANT)
        if ticket:  # it was confirmed in time, and lives as long as the cookie
            lives = max(confirmation.expires_at, now + CLAIMED_KNOWN)
            ready = replace(confirmation, ticket=ticket_hash(ticket), expires_at=lives)
        return ticket if await self._confirmations.update(ready, now) else ""

    async def grant(
        self, request: Request, session: Session, shown: tuple[tuple[str, str], ...]
    ) -> Confirmation | None:
        """The confirmation that was given for just such a request, if there is one; `redeem` uses it up."""
        found = await self.find(self._known_id(session, request, shown), session, int(request.now))
        return found if found is not None and found.ticket == GRANT else None

    async def redeem(self, confirmation: Confirmation, ticket: str, now: int) -> HeldRequest | bool:
        """Use it up, once: the held request, or True for a grant. False when somebody was faster."""
        hashed = ticket if ticket == GRANT else ticket_hash(ticket)
        return await self._confirmations.claim(confirmation.id, hashed, now)

    async def restore(self, confirmation: Confirmation, held: HeldRequest, now: int) -> str:
        """Keep a claimed request after all, because not a byte of it was sent. A new ticket."""
        ticket = secrets.token_urlsafe(24)
        again = replace(confirmation, ticket=ticket_hash(ticket), expires_at=max(confirmation.expires_at, now + 60))
        kept = await self._confirmations.put(again, held, self._limits)
        return ticket if kept else ""

    async def adopt(self, id: str, old: Session, new: Session, now: int) -> tuple[Confirmation, str] | None:
        """After a session ran out: hand what it holds to the same person's new one, with a ticket for it."""
        confirmation = await self.find(id, old, now)
        if confirmation is None or new.subject != old.subject or not confirmation.held:
            return None
        ticket = await self.satisfied(confirmation, now)
        held = await self.redeem(confirmation, ticket, now) if ticket else False
        if not isinstance(held, HeldRequest):
            return None
        mine = replace(confirmation, session=new.ref)
        ticket = await self.restore(mine, replace(held, session=new.ref), now)
        return (mine, ticket) if ticket else None

    async def cancel(self, confirmation: Confirmation) -> None:
        """Forget it and what it holds."""
        await self._confirmations.drop(confirmation.id)

    async def _keep(self, confirmation: Confirmation, request: Request, hold: Hold, body: bytes) -> bool:
        held = HeldRequest(
            confirmation.id,
            confirmation.app,
            confirmation.session,
            confirmation.subject,
            request.method,
            request.target,
            hold.headers,
            body,
        )
        return await self._confirmations.put(confirmation, held, self._limits)

    async def _confirmed(
        self, confirmation: Confirmation, found: Found, event: AuthEvent, now: int
    ) -> Confirmed | None:
        open_ = [
            route
            for route in (self._routes[name] for name in confirmation.routes)
            if judge(route, found.session, confirmation.events, now).reason is not Reason.FRESH
        ]
        covers = any(not route.requirement.once for route in open_)
        events = (*found.session.events, event) if covers else found.session.events
        renewed = await self._sessions.renew(found, events, now)
        if renewed is None:
            return None
        token, session = renewed
        confirmation = replace(confirmation, events=(*confirmation.events, event))
        done = await self.asking.prompt(confirmation, session, now) is None
        if done:
            await self._prover.throttle.right(session.subject, session.ref)
            ticket = await self.satisfied(confirmation, now)
            return Confirmed(token, session, confirmation, event, True, ticket)
        await self._confirmations.update(confirmation, now)
        return Confirmed(token, session, confirmation, event, False)

    def _known_id(self, session: Session, request: Request, shown: tuple[tuple[str, str], ...]) -> str:
        fields = hashlib.sha256(repr(shown).encode()).digest()
        return self._keyring.digest(
            "grant", session.ref.encode(), self._app.name.encode(), request.method.encode(), request.target, fields
        )


def ticket_hash(ticket: str) -> str:
    """What a ticket is stored as."""
    return hashlib.sha256(ticket.encode()).hexdigest()


def _new_id(now: float) -> str:
    """Unguessable, and in the order of time: a store that sorts by it adds at the end."""
    return f"{int(now * 1e6):013x}{secrets.token_urlsafe(24)}"


def alone(decision: Challenge) -> bool:
    """Whether some route of it wants a confirmation for this request alone."""
    return any([by_itself(route.requirement) for route in decision.routes])
