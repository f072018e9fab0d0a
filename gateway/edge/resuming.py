"""A confirmed browser comes back to the original address, and the held request goes to the app in place of its GET.

The ticket is a cookie for one confirmation, good once; it works for a navigation within this site only, so that no
other page can make it happen.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any, NamedTuple

from gateway.edge.answers import Send
from gateway.edge.body import Body, Receive
from gateway.edge.cookies import TICKET, Cookies
from gateway.edge.gate import Visit
from gateway.edge.pages.unsent import unsent
from gateway.errors import UpstreamBroken, UpstreamTimeout, UpstreamUnreachable
from gateway.policy.facts import Confirmation, Decision, Forward, HeldRequest, Reason, Request
from gateway.policy.holdable import Sender, navigates, sender

LIVE = frozenset({b"cookie", b"authorization", b"host"})
"""Fields that the resuming request brings; all others are those of the held one."""

VALUE = re.compile(rb"gateway_ticket_[A-Za-z0-9_-]{8}=([A-Za-z0-9_-]{8,64})\.([A-Za-z0-9_-]{32})(?:;|$)")
Judge = Callable[..., Awaitable[Decision]]


class Ticket(NamedTuple):
    """`id` of the confirmation, and the secret of its one-time cookie."""

    confirmation: Confirmation
    secret: str


def ticket_cookie(cookies: Cookies, confirmation: Confirmation, secret: str) -> tuple[bytes, bytes]:
    """One cookie for each confirmation, so that tabs do not take each other's."""
    return cookies.set(_name(confirmation.id), f"{confirmation.id}.{secret}", strict=True, max_age=600)


def brings_ticket(request: Request) -> bool:
    """Whether something that was held may go in place of this: then it is as sensitive as that."""
    return request.method == "GET" and any(b"gateway_ticket_" in field for field in request.values(b"cookie"))


class Resuming:
    """`judge` is the gatekeeper's: a held request is decided like any other before it is sent."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge

    async def resumed(self, visit: Visit, scope: Any, receive: Receive, send: Send) -> bool:
        """True when a held request was answered in place of this one."""
        async for ticket in self._tickets(visit):
            held = await visit.gate.stepup.redeem(ticket.confirmation, ticket.secret, int(visit.request.now))
            if isinstance(held, HeldRequest):  # else another tab was faster, and left us the next one
                await self._send(visit, ticket.confirmation, held, scope, receive, send)
                return True
        return False

    async def _tickets(self, visit: Visit) -> AsyncIterator[Ticket]:
        request, session = visit.request, visit.session
        if not brings_ticket(request) or not navigates(request) or session is None or session.superseded:
            return
        if sender(request, visit.gate.app.origin) not in (Sender.SAME, Sender.UNKNOWN):
            return
        target, now = request.target.decode("latin-1"), int(request.now)
        for field in request.values(b"cookie"):
            for id, secret in VALUE.findall(field):
                confirmation = await visit.gate.stepup.of(id.decode(), session, now)
                if confirmation is not None and confirmation.held and confirmation.target == target:
                    yield Ticket(confirmation, secret.decode())

    async def _send(
        self, visit: Visit, confirmation: Confirmation, held: HeldRequest, scope: Any, receive: Receive, send: Send
    ) -> None:
        again = replace(visit, request=_request(visit.request, held))
        used = [visit.gate.cookies.clear(_name(confirmation.id))]
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


def _request(live: Request, held: HeldRequest) -> Request:
    path, _, query = held.target.partition(b"?")
    headers = (*held.headers, *(each for each in live.headers if each[0] in LIVE))
    if held.body:
        headers = (*headers, (b"content-length", str(len(held.body)).encode()))
    return replace(live, method=held.method, target=held.target, path=path, query=query, headers=headers)


def _name(id: str) -> str:
    return TICKET + id[:8]
