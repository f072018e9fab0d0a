"""An app that keeps its own login: its sign-in is observed, its sessions are matched with ours.

    observed   the app's own sign-in went well: a session of ours, with an auth event now
    taken over somebody the app knows already: a session of ours without any proof, so that they are asked
    bound      a session of ours counts only together with the app's session cookies it was opened for (flows.binding)

Who somebody is, only the app knows: it is asked (`whoami`), never guessed.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol
from weakref import WeakValueDictionary

from gateway.config.secrets import Keyring
from gateway.flows.binding import Binding, Standing
from gateway.flows.knowing import Asked, Knowing, remember
from gateway.flows.proof import Prover
from gateway.flows.sessions import Found, Sessions, key_of
from gateway.flows.throttle import network
from gateway.policy.credentials import name_of, of_app
from gateway.policy.facts import AuthEvent, Headers, Reason, Request, Session
from gateway.policy.jar import Change, Names, Pair, after, carried, every, in_address
from gateway.policy.login import Accepted, Attempt, Login, Typed
from gateway.policy.routes import RouteTable
from gateway.stores.base import OnceStore

TAKEN_OVER = 10.0
"""Seconds in which the calls of one page share the session that the first of them was given."""


class Identity(Asked, Protocol):
    """The app, asked (`gateway.identity`). Raises UpstreamError, and Busy."""

    async def sign_in(self, name: str, password: str, *, address: str) -> Attempt:
        """In a conversation of its own, that touches nobody's session."""
        ...


@dataclass(frozen=True, slots=True)
class Opened:
    """A new session of ours; `marks` bind it."""

    token: bytes
    session: Session
    marks: str

    @property
    def found(self) -> Found:
        """As if its cookie had come with the request."""
        return Found(self.session, key_of(self.token), True)


@dataclass(frozen=True, slots=True)
class Nobody:
    """No session can be opened. ANONYMOUS: the app knows nobody either. NOT_OBSERVED: nobody can tell who it is.
    DISABLED: the operator has shut them out."""

    reason: Reason


class AppLogin:
    """One app's. Signatures take the request, because what it carries is what it is judged by."""

    def __init__(
        self,
        app: str,
        login: Login,
        identity: Identity,
        *,
        sessions: Sessions,
        prover: Prover,
        once: OnceStore,
        keyring: Keyring,
    ) -> None:
        self.login = login
        self.names = Names(login.cookies)
        self.binding = Binding(keyring, self.names)
        self.signin = RouteTable((login.request,))
        like = replace(login.request, methods=None)  # apps may take it by any method
        tokens = (
            replace(like, name=f"token-{number}", path="/**", excepts=(), conditions=(token,))
            for number, token in enumerate(login.tokens)
        )
        self.somebody = RouteTable((like, *tokens))
        self.signout = RouteTable(() if login.logout is None else (login.logout,))
        self._app = app
        self._identity = identity
        self._sessions = sessions
        self._prover = prover
        self._once = once
        self._keyring = keyring
        self._knowing = Knowing(identity)
        self._opened: dict[bytes, tuple[float, Opened]] = {}
        self._locks: WeakValueDictionary[bytes, asyncio.Lock] = WeakValueDictionary()

    def standing(self, session: Session, request: Request, marks: bytes) -> Standing:
        """How well that session goes with these app cookies."""
        return self.binding.standing(session.ref, self.binding.shown(request.headers), marks)

    def shows(self, request: Request) -> bool:
        """Whether the app can know anybody by this request."""
        return bool(self.binding.shown(request.headers))

    def elsewhere(self, request: Request) -> bool:
        """Whether the address names an app session that is not the one in the cookies."""
        addressed = in_address(request.target, self.names)
        return bool(addressed) and not {value for _, value in addressed} <= {
            value for _, value in carried(request.headers, self.names)
        }

    async def doubt(self, session: Session, request: Request, marks: bytes) -> Reason | None:
        """Whether the app says that it is somebody else by now (OTHER_PERSON), or nobody (ANONYMOUS).

        Where it says nobody, because not every cookie is for every path, cookies are believed that it set for this very
        person.
        """
        who = await self._who(request)
        if who is None:
            return None if self.standing(session, request, marks) is Standing.OWN else Reason.ANONYMOUS
        return None if who == name_of(session.subject) else Reason.OTHER_PERSON

    async def take_over(self, request: Request, expired: Session | None, marks: bytes) -> Opened | Nobody:
        """A session without proof for somebody the app knows; `expired` is a bound one of ours that ran out."""
        if not self.shows(request):
            return Nobody(Reason.ANONYMOUS)
        who = await self._who(request)
        if who is None:
            if self.login.whoami is not None:
                return Nobody(Reason.ANONYMOUS)
            if expired is None or self.standing(expired, request, marks) is not Standing.OWN:
                return Nobody(Reason.NOT_OBSERVED)
            who = name_of(expired.subject)
        key = hashlib.sha256(repr((network(request.client), self.binding.shown(request.headers))).encode()).digest()
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            return await self._shared(key, who, request)

    async def _shared(self, key: bytes, who: str, request: Request) -> Opened | Nobody:
        """The calls that one page makes at once get one session; else each would take the cookie of the others."""
        opened_at, opened = self._opened.get(key, (0.0, None))
        if opened is not None and 0 <= request.now - opened_at < TAKEN_OVER and name_of(opened.session.subject) == who:
            found = await self._sessions.find(opened.token, self._app, int(request.now))
            if found is not None and found.alive and not found.session.superseded:
                return opened
        shown = self.binding.shown(request.headers)
        told = self.login.whoami is not None  # else they are those of the session that ran out
        own, beside = ([], shown) if told else (shown, [])
        made = await self._open(who, (), request, own, beside)
        if isinstance(made, Opened):
            made = await self._agreed(key, made, request, own, beside)
            remember(self._opened, key, (request.now, made))
        return made

    async def _agreed(
        self, key: bytes, made: Opened, request: Request, own: Sequence[Pair], beside: Sequence[Pair]
    ) -> Opened:
        """The same where calls of one page reach several workers: the session that the first of them made."""
        now, subject = int(request.now), made.session.subject
        bound = "\0".join((self._app, subject)).encode() + key
        sealed = self._keyring.seal("taken over", made.token, bound)
        name = self._keyring.digest("taken over", bound)
        kept = await self._once.agree(f"taken-over:{name}", sealed, now=now, expires_at=now + int(TAKEN_OVER))
        token = None if kept == sealed else self._keyring.open("taken over", kept, bound)
        found = None if token is None else await self._sessions.find(token, self._app, now)
        if token is None or found is None or not found.alive or found.session.superseded:
            return made
        await self._sessions.end(ref=made.session.ref)
        return Opened(token, found.session, self.binding.marks(found.session.ref, own, beside))

    async def begin(self, request: Request, said: Typed) -> int:
        """Before a sign-in goes to the app: seconds to wait; 0: go ahead, this try is counted (law 10)."""
        return await self._prover.throttle.take(of_app(self._app, said.name), request.client, request.now)

    async def nobody_yet(self, request: Request) -> bool:
        """Whether the app knows nobody by what comes with a sign-in. Else it may let them in for that alone."""
        whoami = self.login.whoami
        if whoami is None or len(request.values(b"cookie")) > 1:  # no browser sends two, and apps take one of them
            return False
        return not self.shows(request) or (whoami.before and await self._knowing.ask(request.headers, request) is None)

    async def succeeded(
        self, request: Request, said: Typed, changed: Sequence[Change], set_cookies: Headers, *, nobody_before: bool
    ) -> Opened | Nobody:
        """The app let them in: a session with proof, unless the app may have done so without looking at the password.

        It cannot have done so where it knew nobody before, names afterwards whom the password was typed for, and put a
        new cookie in place of each that came along. Else the password is proved in a conversation of our own.
        """
        subject = of_app(self._app, said.name)
        await self._prover.throttle.no_guess(subject, request.client)
        cookies = after(request.values(b"cookie"), every(set_cookies, request.now))
        who: str | None = said.name
        if self.login.whoami is not None:
            others = tuple(field for field in request.headers if field[0] != b"cookie")
            who = await self._knowing.ask((*others, (b"cookie", cookies)), request)
        own, kept = self.binding.after(request, changed)
        beside = kept if nobody_before else []
        if who is None or not (own or beside):
            return Nobody(Reason.NOT_OBSERVED)
        seen = nobody_before and bool(own) and not kept and who == said.name
        if not seen and not await self._proves(who, said, request):
            return Nobody(Reason.NOT_OBSERVED)
        await self._prover.throttle.right(subject)
        event = AuthEvent("password", int(request.now), ("pwd",))
        return await self._open(who, (event,), request, own, beside)

    async def _proves(self, who: str, said: Typed, request: Request) -> bool:
        attempt = await self._identity.sign_in(said.name, said.password, address=request.client)
        return isinstance(attempt, Accepted) and attempt.name == who

    async def _open(
        self, name: str, events: tuple[AuthEvent, ...], request: Request, own: Sequence[Pair], beside: Sequence[Pair]
    ) -> Opened | Nobody:
        subject = of_app(self._app, name)
        if (await self._prover.credentials(subject)).disabled:
            return Nobody(Reason.DISABLED)
        agent = (request.header(b"user-agent") or b"").decode("latin-1")
        token, session = await self._sessions.open(
            self._app, subject, events, address=request.client, agent=agent, now=int(request.now)
        )
        return Opened(token, session, self.binding.marks(session.ref, own, beside))

    async def _who(self, request: Request) -> str | None:
        """The app's word; None too where it cannot be asked."""
        return None if self.login.whoami is None else await self._knowing.who(request)
