"""An app that keeps its own sign-in, as somebody to ask: is this their password, and whose cookies are these?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from gateway.errors import Busy, UpstreamError
from gateway.identity.conversation import Conversation, Site, Tell, silent
from gateway.identity.http import Client, Deadlines
from gateway.identity.scratch import Scratch
from gateway.identity.whoami import named
from gateway.policy.facts import Reason
from gateway.policy.headers import Field, without_own
from gateway.policy.jar import Pair
from gateway.policy.login import Accepted, Attempt, Declined, Login

AT_ONCE = 8
WAITING = 64

PASSED_ON = frozenset({b"authorization", b"user-agent", b"accept-language", b"accept-charset", b"accept-encoding"})
"""Beside cookies: what apps recognise a session by, or write a page for. Where one of these is another than before,
DokuWiki looks at the password again and sets a new cookie."""

DEADLINES = Deadlines()

Inside = Callable[[list[Pair]], Awaitable[None]]
"""Takes the cookies of a session while it lasts."""


def open_identity(login: Login, *, upstream: str, origin: str, connect: float, first_byte: float) -> AppIdentity:
    """Asks for no longer than the app may take for people, in seconds: somebody waits meanwhile."""
    usual = DEADLINES
    deadlines = Deadlines(
        connect=connect,
        answer=min(usual.answer, first_byte),
        conversation=min(usual.conversation, 2 * first_byte),
    )
    return AppIdentity(login, upstream=upstream, origin=origin, deadlines=deadlines)


class AppIdentity:
    """One app. `upstream` is where it listens, "http://127.0.0.1:9000"; `origin` how people reach it,
    "https://notes.example.com"."""

    def __init__(self, login: Login, *, upstream: str, origin: str, deadlines: Deadlines = DEADLINES) -> None:
        self._login, self._deadlines = login, deadlines
        self._site = Site(origin, upstream)
        self._client = Client(upstream, deadlines)
        self._free = AT_ONCE + WAITING
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def sign_in(
        self, name: str, password: str, *, address: str, tell: Tell = silent, inside: Inside | None = None
    ) -> Attempt:
        """What the app says to that name and password, from a browser at `address`; that session is signed out again.
        Before that `inside` may look at its cookies.

        Raises Busy.
        """
        async with self._turn():
            ends = asyncio.get_running_loop().time() + self._deadlines.conversation
            scratch = Scratch(self._login, Conversation(self._client, self._site, address, tell))
            try:
                async with asyncio.timeout_at(ends):
                    attempt = await scratch.attempt(name, password)
            except (UpstreamError, TimeoutError) as error:
                tell(f"the app failed: {error or 'all of it took too long'}")
                attempt = Declined(Reason.APP_DOWN, scratch.posted)
            if scratch.entered:
                try:
                    if inside is not None and isinstance(attempt, Accepted):
                        await inside(scratch.cookies())
                    async with asyncio.timeout_at(ends):
                        await scratch.leave()
                except (UpstreamError, TimeoutError) as error:
                    tell(f"not signed out: {error or 'all of it took too long'}")
            return attempt

    async def who(self, headers: Sequence[Field], *, address: str) -> str | None:
        """Whom the app takes the sender of these fields (names in lower case) for, by `login.whoami`; None for nobody,
        and where there is no way to ask.

        Raises UpstreamUnreachable, UpstreamBroken, UpstreamTimeout.
        """
        if self._login.whoami is None:
            return None
        cookies = [rest for name, value in headers if name == b"cookie" and (rest := without_own(value))]
        fields = [
            *self._site.fields(address),
            (b"Accept", b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
            (b"Cache-Control", b"no-cache"),
            *(field for field in headers if field[0] in PASSED_ON),
        ]
        fields += ((b"Cookie", said) for said in cookies)  # as many fields as came: joined they may be read otherwise
        target = self._login.whoami.target
        answer = await self._client.ask("GET", target, fields)
        if not answer.readable:
            others = [field for field in fields if field[0].lower() != b"accept-encoding"]
            answer = await self._client.ask("GET", target, [*others, (b"Accept-Encoding", b"gzip")])
        return named(self._login, answer)

    async def close(self) -> None:
        """Close what is open."""
        await self._client.close()

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        if not self._free:
            raise Busy("too many wait to be signed in to the app")
        self._free -= 1
        try:
            try:
                async with asyncio.timeout(self._deadlines.conversation):
                    await self._turns.acquire()
            except TimeoutError:
                raise Busy("the app takes too long to sign people in") from None
            try:
                yield
            finally:
                self._turns.release()
        finally:
            self._free += 1
