"""Signing in with the local directory: a password and, for those who have one, an authenticator code; or a passkey."""

from __future__ import annotations

import json
import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from gateway.config.secrets import Keyring
from gateway.directory.base import Directory
from gateway.flows.proof import NotProved, Proved, Prover
from gateway.policy.facts import AuthEvent, Reason
from gateway.stores.base import State
from gateway.verifiers.base import Site, Verifier
from gateway.verifiers.passkey import PasskeyVerifier

HALFWAY = 300
"""Seconds between the password and the code."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who, and by what."""

    subject: str
    events: tuple[AuthEvent, ...]

    @property
    def verifiers(self) -> str:
        """For the audit log."""
        return " ".join(event.verifier for event in self.events)


@dataclass(frozen=True, slots=True)
class CodeNeeded:
    """The password was right; `half` names this sign-in for its second half, in this browser only."""

    half: str


Outcome = SignedIn | CodeNeeded | NotProved


def canonical(name: str) -> str:
    """The subject that a typed name means: one throttle for all its spellings."""
    return unicodedata.normalize("NFKC", name).strip().casefold()[:64]


class SignIn:
    """`browser` is the secret value of the cookie that ties the halves of a sign-in to one browser."""

    def __init__(
        self, *, state: State, directory: Directory, prover: Prover, passkey: PasskeyVerifier, keyring: Keyring
    ) -> None:
        self._state = state
        self._directory = directory
        self._prover = prover
        self._passkey = passkey
        self._keyring = keyring

    async def password(
        self, site: Site, name: str, fields: Mapping[str, str], *, browser: str, address: str, now: int
    ) -> Outcome:
        """First half. An unknown name and a disabled person look and take time exactly like a wrong password."""
        subject = canonical(name)
        credentials = await self._prover.credentials(subject)
        outcome = await self._prover.check("password", credentials, fields, site, address=address, since=None, now=now)
        if isinstance(outcome, NotProved):
            return outcome
        if not self._totp.usable(credentials, site, None):
            return await self._signed_in(subject, outcome.event)
        half = secrets.token_urlsafe(24)
        kept = json.dumps({"subject": subject, "event": asdict(outcome.event)}).encode()
        await self._state.once.put(self._half_key(browser, half), kept, now=now, expires_at=now + HALFWAY)
        return CodeNeeded(half)

    async def code(
        self, site: Site, half: str, fields: Mapping[str, str], *, browser: str, address: str, now: int
    ) -> SignedIn | NotProved | None:
        """Second half; None when the first is gone: too old, or of another browser."""
        key = self._half_key(browser, half)
        kept = await self._state.once.pop(key, now)
        if kept is None:
            return None
        first = json.loads(kept)
        credentials = await self._prover.credentials(first["subject"])
        outcome = await self._prover.check("totp", credentials, fields, site, address=address, since=None, now=now)
        event = AuthEvent(first["event"]["verifier"], first["event"]["auth_time"], tuple(first["event"]["amr"]))
        if isinstance(outcome, NotProved):
            left = event.auth_time + HALFWAY
            await self._state.once.put(key, kept, now=now, expires_at=left)
            return outcome
        return await self._signed_in(credentials.subject, event, outcome.event)

    def passkey_options(self, site: Site, challenge: bytes) -> str:
        """JSON for the browser; any passkey of this host will do."""
        return self._passkey.start_discoverable(site, challenge).options

    def passkey_challenge(self, browser: str, now: int) -> bytes:
        """64 bytes that prove themselves: a page that anyone can open must not fill a store."""
        nonce, expires = secrets.token_bytes(28), (now + HALFWAY).to_bytes(4)
        return nonce + expires + self._mac(browser, nonce + expires)

    async def passkey(
        self, site: Site, fields: Mapping[str, str], challenge: bytes, *, browser: str, address: str, now: int
    ) -> SignedIn | NotProved:
        """With a passkey alone: user verification makes it two factors. `challenge` is what the browser was given."""
        head, mac = challenge[:32], challenge[32:]
        ours = len(challenge) == 64 and secrets.compare_digest(mac, self._mac(browser, head))
        if not ours or int.from_bytes(head[28:]) < now:
            return NotProved(Reason.WRONG)
        if not await self._prover.throttle.first_use(head.hex(), now, HALFWAY * 2):
            return NotProved(Reason.WRONG)
        id = self._passkey.named(fields)
        subject = await self._directory.credentials.owner(id) if id else None
        credentials = await self._prover.credentials(subject or "")
        outcome = await self._prover.check(
            "passkey", credentials, fields, site, address=address, since=None, now=now, secret=challenge
        )
        return await self._signed_in(credentials.subject, outcome.event) if isinstance(outcome, Proved) else outcome

    async def _signed_in(self, subject: str, *events: AuthEvent) -> SignedIn:
        await self._prover.throttle.right(subject)
        return SignedIn(subject, events)

    @property
    def _totp(self) -> Verifier:
        return self._prover.verifiers["totp"]

    def _half_key(self, browser: str, half: str) -> str:
        return "signin:" + self._keyring.digest("sign-in", browser.encode(), half.encode())

    def _mac(self, browser: str, head: bytes) -> bytes:
        return bytes.fromhex(self._keyring.digest("passkey sign-in", browser.encode(), head))
