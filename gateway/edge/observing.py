"""What is seen of an app's own sign-in and sign-out, in requests on their way there and in the answers.

The app gets and gives what it always did. All that is added to an answer are cookies of ours; whatever goes wrong here,
the app's answer still reaches its browser, and what is sensitive stays shut (law 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.edge.body import Body
from gateway.edge.cookies import BOUND, SESSION
from gateway.edge.failures import status_of
from gateway.edge.gate import Gate, Visit
from gateway.edge.relay import Watch
from gateway.errors import GatewayError, StoreError, UpstreamError
from gateway.flows.applogin import AppLogin, Opened
from gateway.policy.facts import Reason, Request
from gateway.policy.forms import Body as Unread
from gateway.policy.forms import in_body
from gateway.policy.headers import Field, own_cookie
from gateway.policy.jar import Change, changes
from gateway.policy.login import Typed, succeeded, typed
from gateway.policy.routes import RouteTable
from gateway.policy.text import text

LARGEST = 64 << 10
"""Bytes of a request that signs in, and of an answer that is looked into."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Too many tries: this one does not reach the app for so many seconds."""

    seconds: int


async def observed(visit: Visit, login: AppLogin, readings: frozenset[str], body: Body) -> Watch | Wait | None:
    """What to look for in the answer to this request; None: nothing."""
    request = visit.request
    match, unseen = login.signin.match(request, readings), False
    if match.routes or match.undecided:
        read = await body.whole(LARGEST)
        unseen = bool(login.signin.settle(match, request, read))
        said = typed(login.login, request, read) if unseen else None
        if said is not None:
            return await _signing_in(visit, login, said)
    if visit.session is None or not login.shows(request):
        return None
    if await _surely(login.signout, request, readings, body, LARGEST):
        return SigningOut(visit, login)
    return Unseen(visit, login) if unseen else Moving(visit, login)


async def names_somebody(request: Request, login: AppLogin, readings: frozenset[str], body: Body, most: int) -> bool:
    """Whether the app may take this request for a sign-in, or go by a token or an address with a session, as far as
    `most` bytes of it can be read. Who sends it is then not who it is carried out for."""
    return login.elsewhere(request) or await _surely(login.somebody, request, readings, body, most)


async def _surely(table: RouteTable, request: Request, readings: frozenset[str], body: Body, most: int) -> bool:
    """Whether it matches, where a body that cannot be read matches nothing: every upload would be a sign-out else."""
    match = table.match(request, readings)
    if match.routes or not match.undecided:
        return bool(match.routes)
    read = await body.whole(most)
    return not isinstance(in_body(request, read), Unread) and bool(table.settle(match, request, read))


async def _signing_in(visit: Visit, login: AppLogin, said: Typed) -> Watch | Wait | None:
    request = visit.request
    try:
        wait = await login.begin(request, said)
    except StoreError:
        return None  # nothing can be counted, so nothing is proved; the app's own door stays open
    if wait:
        visit.note("sign-in", Reason.THROTTLED)
        return Wait(wait)
    try:
        nobody = await login.nobody_yet(request)
    except UpstreamError:
        nobody = False
    return SigningIn(visit, login, said, nobody)


class Moving:
    """An app may give its session another cookie at any time; ours goes along, or ends with it."""

    peek = 0

    def __init__(self, visit: Visit, login: AppLogin) -> None:
        self.visit = visit
        self.login = login

    async def answered(self, status: int, headers: Sequence[Field], body: bytes) -> Sequence[Field]:
        changed = changes(headers, self.login.names, self.visit.request.now) if _sets(headers) else []
        return await self.moved(changed) if changed else ()

    async def moved(self, changed: Sequence[Change]) -> Sequence[Field]:
        """The cookies of ours that go with the app's new ones."""
        visit, request, session = self.visit, self.visit.request, self.visit.session
        if session is None or not self.login.shows(request):
            return ()
        if not any(self.login.binding.after(request, changed)):
            return await self.ended()
        marks = bound_marks(visit.gate, request)
        new = self.login.binding.moved(session.ref, request, marks, changed)
        return () if new.encode() == marks else [visit.gate.cookies.set(BOUND, new)]

    async def ended(self) -> Sequence[Field]:
        """Signed out of the app is signed out here."""
        visit = self.visit
        if visit.session is None:
            return ()
        try:
            await visit.gate.sessions.end(ref=visit.session.ref)
            visit.note("sign-out", Reason.SIGNED_OUT)
        except StoreError:
            visit.note("sign-out", Reason.STORE_DOWN)
        return [visit.gate.cookies.clear(SESSION), visit.gate.cookies.clear(BOUND)]


class Unseen(Moving):
    """It may be a sign-in, but nobody can tell whose: the app's cookies may be another person's afterwards."""

    async def moved(self, changed: Sequence[Change]) -> Sequence[Field]:
        if self.login.login.whoami is None:  # else it is asked, where that matters
            changed = [(name, None) for name, _ in changed]
        return await super().moved(changed)


class SigningOut(Moving):
    """It is the app's sign-out, unless the app refuses it."""

    async def answered(self, status: int, headers: Sequence[Field], body: bytes) -> Sequence[Field]:
        return await self.ended() if status < 400 else await super().answered(status, headers, body)


class SigningIn(Unseen):
    """It is the app's sign-in, and was not too much."""

    def __init__(self, visit: Visit, login: AppLogin, said: Typed, nobody: bool) -> None:
        super().__init__(visit, login)
        self.peek = LARGEST if login.login.success.reads else 0
        self._said = said
        self._nobody = nobody

    async def answered(self, status: int, headers: Sequence[Field], body: bytes) -> Sequence[Field]:
        visit, login, request = self.visit, self.login, self.visit.request
        changed = changes(headers, login.names, request.now)
        target = request.target.decode("latin-1")
        try:
            if not succeeded(login.login.success, target, status, headers, text(body)):
                visit.note("sign-in", Reason.WRONG)
                return await self.moved(changed)
            if visit.found is not None:
                await visit.gate.sessions.end(ref=visit.found.session.ref)
            cookies = tuple(field for field in headers if field[0] == b"set-cookie")
            opened = await login.succeeded(request, self._said, changed, cookies, nobody_before=self._nobody)
        except GatewayError as error:
            visit.note("sign-in", status_of(error)[1])
            return ()
        if not isinstance(opened, Opened):
            visit.note("sign-in", opened.reason)
            return ()
        told = {"subject": opened.session.subject, "session": opened.session.ref}
        visit.note("sign-in", Reason.SIGNED_IN, verifier="password", **told)
        return opened_cookies(visit, opened)


def opened_cookies(visit: Visit, opened: Opened) -> list[Field]:
    """For the browser that it was opened for."""
    cookies = visit.gate.cookies
    return [cookies.set(SESSION, opened.token.decode()), cookies.set(BOUND, opened.marks)]


def bound_marks(gate: Gate, request: Request) -> bytes:
    """What the browser brought of them."""
    return own_cookie(request.values(b"cookie"), gate.cookies.name(BOUND)) or b""


def _sets(headers: Sequence[Field]) -> bool:
    return any(name == b"set-cookie" for name, _ in headers)
