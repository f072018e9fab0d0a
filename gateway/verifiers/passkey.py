"""Passkeys: WebAuthn with user verification, so that one touch is possession and PIN or body at once.

What a browser sends here is hostile until it is verified, and the parsers below raise whatever they like on it: every
exception is a wrong answer.
"""

from __future__ import annotations

from collections.abc import Mapping

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import (
    base64url_to_bytes,
    bytes_to_base64url,
    generate_challenge,
    parse_authentication_credential_json,
    parse_client_data_json,
    parse_registration_credential_json,
)
from webauthn.helpers.structs import (
    AuthenticationCredential,
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from gateway.config.secrets import Keyring
from gateway.policy.credentials import Credentials, Passkey, name_of
from gateway.policy.facts import AuthEvent
from gateway.verifiers.base import Site, SpendCounter, Started, Verified, enrolled_before

LONGEST = 32 << 10
"""Characters of JSON; a certificate chain fits."""

PURPOSE = "passkey user handle"
SELECTION = AuthenticatorSelectionCriteria(
    resident_key=ResidentKeyRequirement.PREFERRED, user_verification=UserVerificationRequirement.REQUIRED
)


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
        return _asking(site, generate_challenge(), mine) if mine else Started()

    def start_discoverable(self, site: Site, challenge: bytes = b"") -> Started:
        """The same before it is known who they are: any passkey of this host. Random without a `challenge`."""
        return _asking(site, challenge or generate_challenge(), [])

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
        try:
            verified = verify_authentication_response(
                credential=credential,
                expected_challenge=secret,
                expected_rp_id=site.rp_id,
                expected_origin=site.origin,
                credential_public_key=passkey.public_key,
                credential_current_sign_count=passkey.sign_count,
                require_user_verification=True,
            )
        except Exception:
            return None
        # What has ever been in a cloud is no hardware key any more (RFC 8176).
        kind = "swk" if passkey.backed_up or verified.credential_backed_up else "hwk"
        event = AuthEvent(self.name, now, (kind, "user"))
        return Verified(event, passkey.id, SpendCounter(passkey.id, verified.new_sign_count))

    def start_registration(self, credentials: Credentials, site: Site) -> Started:
        """Options for `navigator.credentials.create`; a device that holds one of this person's is left out."""
        challenge = generate_challenge()
        options = generate_registration_options(
            rp_id=site.rp_id,
            rp_name=site.rp_name,
            user_id=self._handle(credentials.subject),
            user_name=name_of(credentials.subject),
            challenge=challenge,
            authenticator_selection=SELECTION,
            exclude_credentials=_descriptors(_usable(credentials, site, None)),
        )
        return Started(options_to_json(options), challenge)

    def register(
        self, subject: str, answer: Mapping[str, str], site: Site, *, secret: bytes, label: str, now: int
    ) -> Passkey | None:
        """The new passkey of `subject`, to be stored; None for a wrong answer (WebAuthn Level 3, 7.1)."""
        text = answer.get("passkey", "")
        if not secret or len(text) > LONGEST:
            return None
        try:
            credential = parse_registration_credential_json(text)
            if _framed(credential.response.client_data_json):
                return None
            verified = verify_registration_response(
                credential=credential,
                expected_challenge=secret,
                expected_rp_id=site.rp_id,
                expected_origin=site.origin,
                require_user_verification=True,
            )
        except Exception:
            return None
        return Passkey(
            id=bytes_to_base64url(verified.credential_id),
            label=label,
            rp_id=site.rp_id,
            public_key=verified.credential_public_key,
            sign_count=verified.sign_count,
            backed_up=verified.credential_backed_up,
            transports=tuple(each.value for each in credential.response.transports or ()),
            created_at=now,
        )

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
    options = generate_authentication_options(
        rp_id=site.rp_id,
        challenge=challenge,
        allow_credentials=_descriptors(allowed),
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return Started(options_to_json(options), challenge)


def _descriptors(passkeys: list[Passkey]) -> list[PublicKeyCredentialDescriptor]:
    return [
        PublicKeyCredentialDescriptor(
            id=base64url_to_bytes(passkey.id),
            transports=[AuthenticatorTransport(each) for each in passkey.transports],
        )
        for passkey in passkeys
    ]


def _assertion(answer: Mapping[str, str]) -> AuthenticationCredential | None:
    """The answer in parts, nothing of it verified."""
    text = answer.get("passkey", "")
    if len(text) > LONGEST:
        return None
    try:
        credential = parse_authentication_credential_json(text)
        framed = _framed(credential.response.client_data_json)
    except Exception:
        return None
    return None if framed or bytes_to_base64url(credential.raw_id) != credential.id else credential


def _framed(client_data: bytes) -> bool:
    """Made inside another site's page; ours is never there (law 11)."""
    return bool(parse_client_data_json(client_data).cross_origin)
