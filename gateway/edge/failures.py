"""The one place where what went wrong becomes a response: a page for people, RFC 9457 for scripts."""

from __future__ import annotations

from dataclasses import replace

from gateway.edge.answers import Fields, Send, problem
from gateway.edge.gate import Gate, Visit
from gateway.edge.pages.reply import common, send_page
from gateway.edge.static import serve
from gateway.edge.views import AppSignIn, Failure, Refused, View
from gateway.edge.websocket import deny
from gateway.errors import Busy, ClientSlow, GatewayError, MalformedRequest, StoreError, UpstreamTimeout
from gateway.policy.facts import Reason, Refuse, Request
from gateway.policy.holdable import navigates

CLOSE = ((b"connection", b"close"),)
AGAIN = {Reason.SLOW: CLOSE, Reason.BUSY: ((b"retry-after", b"10"),)}
"""Fields that tell a client how to go on."""

WHY = {
    Reason.SLOW: "The body did not arrive in time, and nothing was done. Send the whole request again.",
    Reason.BUSY: "More passwords wait to be checked than can be in time, and nothing was done. Try again in a moment.",
}
"""What scripts are told beside the reason."""


def status_of(error: GatewayError) -> tuple[int, Reason]:
    """Who is to blame, in HTTP's terms."""
    match error:
        case MalformedRequest():
            return error.status, Reason.MALFORMED
        case ClientSlow():
            return 408, Reason.SLOW
        case StoreError():
            return 503, Reason.STORE_DOWN
        case Busy():
            return 503, Reason.BUSY
        case UpstreamTimeout():
            return 504, Reason.UPSTREAM
    return 502, Reason.UPSTREAM


async def fail(kind: str, gate: Gate | None, request: Request | None, error: GatewayError, send: Send) -> None:
    """Answer for an exception. `kind` is the scope's type; nothing of the exception's text reaches a person."""
    status, reason = status_of(error)
    if request is None or gate is None:
        await _plain(kind, status, reason, str(error) if isinstance(error, MalformedRequest) else "", send)
        return
    visit = Visit(gate, request, None)
    if status >= 500:
        visit.note("decision", reason)
    else:
        gate.counts.decided((), reason)
    await _say(visit, Failure(**common(visit), status=status, reason=reason), status, reason, kind, send)


async def too_many(visit: Visit, wait: int, send: Send, fields: Fields = ()) -> None:
    """429: guessing is slow, at the app's own door too (law 10)."""
    retry = [(b"retry-after", str(wait).encode()), *fields]
    if navigates(visit.request):
        view = Failure(**common(visit), status=429, reason=Reason.THROTTLED, wait=wait)
        await send_page(visit, view, 429, send, retry)
    else:
        await problem(send, 429, _members(Reason.THROTTLED, visit.request.id), retry)


async def unknown_host(kind: str, lender: Gate, request: Request, send: Send) -> None:
    """421: no app of that name here (RFC 9110, 15.5.20). `lender` is any gate, for its pages' looks."""
    if request.path.startswith(b"/.gateway/static/"):
        await serve(request, send)
        return
    visit = Visit(lender, request, None)
    view = replace(Failure(**common(visit), status=421, reason=Reason.UNKNOWN_HOST), site=request.host)
    await _say(visit, view, 421, Reason.UNKNOWN_HOST, kind, send)


async def refuse(visit: Visit, decision: Refuse, send: Send, fields: Fields = (), *, kind: str = "http") -> None:
    """Say no, and what to do about it."""
    visit.note("decision", decision.reason, routes=[route.name for route in decision.routes])
    login = visit.gate.applogin
    if decision.reason is Reason.NOT_OBSERVED and login is not None:
        page = AppSignIn(**common(visit), page=login.login.page, notice=decision.reason)
        await _say(visit, page, 403, decision.reason, kind, send, fields)
    elif decision.reason in (Reason.NO_VERIFIER, Reason.TOO_NEW):
        await _say(visit, no_verifier(visit, decision), 403, decision.reason, kind, send, fields)
    else:
        status = {Reason.STORE_DOWN: 503, Reason.SUPERSEDED: 401}.get(decision.reason, 403)
        view = Failure(**common(visit), status=status, reason=decision.reason)
        await _say(visit, view, status, decision.reason, kind, send, fields)


def no_verifier(visit: Visit, decision: Refuse) -> View:
    """Law 9: they cannot show what the route asks for."""
    route = decision.routes[0]
    needs = tuple(tuple(sorted(every)) for every in route.requirement.verify)
    return Refused(**common(visit), why=decision.reason, action=route.action, needs=needs)


async def _say(
    visit: Visit, view: View, status: int, reason: Reason, kind: str, send: Send, fields: Fields = ()
) -> None:
    if kind == "websocket":
        await deny(send, status)
    elif navigates(visit.request):
        await send_page(visit, view, status, send, (*AGAIN.get(reason, ()), *fields))
    else:
        why: dict[str, object] = {"detail": WHY[reason]} if reason in WHY else {}
        more = (*AGAIN.get(reason, ()), *fields)
        await problem(send, status, _members(reason, visit.request.id) | why, more)


async def _plain(kind: str, status: int, reason: Reason, detail: str, send: Send) -> None:
    if kind == "websocket":
        await deny(send, status)
    else:
        await problem(send, status, _members(reason) | ({"detail": detail} if detail else {}), CLOSE)


def _members(reason: Reason, id: str = "") -> dict[str, object]:
    members: dict[str, object] = {"type": "about:blank", "title": "Refused by the gateway", "error": reason.value}
    return members | ({"request_id": id} if id else {})
