"""Sign in, and out."""

from __future__ import annotations

import base64
import secrets
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from gateway.edge.challenging import CONFIRM
from gateway.edge.cookies import BROWSER, SESSION
from gateway.edge.csrf import opened_by_person, posted_by_person
from gateway.edge.gate import Visit
from gateway.edge.pages import form
from gateway.edge.pages.reply import common, html, onward
from gateway.edge.resuming import no_ticket_cookies, ticket_cookie
from gateway.edge.views import AppSignIn, Failure, SignedOut, SignInCode
from gateway.edge.views import SignIn as SignInView
from gateway.flows.applogin import AppLogin
from gateway.flows.proof import NotProved
from gateway.flows.signin import CodeNeeded, SignedIn
from gateway.policy.facts import Reason
from gateway.policy.headers import own_cookie
from gateway.policy.returns import here, safe

PATH = "/.gateway/signin"
KEPT = ("next", "resume")
"""Fields that say where to go afterwards; they come back with the form."""


async def page(request: Request) -> Response:
    """GET: the form; straight on for whoever is signed in."""
    visit: Visit = request.scope["gateway.visit"]
    kept = {name: request.query_params.get(name, "") for name in KEPT}
    if visit.gate.applogin is not None:  # even with a session of ours: what leads here wants one of the app's
        return _at_the_app(visit, visit.gate.applogin, request)
    if visit.session is not None and not visit.session.superseded:
        return onward(safe(kept["next"] or "/"))
    if not opened_by_person(visit, linked=True):
        return html(visit, Failure(**common(visit), status=403, reason="forged"), 403)
    notice = next((each for each in ("lost", "ended") if each in request.query_params), "")
    if visit.found is not None and not visit.found.alive:
        notice = "kept" if kept["resume"] else notice or "expired"
    return _form(visit, kept, notice=notice)


async def password(request: Request) -> Response:
    """POST: a name and a password, or a passkey."""
    visit, fields, browser = await _posted(request)
    if visit.gate.applogin is not None:
        return _at_the_app(visit, visit.gate.applogin, request)
    if not posted_by_person(visit, fields.get("csrf", ""), browser):
        return _form(visit, fields, error="expired", status=422)
    signin, site, now = visit.gate.signin, visit.gate.site, int(visit.request.now)
    if fields.get("passkey"):
        challenge = _unpack(fields.get("challenge", ""))
        outcome: SignedIn | CodeNeeded | NotProved = await signin.passkey(
            site, fields, challenge, browser=browser, address=visit.request.client, now=now
        )
    else:
        name = fields.get("username", "")
        outcome = await signin.password(site, name, fields, browser=browser, address=visit.request.client, now=now)
    match outcome:
        case SignedIn():
            return await _signed_in(visit, outcome, fields)
        case CodeNeeded():
            return _code_form(visit, fields | {"half": outcome.half}, browser)
    visit.note("sign-in", outcome.reason)
    return _form(visit, fields, error=outcome.reason, wait=outcome.wait, status=429 if outcome.wait else 422)


async def code(request: Request) -> Response:
    """POST: the second half."""
    visit, fields, browser = await _posted(request)
    if visit.gate.applogin is not None:
        return _at_the_app(visit, visit.gate.applogin, request)
    if not posted_by_person(visit, fields.get("csrf", ""), browser):
        return _form(visit, fields, error="expired", status=422)
    outcome = await visit.gate.signin.code(
        visit.gate.site,
        fields.get("half", ""),
        fields,
        browser=browser,
        address=visit.request.client,
        now=int(visit.request.now),
    )
    match outcome:
        case SignedIn():
            return await _signed_in(visit, outcome, fields)
        case NotProved():
            visit.note("sign-in", outcome.reason)
            return _code_form(visit, fields, browser, outcome)
    return _form(visit, fields, error="expired", status=422)


async def leave(request: Request) -> Response:
    """GET: a button; POST: signed out, and everything this session held is gone."""
    visit: Visit = request.scope["gateway.visit"]
    session = visit.session
    if request.method != "POST" or session is None:
        return html(visit, SignedOut(**common(visit), of_app=visit.gate.applogin is not None))
    if not posted_by_person(visit, (await form.fields(request)).get("csrf", ""), session.ref):
        return html(visit, Failure(**common(visit), status=403, reason="forged"), 403)
    await visit.gate.sessions.end(ref=session.ref)
    visit.note("sign-out", Reason.SIGNED_OUT)
    gone = Visit(visit.gate, visit.request, None)
    view = SignedOut(**common(gone), of_app=visit.gate.applogin is not None)
    return html(gone, view, 200, [visit.gate.cookies.clear(SESSION), *no_ticket_cookies(visit)])


def _at_the_app(visit: Visit, login: AppLogin, request: Request) -> Response:
    """Its own login is the sign-in: this page only leads there."""
    ran_out = "expired" if visit.found is not None and not visit.found.alive else ""
    notice = next((each for each in ("lost", "ended", "not-observed") if each in request.query_params), ran_out)
    back = safe(request.query_params.get("next", "") or "/")
    nobody = Visit(visit.gate, visit.request, None)
    return html(visit, AppSignIn(**common(nobody), page=login.login.page, notice=notice, back=back))


async def _posted(request: Request) -> tuple[Visit, dict[str, str], str]:
    visit: Visit = request.scope["gateway.visit"]
    return visit, await form.fields(request), _browser(visit)


def _browser(visit: Visit) -> str:
    """The secret that ties a sign-in to one browser before there is a session."""
    value = own_cookie(visit.request.values(b"cookie"), visit.gate.cookies.name(BROWSER))
    return value.decode("latin-1") if value is not None else ""


def _form(
    visit: Visit, fields: dict[str, str], *, notice: str = "", error: str = "", wait: int = 0, status: int = 200
) -> Response:
    browser = _browser(visit) or secrets.token_urlsafe(24)
    challenge = visit.gate.signin.passkey_challenge(browser, int(visit.request.now))
    hidden = [(name, fields.get(name, "")) for name in KEPT]
    view = SignInView(
        **common(Visit(visit.gate, visit.request, None), browser=browser),
        hidden=(*hidden, ("challenge", _pack(challenge))),
        name=fields.get("username", "")[:64],
        options=visit.gate.signin.passkey_options(visit.gate.site, challenge),
        notice=notice,
        error=error,
        wait=wait,
    )
    cookie = visit.gate.cookies.set(BROWSER, browser)
    retry = [(b"retry-after", str(wait).encode())] if wait else []
    return html(visit, view, status, [cookie, *retry])


def _code_form(visit: Visit, fields: dict[str, str], browser: str, failed: NotProved | None = None) -> Response:
    hidden = tuple((name, fields.get(name, "")) for name in (*KEPT, "half"))
    nobody = common(Visit(visit.gate, visit.request, None), browser=browser)
    if failed is None:
        return html(visit, SignInCode(**nobody, hidden=hidden))
    view = SignInCode(**nobody, hidden=hidden, error=failed.reason, wait=failed.wait)
    retry = [(b"retry-after", str(failed.wait).encode())] if failed.wait else []
    return html(visit, view, 429 if failed.wait else 422, retry)


async def _signed_in(visit: Visit, who: SignedIn, fields: dict[str, str]) -> Response:
    """A new session, never the one the browser came with, and on to what its owner was doing."""
    gate, request = visit.gate, visit.request
    now = int(request.now)
    agent = (request.header(b"user-agent") or b"").decode("latin-1")
    token, session = await gate.sessions.open(
        gate.app.name, who.subject, who.events, address=request.client, agent=agent, now=now
    )
    cookies = [gate.cookies.set(SESSION, token.decode()), gate.cookies.clear(BROWSER)]
    location = safe(fields.get("next", "") or "/")
    if visit.found is not None:
        old = visit.found.session
        adopted = await gate.stepup.adopt(fields.get("resume", ""), old, session, now)
        await gate.sessions.end(ref=old.ref)
        if adopted is not None:
            confirmation, ticket = adopted
            location = here(confirmation.target)
            cookies.append(ticket_cookie(gate.cookies, confirmation, ticket))
        elif fields.get("resume") and old.subject == session.subject:  # it was kept, and is gone: that page says so
            location = CONFIRM + quote(fields["resume"], safe="")
    signed_in = Visit(gate, request, None)
    signed_in.note("sign-in", Reason.SIGNED_IN, subject=who.subject, session=session.ref, verifier=who.verifiers)
    return onward(location, cookies)


def _pack(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode()


def _unpack(value: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(value)
    except ValueError:
        return b""
