"""What a challenge is for a browser (303 to a page, the request held) and for a script (401, nothing held)."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

from gateway.edge.answers import Fields, Send, problem, redirect
from gateway.edge.body import Body
from gateway.edge.failures import refuse
from gateway.edge.gate import Visit
from gateway.edge.websocket import deny
from gateway.flows.stepup import alone
from gateway.policy.facts import Challenge, Confirmation, Reason, Refuse
from gateway.policy.fields import show
from gateway.policy.holdable import Declined, Hold, Sender, holdable, navigates, reads, sender
from gateway.policy.returns import safe

SIGN_IN = "/.gateway/signin"
CONFIRM = "/.gateway/confirm/"
LONGEST = 1800
"""Bytes of a target that still fit into an address to come back to."""


async def granted(visit: Visit, decision: Challenge, body: Body) -> Confirmation | None:
    """The confirmation given for just this request, which could not be held; no other site can make use of it."""
    session = visit.session
    if session is None or session.superseded or not decision.routes or not alone(decision):
        return None
    if sender(visit.request, visit.gate.app.origin) is Sender.CROSS:
        return None
    return await visit.gate.stepup.grant(visit.request, session, await _shown(visit, decision, body))


async def challenge(visit: Visit, decision: Challenge, body: Body, send: Send, extra: Fields = ()) -> None:
    """Ask the person, or tell the script."""
    if not navigates(visit.request):
        await unauthorized(visit, decision, send, body=body, extra=extra)
    elif visit.session is None:
        await _sign_in(visit, decision, body, send, extra)
    else:
        await _confirm(visit, decision, body, send, extra)


async def unauthorized(
    visit: Visit,
    decision: Challenge,
    send: Send,
    *,
    body: Body | None = None,
    websocket: bool = False,
    extra: Fields = (),
) -> None:
    """401 in the words of RFC 9470 for whoever cannot be shown a page."""
    location = f"{SIGN_IN}?next={quote(_back(visit), safe='')}"
    session = visit.session
    if session is not None and decision.routes:
        shown = await _shown(visit, decision, body) if body is not None and alone(decision) else ()
        asked = await visit.gate.stepup.ask(visit.request, session, decision, None, b"", shown, _back(visit))
        if isinstance(asked, Refuse):
            await refuse(visit, asked, send, kind="websocket" if websocket else "http")
            return
        location = CONFIRM + asked.id
        _note(visit, decision, asked)
    else:
        _note(visit, decision, None)
    url = visit.gate.app.origin + location
    error = "insufficient_user_authentication" if decision.routes else "login_required"
    bearer = (visit.request.header(b"authorization") or b"").lower().startswith(b"bearer ")
    scheme = "Bearer" if bearer else "StepUp"
    said = f'{scheme} error="{error}", max_age={decision.max_age}, method="{visit.request.method}", confirm_url="{url}"'
    members: dict[str, object] = {
        "type": "about:blank",
        "title": "Confirm access" if decision.routes else "Sign in",
        "error": error,
        "reason": decision.reason.value,
        "max_age": decision.max_age,
        "auth_time": decision.auth_time,
        "server_time": int(visit.request.now),
        "confirm_url": url,
    }
    fields = [(b"www-authenticate", said.encode("latin-1")), *extra]
    if websocket:
        await deny(send, 401, fields)
    else:
        await problem(send, 401, members, fields)


async def _sign_in(visit: Visit, decision: Challenge, body: Body, send: Send, extra: Fields) -> None:
    """Nobody is signed in; what an expired session's owner sent is kept for them, a stranger's is not."""
    request, gate = visit.request, visit.gate
    _note(visit, decision, None)
    if reads(request):
        target = request.target.decode("latin-1")
        await redirect(send, f"{SIGN_IN}?next={quote(target, safe='')}" if _fits(target) else SIGN_IN, extra)
        return
    if visit.found is not None and not visit.found.session.superseded:
        read = await body.whole(gate.app.hold_max)
        verdict = holdable(request, read, gate.app.origin)
        expired = replace(decision, reason=Reason.EXPIRED, routes=())
        back = _back(visit)
        asked = await gate.stepup.ask(request, visit.found.session, expired, verdict, read or b"", (), back)
        if isinstance(asked, Confirmation):
            gate.counts.held(asked.declined or "held")
        if isinstance(asked, Confirmation) and asked.held:
            await redirect(send, f"{SIGN_IN}?resume={asked.id}", extra)
            return
    await redirect(send, f"{SIGN_IN}?lost=1&next={quote(_back(visit), safe='')}", extra)


async def _confirm(visit: Visit, decision: Challenge, body: Body, send: Send, extra: Fields) -> None:
    request, gate, session = visit.request, visit.gate, visit.session
    assert session is not None  # noqa: S101
    read = await body.whole(min([route.hold_max for route in decision.routes]))
    verdict: Hold | Declined = holdable(request, read, gate.app.origin)
    shown = await _shown(visit, decision, body)
    asked = await gate.stepup.ask(request, session, decision, verdict, read or b"", shown, _back(visit))
    if isinstance(asked, Refuse):
        await refuse(visit, asked, send)
        return
    _note(visit, decision, asked)
    gate.counts.held(asked.declined or "held")
    await redirect(send, CONFIRM + asked.id, extra)


def _note(visit: Visit, decision: Challenge, asked: Confirmation | None) -> None:
    if not decision.routes:  # counted, and not written down: whoever has not signed in may ask as often as they like
        visit.gate.counts.decided((), decision.reason)
        return
    visit.note(
        "decision",
        decision.reason,
        routes=[route.name for route in decision.routes],
        max_age=decision.max_age,
        auth_time=decision.auth_time,
        held=asked is not None and asked.held,
    )


async def _shown(visit: Visit, decision: Challenge, body: Body) -> tuple[tuple[str, str], ...]:
    names = tuple(dict.fromkeys([name for route in decision.routes for name in route.show]))
    if not names:
        return ()
    return show(visit.request, await body.whole(visit.gate.inspect_max), names)


def _back(visit: Visit) -> str:
    """Where Cancel leads: the page the person came from, if it is one of the app's."""
    referer = (visit.request.header(b"referer") or b"").decode("latin-1")
    path = referer.removeprefix(visit.gate.app.origin)
    ours = referer.startswith(visit.gate.app.origin + "/") and not path.startswith("/.gateway/")
    return safe(path) if ours and _fits(path) else "/"


def _fits(target: str) -> bool:
    return len(target) <= LONGEST
