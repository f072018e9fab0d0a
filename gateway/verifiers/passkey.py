"""Passkeys: WebAuthn with user verification, so that one touch is possession and PIN or body at once.

The library is loaded when the first passkey is made or used; asking for one needs none of it, and sign-in pages always
ask.
"""

from __future__ import annotations

import json
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from functools import cache
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, cast

from gateway.config.secrets import Keyring
from gateway.policy.credentials import Credentials, Passkey, name_of
from gateway.policy.facts import AuthEvent
from gateway.verifiers.base import Site, SpendCounter, Started, Verified, enrolled_before

if TYPE_CHECKING:
    from webauthn.helpers.structs import AuthenticationCredential

    from gateway.verifiers.ceremony import Used

LONGEST = 32 << 10
"""Characters of JSON; a certificate chain fits."""

TIMEOUT = 60_000
"""Milliseconds that a browser should wait for the person."""

CHALLENGE = 64
"""Random bytes."""

PURPOSE = "passkey user handle"


class PasskeyVerifier:
    """Asks for "passkey": `PublicKeyCredential.toJSON()` as text."""

    name = "passkey"

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def usable(self, credentials: Credentials, site: Site, since: int | None) -> bool:
        """Whether there is one of this very host."""
        return bool(_usable(credentials, site, since))

    def start(self, credentials: Credentials, site: Site, since: int | None) -> Started:
        """Options for `navigator.credentials.get` that allow this person's own; empty if there is none."""
        mine = _usable(credentials, site, since)
        return _asking(site, secrets.token_bytes(CHALLENGE), mine) if mine else Started()

    def start_discoverable(self, site: Site, challenge: bytes = b"") -> Started:
        """The same before it is known who they are: any passkey of this host. Random without a `challenge`."""
        return _asking(site, challenge or secrets.token_bytes(CHALLENGE), [])

    def named(self, answer: Mapping[str, str]) -> str | None:
        """The id of the credential that an answer names. It proves nothing yet."""
        credential = _assertion(answer)
        return credential.id if credential else None

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
        """WebAuthn Level 3, 7.2. `secret` is that of `start`."""
        credential = _assertion(answer)
        if credential is None or not secret or not self._same_person(credential, credentials.subject):
            return None
        mine = [passkey for passkey in _usable(credentials, site, since) if passkey.id == credential.id]
        if not mine:
            return None
        passkey = mine[0]
        found: Used | None = _ceremony().used(credential, passkey, site, secret)
        if found is None:
            return None
        # What has ever been in a cloud is no hardware key any more (RFC 8176).
        kind = "swk" if passkey.backed_up or found.backed_up else "hwk"
        event = AuthEvent(self.name, now, (kind, "user"))
        return Verified(event, passkey.id, SpendCounter(passkey.id, found.sign_count))

    def start_registration(self, credentials: Credentials, site: Site) -> Started:
        """Options for `navigator.credentials.create`; a device that holds one of this person's is left out."""
        challenge = secrets.token_bytes(CHALLENGE)
        subject, known = credentials.subject, _usable(credentials, site, None)
        options = _ceremony().registration(site, challenge, self._handle(subject), name_of(subject), known)
        return Started(options, challenge)

    def register(
        self, subject: str, answer: Mapping[str, str], site: Site, *, secret: bytes, label: str, now: int
    ) -> Passkey | None:
        """The new passkey of `subject`, to be stored; None for a wrong answer (WebAuthn Level 3, 7.1)."""
        text = answer.get("passkey", "")
        if not secret or len(text) > LONGEST:
            return None
        return cast(Passkey | None, _ceremony().registered(text, site, secret, label=label, now=now))

    def _handle(self, subject: str) -> bytes:
        """An opaque name for the person: it is stored in devices and shown to whoever holds them (14.6.1)."""
        return bytes.fromhex(self._keyring.digest(PURPOSE, subject.encode()))

    def _same_person(self, credential: AuthenticationCredential, subject: str) -> bool:
        handle = credential.response.user_handle
        return not handle or self._keyring.matches(PURPOSE, handle.hex(), subject.encode())


def _usable(credentials: Credentials, site: Site, since: int | None) -> list[Passkey]:
    return [
        passkey
        for passkey in credentials.passkeys
        if passkey.rp_id == site.rp_id and enrolled_before(passkey.created_at, since)
    ]


def _asking(site: Site, challenge: bytes, allowed: list[Passkey]) -> Started:
    """PublicKeyCredentialRequestOptionsJSON (WebAuthn Level 3, 5.1.10)."""
    options = {
        "challenge": urlsafe_b64encode(challenge).rstrip(b"=").decode(),
        "timeout": TIMEOUT,
        "rpId": site.rp_id,
        "allowCredentials": [
            {"id": passkey.id, "type": "public-key", "transports": list(passkey.transports)} for passkey in allowed
        ],
        "userVerification": "required",
    }
    return Started(json.dumps(options), challenge)


def _assertion(answer: Mapping[str, str]) -> AuthenticationCredential | None:
    """The answer in parts, nothing of it verified."""
    text = answer.get("passkey", "")
    return None if len(text) > LONGEST else cast("AuthenticationCredential | None", _ceremony().assertion(text))


@cache
def _ceremony() -> Any:
    return resolve_name("gateway.verifiers.ceremony")
