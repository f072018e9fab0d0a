"""Whose app session is it? For apps that keep their own login, asked where something sensitive depends on it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import NamedTuple

from gateway.edge.answers import Fields
from gateway.edge.gate import Gate, Visit
from gateway.edge.observing import bound_marks, opened_cookies
from gateway.flows.applogin import AppLogin, Nobody
from gateway.flows.binding import Standing
from gateway.flows.sessions import Found
from gateway.policy.facts import Challenge, Decision, Forward, Reason, Refuse, Request


class Settled(NamedTuple):
    """A visit, what was decided of it, and cookies for its answer."""

    visit: Visit
    decision: Decision
    fields: Fields = ()


def goes_with(gate: Gate, request: Request, found: Found, *, sensitive: bool) -> bool:
    """Whether a session of ours counts for this request: not beside app cookies it was not opened for, and on what is
    sensitive not without any."""
    if gate.applogin is None:
        return True
    if sensitive and not gate.applogin.shows(request):
        return False
    marks = bound_marks(gate, request)
    return gate.applogin.standing(found.session, request, marks) is not Standing.NONE


async def settle(
    visit: Visit, login: AppLogin, decision: Decision, again: Callable[[Visit], Awaitable[Decision]]
) -> Settled:
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
