"""Whose app session is it? For apps that keep their own login, asked where something sensitive depends on it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import NamedTuple

from gateway.edge.answers import Fields
from gateway.edge.body import Body
from gateway.edge.gate import Gate, Visit
from gateway.edge.observing import bound_marks, names_somebody, opened_cookies
from gateway.flows.applogin import AppLogin, Nobody
from gateway.flows.binding import Standing
from gateway.flows.sessions import Found
from gateway.policy.facts import Challenge, Decision, Forward, Reason, Refuse, Request
from gateway.policy.holdable import reads


class Settled(NamedTuple):
    """A visit, what was decided of it, and cookies for its answer."""

    visit: Visit
    decision: Decision
    fields: Fields = ()


class Asked(NamedTuple):
    """What there is to know of a request besides. `held`: it was kept while its owner confirmed."""

    readings: frozenset[str]
    body: Body
    held: bool


Again = Callable[[Visit], Awaitable[Decision]]
"""Decides once more, on another session."""


def goes_with(gate: Gate, request: Request, found: Found, *, sensitive: bool) -> bool:
    """Whether a session of ours counts for this request: not beside app cookies it was not opened for, and on what is
    sensitive not without any."""
    if gate.applogin is None:
        return True
    if sensitive and not gate.applogin.shows(request):
        return False
    marks = bound_marks(gate, request)
    return gate.applogin.standing(found.session, request, marks) is not Standing.NONE


async def settle(visit: Visit, login: AppLogin, decision: Decision, asked: Asked, again: Again) -> Settled:
    """What is done, and for whom: never as another than whoever sends it."""
    before = visit.session
    settled = await _known(visit, login, decision, again)
    visit, decision, _ = settled
    another = before is not None and visit.session is not None and before.ref != visit.session.ref
    if another and asked.held and not reads(visit.request):  # a held form is not the next person's (law 7)
        return settled._replace(decision=Refuse(Reason.OTHER_PERSON, decision.routes))
    if isinstance(decision, Forward) and any(not route.report for route in decision.routes):
        if await names_somebody(visit.request, login, asked.readings, asked.body, visit.gate.inspect_max):
            return settled._replace(decision=Refuse(Reason.OTHER_PERSON, decision.routes))
    return settled


async def _known(visit: Visit, login: AppLogin, decision: Decision, again: Again) -> Settled:
    """The decision, once it is known whose app session it is about.

    Somebody the app knows and we do not gets a session without proof, and is asked. Somebody the app knows as another
    than we do loses ours, and is asked as that other (law 7).
    """
    session, marks = visit.session, bound_marks(visit.gate, visit.request)
    if isinstance(decision, Forward):
        if session is None or decision.reason is not Reason.FRESH:
            return Settled(visit, decision)
        doubt = await login.doubt(session, visit.request, marks)
        if doubt is None:
            return Settled(visit, decision)
        if doubt is Reason.OTHER_PERSON:
            await visit.gate.sessions.end(ref=session.ref)
            visit.note("session", doubt)
        visit = replace(visit, found=None)
        decision = Challenge(Reason.ANONYMOUS, decision.routes, 0)
    elif session is not None or not isinstance(decision, Challenge):
        return Settled(visit, decision)
    expired = visit.found.session if visit.found is not None and not visit.found.session.superseded else None
    opened = await login.take_over(visit.request, expired, marks)
    if isinstance(opened, Nobody):
        if opened.reason is Reason.ANONYMOUS:
            return Settled(visit, decision)
        return Settled(visit, Refuse(opened.reason, decision.routes))
    visit = replace(visit, found=opened.found)
    visit.note("sign-in", Reason.TAKEN_OVER)
    return Settled(visit, await again(visit), opened_cookies(visit, opened))
