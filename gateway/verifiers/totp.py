"""Codes of an authenticator app (RFC 6238: six digits, thirty seconds, SHA-1), or a recovery code in their place."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping

import pyotp

from gateway.config.secrets import Keyring
from gateway.policy.credentials import Credentials, RecoveryCode, Totp
from gateway.policy.facts import AuthEvent
from gateway.verifiers import recovery
from gateway.verifiers.base import Site, SpendCounter, SpendRecoveryCode, Started, Verified, enrolled_before

PERIOD = 30
CODE = re.compile("[0-9]{6}")
PURPOSE = "totp"


def new_secret() -> str:
    """160 random bits in base32 (RFC 4226, section 4, R6)."""
    return pyotp.random_base32()


def uri(secret: str, subject: str, issuer: str) -> str:
    """What the QR code says: otpauth://totp/…"""
    return pyotp.TOTP(secret).provisioning_uri(name=subject, issuer_name=issuer)


def seal(keyring: Keyring, subject: str, id: str, secret: str) -> bytes:
    """The secret as it is stored: it opens for this person's credential of this id only."""
    return keyring.seal(PURPOSE, secret.encode(), _bound_to(subject, id))


def first_code(secret: str, code: str, now: int) -> int | None:
    """The time step of a right code, to be stored as used; None for a wrong one."""
    return _step(secret, _joined(code), now, after=-1)


class TotpVerifier:
    """Asks for "code"."""

    name = "totp"

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def usable(self, credentials: Credentials, site: Site, since: int | None) -> bool:
        """Whether there is an authenticator, or a code that stands in for it.

        One whose secret can no longer be opened counts: else losing a key would turn second factors off.
        """
        return bool(_totps(credentials, since) or _codes(credentials, since))

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
    ) -> Verified | None:
        """Six digits of any of this person's authenticators, or one of the recovery codes."""
        code, subject = _joined(answer.get("code", "")), credentials.subject
        event = AuthEvent(self.name, now, ("otp",))
        for totp in _totps(credentials, since):
            opened = self._keyring.open(PURPOSE, totp.sealed_secret, _bound_to(subject, totp.id))
            step = _step(opened.decode(), code, now, after=totp.last_step) if opened else None
            if step is not None:
                return Verified(event, totp.id, SpendCounter(totp.id, step))
        spare = recovery.find(self._keyring, subject, code, _codes(credentials, since))
        return Verified(event, "", SpendRecoveryCode(spare.hash)) if spare else None


def _totps(credentials: Credentials, since: int | None) -> list[Totp]:
    return [totp for totp in credentials.totps if enrolled_before(totp.created_at, since)]


def _codes(credentials: Credentials, since: int | None) -> list[RecoveryCode]:
    """Only beside an authenticator: alone they would be a second factor that runs out."""
    codes = credentials.recovery_codes if credentials.totps else ()
    return [code for code in codes if enrolled_before(code.created_at, since)]


def _step(secret: str, code: str, now: int, *, after: int) -> int | None:
    """The current step or the one before it, no other (RFC 6238, 5.2), if it is newer than `after`."""
    if not CODE.fullmatch(code):
        return None
    totp, current = pyotp.TOTP(secret, interval=PERIOD), now // PERIOD
    for step in (current, current - 1):
        if step > after and hmac.compare_digest(totp.generate_otp(step), code):
            return step
    return None


def _joined(code: str) -> str:
    """Authenticators show "123 456"."""
    return "".join(code.split())


def _bound_to(subject: str, id: str) -> bytes:
    return b"\0".join((subject.encode(), id.encode()))
