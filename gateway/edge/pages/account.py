"""A person's own credentials and sessions.

All but the overview and "end it now" stand behind the gate as sensitive routes, like those of any app (law 8): by the
time a handler here runs, the request has been confirmed.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from gateway.edge.cookies import SESSION
from gateway.edge.csrf import posted_by_person
from gateway.edge.devices import describe
from gateway.edge.gate import Visit
from gateway.edge.pages import form
from gateway.edge.pages.reply import common, html, onward
from gateway.edge.views import Account, AddPasskey, AddTotp, Device, Failure, Place, Proof, RecoveryCodes
from gateway.flows.enrol import Failed, Fault, NewTotp
from gateway.policy.credentials import name_of
from gateway.policy.facts import Reason, Requirement, Route, Session

PATH = "/.gateway/account"
ANY = Requirement((frozenset({"password"}),), 300)  # replaced by each app's own


def _route(name: str, action: str, path: str) -> Route:
    return Route(f"gateway-{name}", action, PATH + path, ANY)


ROUTES = (
    _route("password", "Change your password", "/password/**"),
    _route("totp", "Add an authenticator app", "/totp/**"),
    _route("passkey", "Add a passkey", "/passkey/**"),
    _route("recovery", "Make new recovery codes", "/recovery/**"),
    _route("remove", "Remove a way to confirm", "/remove/**"),
    _route("sessions", "Sign out another device", "/sessions/**"),
)
"""What is sensitive here, for each app's table."""


OVERVIEW = _route("account", "Look at your account", "")
"""For apps that keep their own login: there, a session of ours may begin without any proof."""


async def overview(request: Request) -> Response:
    """GET: everything at a glance."""
    visit, session = _of(request)
    return await _overview(visit, session, notice=request.query_params.get("done", ""))


async def change_password(request: Request) -> Response:
    """POST: current, new, again."""
    visit, session, fields = await _posted(request)
    if fields is None or visit.gate.applogin is not None:  # the app's own password is changed in the app
        return _forged(visit)
    failed = await visit.gate.enrol.change_password(
        session,
        fields.get("current", ""),
        fields.get("new", ""),
        fields.get("again", ""),
        address=visit.request.client,
        now=int(visit.request.now),
    )
    if failed is not None:
        if failed.wait:
            visit.gate.counts.throttled("account")
        return await _overview(visit, session, failed=failed)
    visit.note("credential", Reason.CREDENTIAL_CHANGED, verifier="password")
    return _done("password")


async def new_totp(request: Request) -> Response:
    """GET: a QR code to scan."""
    visit, session = _of(request)
    return _totp_form(visit, await visit.gate.enrol.start_totp(session, int(visit.request.now)))


async def add_totp(request: Request) -> Response:
    """POST: its first code."""
    visit, session, fields = await _posted(request)
    if fields is None:
        return _forged(visit)
    label, now = fields.get("label", ""), int(visit.request.now)
    outcome = await visit.gate.enrol.finish_totp(session, fields.get("id", ""), label, fields.get("code", ""), now)
    match outcome:
        case NewTotp():
            return _totp_form(visit, outcome, label=label, error=Fault.WRONG_CODE)
        case Failed():
            again = await visit.gate.enrol.start_totp(session, now)
            return _totp_form(visit, again, label=label, error=outcome.fault)
    visit.note("credential", Reason.CREDENTIAL_ADDED, verifier="totp")
    return _done("totp")


async def new_passkey(request: Request) -> Response:
    """GET: the browser's dialog, behind a button."""
    visit, session = _of(request)
    return await _passkey_form(visit, session)


async def add_passkey(request: Request) -> Response:
    """POST: what the browser made."""
    visit, session, fields = await _posted(request)
    if fields is None:
        return _forged(visit)
    label, now = fields.get("label", ""), int(visit.request.now)
    failed = await visit.gate.enrol.finish_passkey(session, fields.get("id", ""), label, fields, now)
    if failed is not None:
        return await _passkey_form(visit, session, label=label, error=failed.fault)
    visit.note("credential", Reason.CREDENTIAL_ADDED, verifier="passkey")
    return _done("passkey")


async def recovery(request: Request) -> Response:
    """GET: how many are left; POST: new ones, shown once."""
    visit, session = _of(request)
    if request.method != "POST":
        left = len((await visit.gate.enrol.credentials(session)).recovery_codes)
        return html(visit, RecoveryCodes(**common(visit), left=left))
    visit, session, fields = await _posted(request)
    if fields is None:
        return _forged(visit)
    codes = await visit.gate.enrol.new_recovery_codes(session, int(visit.request.now))
    visit.note("credential", Reason.CREDENTIAL_CHANGED, verifier="recovery")
    return html(visit, RecoveryCodes(**common(visit), left=len(codes), codes=codes))


async def remove(request: Request) -> Response:
    """POST: an authenticator app or a passkey, by id."""
    visit, session, fields = await _posted(request)
    if fields is None:
        return _forged(visit)
    if await visit.gate.enrol.remove(session, fields.get("id", "")):
        visit.note("credential", Reason.CREDENTIAL_REMOVED, credential=fields["id"])
    return _done("removed")


async def revoke(request: Request) -> Response:
    """POST: one other session, by ref."""
    visit, session, fields = await _posted(request)
    if fields is None:
        return _forged(visit)
    mine = {each.ref for each in await visit.gate.sessions.of(session.subject, int(visit.request.now))}
    if fields.get("ref") in mine - {session.ref}:
        await visit.gate.sessions.end(ref=fields["ref"])
        visit.note("session", Reason.REVOKED, credential=fields["ref"])
    return _done("revoked")


async def revoke_others(request: Request) -> Response:
    """POST: all but this one."""
    visit, session, fields = await _posted(request)
    if fields is None:
        return _forged(visit)
    for ref in await visit.gate.sessions.end(subject=session.subject, keep=session.ref):
        visit.note("session", Reason.REVOKED, credential=ref)
    return _done("revoked")


async def stepdown(request: Request) -> Response:
    """POST: end the current confirmation now. Asking for proof to give up proof would be absurd."""
    visit, _session, fields = await _posted(request)
    if fields is None or visit.found is None:
        return _forged(visit)
    renewed = await visit.gate.sessions.renew(visit.found, (), int(visit.request.now))
    if renewed is None:
        return _done("ended")
    visit.note("confirm", Reason.CANCELLED)
    return onward(f"{PATH}?done=ended", [visit.gate.cookies.set(SESSION, renewed[0].decode())])


def _of(request: Request) -> tuple[Visit, Session]:
    visit: Visit = request.scope["gateway.visit"]
    if visit.session is None:
        raise LookupError("the gate lets nobody in here without a session")
    return visit, visit.session


async def _posted(request: Request) -> tuple[Visit, Session, dict[str, str] | None]:
    """The fields of a form of ours, None for any other."""
    visit, session = _of(request)
    said = await form.fields(request)
    return visit, session, said if posted_by_person(visit, said.get("csrf", ""), session.ref) else None


def _forged(visit: Visit) -> Response:
    return html(visit, Failure(**common(visit), status=403, reason="forged"), 403)


def _done(what: str) -> Response:
    return onward(f"{PATH}?done={what}")


def _totp_form(visit: Visit, new: NewTotp, *, label: str = "", error: str = "") -> Response:
    view = AddTotp(
        **common(visit), hidden=(("id", new.id),), secret=new.secret, uri=new.uri, label=label[:60], error=error
    )
    return html(visit, view, 422 if error else 200)


async def _passkey_form(visit: Visit, session: Session, *, label: str = "", error: str = "") -> Response:
    id, options = await visit.gate.enrol.start_passkey(session, int(visit.request.now))
    view = AddPasskey(**common(visit), hidden=(("id", id),), options=options, label=label[:60], error=error)
    return html(visit, view, 422 if error else 200)


async def _overview(visit: Visit, session: Session, *, notice: str = "", failed: Failed | None = None) -> Response:
    gate, now = visit.gate, int(visit.request.now)
    owned = await gate.enrol.credentials(session)
    latest = max(session.events, key=lambda event: event.auth_time, default=None)
    max_age = gate.app.stepup.max_age
    fresh = latest is not None and now - latest.auth_time <= max_age
    view = Account(
        **common(visit),
        subject=name_of(session.subject),
        of_app=gate.applogin is not None,
        password_changed_at=owned.password.changed_at if owned.password else None,
        totps=tuple(Device(each.id, each.label, each.created_at, each.last_used_at) for each in owned.totps),
        passkeys=tuple(
            Device(each.id, each.label, each.created_at, each.last_used_at)
            for each in owned.passkeys
            if each.rp_id == gate.site.rp_id
        ),
        recovery_codes=len(owned.recovery_codes),
        places=tuple(
            Place(each.ref, describe(each.agent), each.address, each.last_seen, each.ref == session.ref)
            for each in await gate.sessions.of(session.subject, now)
        ),
        proof=Proof(latest.verifier, latest.auth_time, latest.auth_time + max_age) if latest and fresh else None,
        notice=notice if notice in ("password", "totp", "passkey", "removed", "revoked", "ended") else "",
        error=failed.fault if failed else "",
        wait=failed.wait if failed else 0,
    )
    return html(visit, view, 200 if failed is None else 429 if failed.wait else 422)
