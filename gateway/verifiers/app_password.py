"""The password of an app that keeps its own sign-in: the app itself is asked, and nothing of it is kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from gateway.policy.credentials import Credentials, name_of
from gateway.policy.facts import AuthEvent, Reason
from gateway.policy.login import Accepted, Attempt
from gateway.verifiers.base import Site, Started, Unsettled, Verified

LONGEST = 4096
"""Characters of a name or a password that an app is asked about."""

UNANSWERED = frozenset({Reason.APP_DOWN, Reason.APP_CHANGED})
"""What says nothing about the password, unless the app has seen it."""


class SignsIn(Protocol):
    """Whoever can ask the app."""

    async def sign_in(self, name: str, password: str, *, address: str) -> Attempt:
        """What the app says to them. Raises Busy."""
        ...


class AppPassword:
    """Asks for "password", and for "username" where the name on the app may be another than it goes by there."""

    name = "password"

    def __init__(self, app: SignsIn) -> None:
        self._app = app

    def usable(self, credentials: Credentials, site: Site, since: int | None) -> bool:
        """Everybody of that app has one; when it was set, only the app knows."""
        return not credentials.disabled

    def start(self, credentials: Credentials, site: Site, since: int | None) -> Started:
        """A plain question."""
        return Started()

    async def check(
        self,
        credentials: Credentials,
        answer: Mapping[str, str],
        site: Site,
        *,
        secret: bytes,
        since: int | None,
        now: int,
        address: str = "",
    ) -> Verified | Unsettled | None:
        """The password as it was typed: how it is spelled is the app's business. Raises Busy."""
        mine = name_of(credentials.subject)
        name, password = answer.get("username") or mine, answer.get("password", "")
        if not password or len(password) > LONGEST or len(name) > LONGEST or credentials.disabled:
            return None
        attempt = await self._app.sign_in(name, password, address=address)
        if isinstance(attempt, Accepted):
            if attempt.name != mine:
                return Unsettled(Reason.OTHER_PERSON)
            return Verified(AuthEvent(self.name, now, ("pwd",)), "")
        if attempt.reason is Reason.WRONG:
            return None
        # A wrong password that an app answers in an odd way must not be a free guess (law 10)
        return Unsettled(attempt.reason, guessed=attempt.tried or attempt.reason not in UNANSWERED)
