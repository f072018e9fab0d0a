"""A confirmed browser comes back to the original address, and the held request goes to the app in place of its GET.

The ticket is a cookie for one confirmation, good once; it works for a navigation within this site only, so that no
other page can make it happen. The answer takes it away: one that comes again never met its answer, because the worker,
the app or the way back broke, or the store lost it. Then its owner is told, and not shown the page as if all had gone
well.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple
from urllib.parse import quote

from gateway.edge.answers import Send, redirect
from gateway.edge.body import Body, Receive
from gateway.edge.challenging import CONFIRM, SIGN_IN
from gateway.edge.cookies import TICKET, Cookies
from gateway.edge.gate import Visit
from gateway.edge.pages.reply import common, send_page
from gateway.edge.pages.unsent import unsent
from gateway.edge.views import Failure
from gateway.errors import UpstreamBroken, UpstreamTimeout, UpstreamUnreachable
from gateway.policy.facts import Confirmation, Decision, Forward, HeldRequest, Reason, Request, Session
from gateway.policy.holdable import Sender, navigates, sender
from gateway.stores.base import CLAIMED_KNOWN

LIVE = frozenset({b"cookie", b"authorization", b"host"})
"""Fields that the resuming request brings; all others are those of the held one."""

TICKET_LIFE = CLAIMED_KNOWN
"""Seconds: as long as the store can tell what became of it."""

VALUE = re.compile(rb"gateway_ticket_[A-Za-z0-9_-]{8}=([A-Za-z0-9_-]{8,64})\.([A-Za-z0-9_-]{32})(?:;|$)")
Judge = Callable[..., Awaitable[Decision]]


class Ticket(NamedTuple):
    """As its cookie says it: `id` of the confirmation, and the secret."""

    id: str
    secret: str


def ticket_cookie(cookies: Cookies, confirmation: Confirmation, secret: str) -> tuple[bytes, bytes]:
    """One cookie for each confirmation, so that tabs do not take each other's."""
    return cookies.set(_name(confirmation.id), f"{confirmation.id}.{secret}", strict=True, max_age=TICKET_LIFE)


def no_ticket_cookie(cookies: Cookies, id: str) -> tuple[bytes, bytes]:
    """It is not to come back."""
    return cookies.clear(_name(id))


def no_ticket_cookies(visit: Visit) -> list[tuple[bytes, bytes]]:
    """None of those that came with this request."""
    return [no_ticket_cookie(visit.gate.cookies, ticket.id) for ticket in _brought(visit.request)]


def brings_ticket(request: Request) -> bool:
    """Whether something that was held may go in place of this: then it is as sensitive as that."""
    return request.method == "GET" and any([b"gateway_ticket_" in field for field in request.values(b"cookie")])


class Resuming:
    """`judge` is the gatekeeper's: a held request is decided like any other before it is sent."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge

    async def resumed(self, visit: Visit, scope: Any, receive: Receive, send: Send) -> bool:
        """True when a held request, or what became of one, was answered in place of this one."""
        session, now = visit.session, int(visit.request.now)
        tickets = _tickets(visit)
        if visit.store_down or not tickets:
            return False
        if session is None:
            return await self._signs_in_first(visit, tickets, send)
        if session.superseded:
            return False
        stay: dict[Ticket, Confirmation | None] = {}
        for ticket in tickets:
            confirmation = await visit.gate.stepup.of(ticket.id, session, now)
            if confirmation is not None and not (confirmation.held and _leads_here(visit, confirmation)):
                continue
            if confirmation is not None:
                held = await visit.gate.stepup.redeem(confirmation, ticket.secret, now)
                if isinstance(held, HeldRequest):  # else another tab was faster, and left us the next one
                    await self._send(visit, confirmation, held, scope, receive, send)
                    return True
            stay[ticket] = confirmation
        return await self._told(visit, session, stay, send)

    async def _told(
        self, visit: Visit, session: Session, stay: Mapping[Ticket, Confirmation | None], send: Send
    ) -> bool:
        """What became of tickets that are good for nothing, with the confirmation if it is still there."""
        lost = []
        for ticket, kept in stay.items():
            used = await visit.gate.stepup.used(ticket.id, ticket.secret, session, int(visit.request.now))
            clear = no_ticket_cookie(visit.gate.cookies, ticket.id)
            if used is not None and _leads_here(visit, used):
                visit.note("resume", Reason.UNANSWERED, routes=list(used.routes))
                await unsent(visit, used, "unanswered", 409, send, [clear])
                return True
            if used is None and kept is not None:  # the store has lost that it was confirmed
                await redirect(send, CONFIRM + kept.id, [clear])
                return True
            if used is None:
                lost.append(ticket)
        if lost:
            await _nobody_knows(visit, lost, send)
        return bool(lost)

    async def _signs_in_first(self, visit: Visit, tickets: list[Ticket], send: Send) -> bool:
        """The session ran out between confirming and coming back: what it holds goes on after signing in.

        What it holds no more had a page, which says afterwards that it is over.
        """
        if visit.unknown:
            await _nobody_knows(visit, tickets, send)
            return True
        if visit.found is None or visit.found.session.superseded or visit.gate.applogin is not None:
            return False
        location, last = "", tickets[-1].id
        for ticket in tickets:
            kept = await visit.gate.stepup.find(ticket.id, visit.found.session, int(visit.request.now))
            if kept is None:
                location, last = f"{SIGN_IN}?next={quote(CONFIRM + ticket.id, safe='')}", ticket.id
            elif kept.held and _leads_here(visit, kept):
                location, last = f"{SIGN_IN}?resume={kept.id}", kept.id
                break
        if location:
            await redirect(send, location, [no_ticket_cookie(visit.gate.cookies, last)])
        return bool(location)

    async def _send(
        self, visit: Visit, confirmation: Confirmation, held: HeldRequest, scope: Any, receive: Receive, send: Send
    ) -> None:
        again = replace(visit, request=_request(visit.request, held))
        used = [no_ticket_cookie(visit.gate.cookies, confirmation.id)]
        body = Body.of(held.body, receive)
        again.note("resume", Reason.RESUMED, routes=list(confirmation.routes))
        fate = "failed"
        try:
            decision = await self._judge(
                again, body, scope, send, own=confirmation.events, fresh_connection=True, extra=used
            )
            fate = "resumed" if isinstance(decision, Forward) else "stopped"
        except UpstreamUnreachable:
            ticket = await visit.gate.stepup.restore(confirmation, held, int(visit.request.now))
            kept = [ticket_cookie(visit.gate.cookies, confirmation, ticket)] if ticket else used
            fate = "kept" if ticket else "lost"
            await unsent(again, confirmation, fate, 502, send, kept)
        except (UpstreamBroken, UpstreamTimeout) as error:
            status, fate = 504 if isinstance(error, UpstreamTimeout) else 502, "unknown"
            await unsent(again, confirmation, fate, status, send, used)
        finally:
            visit.gate.counts.resumed(fate if fate in ("resumed", "stopped", "failed") else f"unsent-{fate}")


async def _nobody_knows(visit: Visit, lost: list[Ticket], send: Send) -> None:
    """Tell the owner of tickets that the store knows nothing of any more, once."""
    visit.note("resume", Reason.UNANSWERED)
    view = Failure(**common(visit), status=409, reason=Reason.UNANSWERED)
    clear = [no_ticket_cookie(visit.gate.cookies, ticket.id) for ticket in lost]
    await send_page(visit, view, 409, send, clear)


def _tickets(visit: Visit) -> list[Ticket]:
    request = visit.request
    if not brings_ticket(request) or not navigates(request):
        return []
    if sender(request, visit.gate.app.origin) not in (Sender.SAME, Sender.UNKNOWN):
        return []
    return _brought(request)


def _brought(request: Request) -> list[Ticket]:
    values = (pair for field in request.values(b"cookie") for pair in VALUE.findall(field))
    return [Ticket(id.decode(), secret.decode()) for id, secret in values]


def _leads_here(visit: Visit, confirmation: Confirmation) -> bool:
    return confirmation.target == visit.request.target.decode("latin-1")


def _request(live: Request, held: HeldRequest) -> Request:
    path, _, query = held.target.partition(b"?")
    headers = (*held.headers, *(each for each in live.headers if each[0] in LIVE))
    if held.body:
        headers = (*headers, (b"content-length", str(len(held.body)).encode()))
    return replace(live, method=held.method, target=held.target, path=path, query=query, headers=headers)


def _name(id: str) -> str:
    return TICKET + id[-8:]  # its beginning is the time
