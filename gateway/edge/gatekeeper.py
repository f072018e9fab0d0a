"""The way of a request: facts, routes, session, decision, and then forward, challenge or refuse.

    intake ──> gate of that host ──┬─> hosted page
                                   ├─> a ticket ──> the held request in place of this GET
                                   └─> routes.match ──> decide ──┬─> Forward    to the app
                                                                 ├─> Challenge  303 or 401
                                                                 └─> Refuse     an explanation

Whatever is raised on the way becomes a response in `failures`, and never a pass (law 1).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from gateway.edge.answers import Fields, Send
from gateway.edge.body import Body, Receive
from gateway.edge.challenging import challenge, granted, unauthorized
from gateway.edge.cookies import SESSION
from gateway.edge.delivery import deliver, tunnel
from gateway.edge.failures import fail, refuse, status_of, too_many, unknown_host
from gateway.edge.gate import Gate, Visit
from gateway.edge.intake import Networks, intake
from gateway.edge.observing import Wait, bound_marks, names_somebody, observed
from gateway.edge.pages.hosted import hosted
from gateway.edge.probes import Probes
from gateway.edge.resuming import Resuming, brings_ticket
from gateway.edge.websocket import deny
from gateway.edge.whose import Asked, goes_with, settle
from gateway.errors import ClientGone, GatewayError, StoreError
from gateway.flows.sessions import Found
from gateway.flows.stepup import GRANT
from gateway.metrics.counts import Counts
from gateway.policy.decision import decide
from gateway.policy.facts import AuthEvent, Challenge, Decision, Forward, Reason, Refuse, Request, fact
from gateway.policy.headers import own_cookie
from gateway.policy.holdable import Sender, reads, sender
from gateway.policy.routes import NONE, Match
from gateway.policy.target import everywhere

OURS = b"/.gateway/"
ACCOUNT = b"/.gateway/account"
STATIC = b"/.gateway/static/"


@fact
class Place:
    """What a request is on: the readings of its path, the routes they are in, and whether one is a hosted page."""

    readings: frozenset[str]
    match: Match
    hosted: bool


def where(gate: Gate, request: Request) -> Place:
    """Found out before the session is read: what is sensitive is never answered from what was read a moment ago."""
    seen = everywhere(request.path, request.values(b"destination"))
    ours = any([each.startswith("/.gateway") and each[9:10] in ("/", "") for each in seen])
    return Place(seen, gate.table.match(request, seen), ours)


@fact
class Taken:
    """What was found out about a request on its way here, from the store too, and decided: nobody looks twice.

    A session that is alive, of an app without a login of its own; no ticket, no hosted page, and no route that wants a
    confirmation for each request: it may have been given.
    """

    gate: Gate
    request: Request
    found: Found
    decision: Challenge


class Gatekeeper:
    """The ASGI app for http and websocket scopes. `gates` by host name; a body has `read_within` seconds to be read."""

    def __init__(
        self, gates: Mapping[str, Gate], trusted: Networks, probes: Probes, counts: Counts, *, read_within: float
    ) -> None:
        self._gates = gates
        self._trusted = trusted
        self._probes = probes
        self._counts = counts
        self._read_within = read_within
        self._resuming = Resuming(self._judge_again)

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        taken: Taken | None = scope.get("extensions", {}).get("gateway.taken")
        if taken is not None:
            await self.challenged(taken, receive, send)
            return
        gate: Gate | None = None
        request: Request | None = None
        try:
            request = intake(scope, time.time(), self._trusted)  # noqa: TID251
            plain = scope["type"] == "http"
            if plain and request.path.startswith(OURS) and await self._probes.answered(request, send):
                return
            gate = self._gates.get(request.host)
            if gate is None:
                self._counts.decided("", (), Reason.UNKNOWN_HOST)
                await unknown_host(scope["type"], next(iter(self._gates.values())), request, send)
            elif plain:
                await self._http(gate, request, scope, receive, send)
            else:
                await self._websocket(gate, request, scope, receive, send)
        except ClientGone:
            return
        except GatewayError as error:
            if gate is None:
                self._counts.decided("", (), status_of(error)[1])
            await fail(scope["type"], gate, request, error, send)

    async def challenged(self, taken: Taken, receive: Receive, send: Send, whole: bytes | None = None) -> None:
        """A challenge stays one, whatever was configured since it was found out. `whole` is a body that is here."""
        gate, request, found = taken.gate, taken.request, taken.found
        try:
            gate.sessions.touch(found.session, int(request.now))
            body = Body(receive, self._read_within) if whole is None else Body.of(whole, receive)
            await challenge(Visit(gate, request, found), taken.decision, body, send)
        except ClientGone:
            return
        except GatewayError as error:
            await fail("http", gate, request, error, send)

    async def _http(self, gate: Gate, request: Request, scope: Any, receive: Receive, send: Send) -> None:
        place = where(gate, request)
        visit = await self._visit(gate, request, place)
        if place.hosted and visit.store_down and not request.path.startswith(STATIC):
            await refuse(visit, Refuse(Reason.STORE_DOWN), send)  # no page says what we do not know
        elif place.hosted and not request.path.startswith(ACCOUNT):
            await hosted(visit, Body(receive, self._read_within), scope, send)
        elif not await self._resuming.resumed(visit, scope, receive, send):
            await self._judge(visit, place, Body(receive, self._read_within), scope, send)

    async def _judge(
        self,
        visit: Visit,
        place: Place,
        body: Body,
        scope: Any,
        send: Send,
        *,
        own: Sequence[AuthEvent] = (),
        fresh_connection: bool = False,
        extra: Fields = (),
    ) -> Decision:
        """Decide, and do it. `own` are the proofs given for this very request."""
        decision = await self._decide(visit, place, body, own)
        if isinstance(decision, Challenge) and not own:
            decision = await self._granted(visit, place, body, decision)
        login = visit.gate.applogin
        if login is not None:
            asked = Asked(place.readings, body, held=fresh_connection)
            visit, decision, more = await settle(
                visit, login, decision, asked, lambda anew: self._decide(anew, place, body, ())
            )
            extra = (*extra, *more)
        if isinstance(decision, Forward) and decision.routes:
            noted(visit, decision)
        match decision:
            case Forward():
                if place.hosted:
                    await hosted(visit, body, scope, send, account=True, extra=extra)
                    return decision
                watch = None if login is None else await observed(visit, login, place.readings, body)
                if isinstance(watch, Wait):
                    await too_many(visit, watch.seconds, send, extra)
                    return decision
                await deliver(visit, decision, body, send, fresh_connection=fresh_connection, extra=extra, watch=watch)
            case Challenge():
                await challenge(visit, decision, body, send, extra)
            case Refuse():
                await refuse(visit, decision, send, extra)
        return decision

    async def _judge_again(self, visit: Visit, body: Body, scope: Any, send: Send, **given: Any) -> Decision:
        """A held request, which is elsewhere than the one that resumes it."""
        return await self._judge(visit, where(visit.gate, visit.request), body, scope, send, **given)

    async def _granted(self, visit: Visit, place: Place, body: Body, decision: Challenge) -> Decision:
        """Forward in place of the challenge, if just this request was confirmed before and could not be held."""
        grant = await granted(visit, decision, body)
        if grant is None:
            return decision
        again = await self._decide(visit, place, body, grant.events)
        passes = isinstance(again, Forward) and await visit.gate.stepup.redeem(grant, GRANT, int(visit.request.now))
        return again if passes is True else decision

    async def _decide(self, visit: Visit, place: Place, body: Body, own: Sequence[AuthEvent]) -> Decision:
        gate, request, session = visit.gate, visit.request, visit.session
        routes = place.match.routes
        if place.match.undecided:
            routes = gate.table.settle(place.match, request, await body.whole(gate.inspect_max))
        enforced = any([not route.report for route in routes])
        anyone = (
            session is None
            and not place.hosted
            and (gate.applogin is not None or gate.public.match_all(place.readings))
        )
        if visit.store_down and (enforced or not anyone):
            return Refuse(Reason.STORE_DOWN, routes)
        if session is not None and session.superseded and place.hosted:
            return Refuse(Reason.SUPERSEDED)  # it opens no hosted page (law 6)
        decision = decide(routes, session, int(request.now), own)
        if isinstance(decision, Forward):
            if session is None and not anyone:
                return Challenge(Reason.ANONYMOUS, (), 0)
            if not passable(gate, request, decision):
                return Refuse(Reason.CROSS_SITE, routes)
        return decision

    async def _visit(self, gate: Gate, request: Request, place: Place) -> Visit:
        token = own_cookie(request.values(b"cookie"), gate.cookies.name(SESSION))
        if token is None:
            return Visit(gate, request, None)
        try:
            if place.match is NONE and not place.hosted and not brings_ticket(request):
                found = await gate.sessions.recent(token, gate.app.name, request.now)
            else:
                found = await gate.sessions.find(token, gate.app.name, int(request.now))
        except StoreError:
            return Visit(gate, request, None, store_down=True)
        if found is None:
            return Visit(gate, request, None, unknown=True)
        sensitive = (place.match is not NONE or brings_ticket(request)) and not place.hosted
        if not goes_with(gate, request, found, sensitive=sensitive):
            return Visit(gate, request, None)
        if found.alive:
            gate.sessions.touch(found.session, int(request.now))
        return Visit(gate, request, found)

    async def _websocket(self, gate: Gate, request: Request, scope: Any, receive: Receive, send: Send) -> None:
        """A handshake is decided like any request; it has no body, and its Origin must be ours (ASVS 4.4.2)."""
        place = where(gate, request)
        if place.hosted:
            await deny(send, 404)
            return
        visit = await self._visit(gate, request, place)
        decision = await self._decide(visit, place, Body(nothing), ())
        session, login = visit.session, gate.applogin
        if isinstance(decision, Forward) and decision.routes and session is not None and login is not None:
            doubt = await login.doubt(session, request, bound_marks(gate, request))
            if doubt is None and await names_somebody(request, login, place.readings, Body(nothing), 0):
                doubt = Reason.OTHER_PERSON
            if doubt is not None:
                decision = Refuse(doubt, decision.routes)
        if isinstance(decision, Forward) and request.values(b"origin") != [gate.app.origin.encode()]:
            decision = Refuse(Reason.CROSS_SITE, decision.routes)
        if isinstance(decision, Forward) and decision.routes:
            noted(visit, decision)
        match decision:
            case Forward():
                await tunnel(visit, decision, scope, receive, send)
            case Challenge():
                await unauthorized(visit, decision, send, websocket=True)
            case Refuse():
                await refuse(visit, decision, send, kind="websocket")


def passable(gate: Gate, request: Request, decision: Forward) -> bool:
    """Whether no other site made the browser send it; asked of what does something on an enforced route."""
    enforced = any([not route.report for route in decision.routes])
    return not enforced or reads(request) or sender(request, gate.app.origin) is not Sender.CROSS


def noted(visit: Visit, decision: Forward) -> None:
    """What passed on a sensitive route; challenges and refusals note themselves."""
    visit.note("decision", decision.reason, **audited(decision))


def audited(decision: Forward) -> dict[str, Any]:
    """What the audit log is told of it."""
    names = [route.name for route in decision.routes]
    return {"routes": names, "auth_time": decision.auth_time, "unmet": decision.unmet}


async def nothing() -> Any:
    """The body of a request that has none."""
    return {"type": "http.request", "body": b"", "more_body": False}
