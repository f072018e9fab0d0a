"""Confirm access: what is asked, by which way, and on to where the person was going."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from gateway.edge.challenging import SIGN_IN
from gateway.edge.cookies import SESSION
from gateway.edge.csrf import opened_by_person, posted_by_person
from gateway.edge.failures import no_verifier
from gateway.edge.gate import Visit
from gateway.edge.pages import form
from gateway.edge.pages.reply import common, html, onward
from gateway.edge.resuming import no_ticket_cookie, ticket_cookie
from gateway.edge.views import Cancelled, Confirm, Confirmed, Failure
from gateway.flows.asking import Prompt
from gateway.flows.proof import NotProved
from gateway.flows.stepup import GRANT, Ended
from gateway.flows.stepup import Confirmed as Done
from gateway.policy.credentials import name_of
from gateway.policy.decision import by_itself
from gateway.policy.facts import Confirmation, Reason, Refuse, Session
from gateway.policy.holdable import reads
from gateway.policy.returns import here

PATH = "/.gateway/confirm/"
STATUS = {Reason.THROTTLED: 429, Reason.APP_DOWN: 502, Reason.APP_CHANGED: 502}
"""Of a page that asks again; 422 where the answer was at fault."""

Find = Callable[[str, Session, int], Awaitable[Confirmation | None]]


async def page(request: Request) -> Response:
    """GET: ask. Anybody else's confirmation, and one that is over, is not found."""
    visit: Visit = request.scope["gateway.visit"]
    found = await _confirmation(visit, request.path_params["id"])
    if isinstance(found, Response):
        return found
    confirmation, session = found
    if not opened_by_person(visit, linked=not confirmation.held):
        return html(visit, Failure(**common(visit), status=403, reason="forged"), 403)
    if confirmation.ticket == GRANT:
        return _confirmed(visit, confirmation)
    return await _ask(visit, confirmation, session, request.query_params.get("way", ""))


async def answer(request: Request) -> Response:
    """POST: check one answer."""
    visit: Visit = request.scope["gateway.visit"]
    found = await _confirmation(visit, request.path_params["id"])
    if isinstance(found, Response):
        return found
    confirmation, session = found
    fields = await form.fields(request)
    if not posted_by_person(visit, fields.get("csrf", ""), session.ref) or visit.found is None:
        return html(visit, Failure(**common(visit), status=403, reason="forged"), 403)
    way, now = fields.get("way", ""), int(visit.request.now)
    prompt = await visit.gate.stepup.asking.prompt(confirmation, session, now)
    if prompt is None:  # another tab confirmed meanwhile
        return _onward(visit, confirmation, await visit.gate.stepup.satisfied(confirmation, now))
    outcome = await visit.gate.stepup.answer(confirmation, visit.found, way, fields, visit.request.client, now)
    match outcome:
        case Done():
            visit.note("confirm", Reason.CONFIRMED, routes=confirmation.routes, verifier=way)
            cookie = visit.gate.cookies.set(SESSION, outcome.token.decode())
            if not outcome.done:
                return onward(PATH + confirmation.id, [cookie])
            return _onward(visit, outcome.confirmation, outcome.ticket, cookie)
        case NotProved():
            visit.note("confirm", outcome.reason, routes=confirmation.routes, verifier=way)
            return await _ask(visit, confirmation, session, way, outcome)
        case Ended():
            visit.note("session", Reason.REVOKED, routes=confirmation.routes)
            return onward(f"{SIGN_IN}?ended=1", [visit.gate.cookies.clear(SESSION)])
    return onward(PATH + confirmation.id)


async def cancel(request: Request) -> Response:
    """POST: nothing runs; what was held is dropped, whatever the file says by now. Too late is said."""
    visit: Visit = request.scope["gateway.visit"]
    found = await _confirmation(visit, request.path_params["id"], visit.gate.stepup.of)
    if isinstance(found, Response):
        return found
    confirmation, session = found
    if not posted_by_person(visit, (await form.fields(request)).get("csrf", ""), session.ref):
        return html(visit, Failure(**common(visit), status=403, reason="forged"), 403)
    await visit.gate.stepup.cancel(confirmation)
    visit.note("confirm", Reason.CANCELLED, routes=confirmation.routes)
    if not confirmation.held and not confirmation.declined:  # a script's call: its page has not been left
        return html(visit, Cancelled(**common(visit), back=confirmation.back))
    return onward(confirmation.back, [no_ticket_cookie(visit.gate.cookies, confirmation.id)])


async def _confirmation(visit: Visit, id: str, find: Find | None = None) -> tuple[Confirmation, Session] | Response:
    session = visit.session
    if session is None:
        return onward(await _sign_in_first(visit, id))
    if session.superseded:
        return html(visit, Failure(**common(visit), status=401, reason=Reason.SUPERSEDED), 401)
    confirmation = await (find or visit.gate.stepup.find)(id, session, int(visit.request.now))
    if confirmation is None:
        return html(visit, Failure(**common(visit), status=404, reason="expired"), 404)
    return confirmation, session


async def _sign_in_first(visit: Visit, id: str) -> str:
    """Where to; what the owner of a session that ran out had sent goes on afterwards, or they read that it does not."""
    if visit.unknown:
        return f"{SIGN_IN}?next={quote(PATH + id, safe='')}"
    if visit.found is None or visit.found.session.superseded:
        return SIGN_IN
    kept = await visit.gate.stepup.find(id, visit.found.session, int(visit.request.now))
    if kept is not None and kept.held and visit.gate.applogin is None:
        return f"{SIGN_IN}?resume={id}"
    return f"{SIGN_IN}?next={quote(PATH + id, safe='')}"


async def _ask(
    visit: Visit, confirmation: Confirmation, session: Session, way: str, failed: NotProved | None = None
) -> Response:
    asking, now = visit.gate.stepup.asking, int(visit.request.now)
    prompt = await asking.prompt(confirmation, session, now)
    if isinstance(prompt, Refuse):
        return html(visit, no_verifier(visit, prompt), 403)
    ways = prompt.ways if isinstance(prompt, Prompt) else ()
    way = way if way in ways else next(iter(ways), "")
    route = prompt.route if isinstance(prompt, Prompt) else visit.gate.routes[confirmation.routes[0]]
    view = Confirm(
        **common(visit),
        post=PATH + confirmation.id,
        subject=name_of(session.subject),
        name_asked=visit.gate.applogin is not None and not session.events,
        of_app=visit.gate.applogin is not None,
        action=route.action,
        method=confirmation.method,
        target=confirmation.target,
        way=way,
        others=tuple(each for each in ways if each != way),
        shown=confirmation.shown,
        options=await asking.start(confirmation, session, way, now) if way else "",
        lasts=0 if by_itself(route.requirement) else route.requirement.max_age,
        step=prompt.step if isinstance(prompt, Prompt) else 1,
        steps=prompt.steps if isinstance(prompt, Prompt) else 1,
        held=confirmation.held,
        declined=confirmation.declined,
        error=failed.reason if failed else "",
        wait=failed.wait if failed else 0,
    )
    if failed is None:
        return html(visit, view)
    retry = [(b"retry-after", str(failed.wait).encode())] if failed.wait else []
    return html(visit, view, STATUS.get(failed.reason, 422), retry)


def _onward(
    visit: Visit, confirmation: Confirmation, ticket: str, session_cookie: tuple[bytes, bytes] | None = None
) -> Response:
    cookies = [session_cookie] if session_cookie else []
    if ticket:
        return onward(here(confirmation.target), [*cookies, ticket_cookie(visit.gate.cookies, confirmation, ticket)])
    return onward(PATH + confirmation.id, cookies)


def _confirmed(visit: Visit, confirmation: Confirmation) -> Response:
    route = visit.gate.routes[confirmation.routes[0]]
    lasts = 0 if by_itself(route.requirement) else route.requirement.max_age
    query = confirmation.target.encode("latin-1").partition(b"?")[2]
    again = reads(replace(visit.request, method=confirmation.method, query=query))
    target = here(confirmation.target) if again else confirmation.back
    return html(visit, Confirmed(**common(visit), action=route.action, onward=target, lasts=lasts))
