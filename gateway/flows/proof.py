"""Checking one answer of one person: throttle, verifier, and the one-time proof used up, in that order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from gateway.directory.base import Directory
from gateway.errors import Busy
from gateway.flows.throttle import Throttle
from gateway.policy.credentials import Credentials, app_of, name_of, of_app
from gateway.policy.facts import AuthEvent, Reason
from gateway.verifiers.base import Rehash, Site, SpendCounter, SpendRecoveryCode, Unsettled, Verified, Verifier


@dataclass(frozen=True, slots=True)
class Proved:
    """A right answer that nobody gave before."""

    event: AuthEvent
    credential: str


@dataclass(frozen=True, slots=True)
class NotProved:
    """WRONG, or THROTTLED with the seconds to wait, or what kept an app from saying whether it was right."""

    reason: Reason
    wait: int = 0


MANY = 1024
"""People whose credentials are remembered for as long as nothing changes in the directory."""


class Prover:
    """Sign-in and confirm ask here, so that they share one throttle and one way of using things up."""

    def __init__(self, directory: Directory, verifiers: Mapping[str, Verifier], throttle: Throttle) -> None:
        self.verifiers = verifiers
        self.throttle = throttle
        self._directory = directory
        self._known: dict[str, Credentials] = {}  # as they were in the directory when it was at `_version`
        self._version: object = None

    async def credentials(self, subject: str) -> Credentials:
        """What this person has; nothing at all for someone unknown or disabled (law 9)."""
        look = self._directory.version
        if look is None:
            return await self._read(subject)
        version = look()
        if version != self._version or len(self._known) >= MANY:
            self._known, self._version = {}, version
        found = self._known.get(subject)
        if found is None:
            found = await self._read(subject)
            if version == self._version and found != Credentials(subject):  # anybody can ask for whom there is not
                self._known[subject] = found
        return found

    async def _read(self, subject: str) -> Credentials:
        person = await self._directory.people.get(subject)
        if person is None or person.disabled:
            return Credentials(subject, disabled=person is not None)
        return await self._directory.credentials.of(subject)

    def usable(self, credentials: Credentials, site: Site, since: int | None) -> frozenset[str]:
        """The verifiers this person could answer."""
        return frozenset([name for name, each in self.verifiers.items() if each.usable(credentials, site, since)])

    async def check(
        self,
        way: str,
        credentials: Credentials,
        answer: Mapping[str, str],
        site: Site,
        *,
        address: str,
        since: int | None,
        now: int,
        secret: bytes = b"",
    ) -> Proved | NotProved:
        """`way` names a verifier of ours; `credentials.subject` is throttled whether or not there is such a person."""
        named = _named(credentials.subject, answer)
        wait = await self.throttle.take(credentials.subject, address, now, named=named)
        if wait:
            return NotProved(Reason.THROTTLED, wait)
        try:
            verified = await self.verifiers[way].check(
                credentials, answer, site, secret=secret, since=since, now=now, address=address
            )
        except Busy:
            await self.throttle.no_guess(credentials.subject, address, named=named)
            raise
        if isinstance(verified, Unsettled):
            if not verified.guessed:
                await self.throttle.no_guess(credentials.subject, address, named=named)
            return NotProved(verified.reason)
        if verified is None or not await self._spend(credentials, verified, now):
            return NotProved(Reason.WRONG)
        await self.throttle.no_guess(credentials.subject, address, named=named)
        return Proved(verified.event, verified.credential)

    async def _spend(self, credentials: Credentials, verified: Verified, now: int) -> bool:
        subject, store = credentials.subject, self._directory.credentials
        match verified.spend:
            case SpendCounter(id, counter):
                return await store.advance(subject, id, counter, now)
            case SpendRecoveryCode(hash):
                return await store.use_recovery_code(subject, hash)
            case Rehash(old, new) if credentials.password is not None:
                await store.set_password(subject, replace(credentials.password, hash=new), expected=old)
        return True


def _named(subject: str, answer: Mapping[str, str]) -> str:
    """Who else is named in an answer: people of an app of their own may go by another name there."""
    app, name = app_of(subject), answer.get("username", "")
    return of_app(app, name) if app and name not in ("", name_of(subject)) else ""
