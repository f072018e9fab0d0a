"""The one seam to the WebAuthn library. It brings X.509 and all that goes with it, and is loaded by the first passkey.

What a browser sends here is hostile until it is verified, and the parsers below raise whatever they like on it: every
exception is a wrong answer.
"""

from __future__ import annotations

from typing import NamedTuple

from webauthn import (
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import (
    base64url_to_bytes,
    bytes_to_base64url,
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

from gateway.policy.credentials import Passkey
from gateway.verifiers.base import Site

SELECTION = AuthenticatorSelectionCriteria(
    resident_key=ResidentKeyRequirement.PREFERRED, user_verification=UserVerificationRequirement.REQUIRED
)


class Used(NamedTuple):
    """What a device said of itself when it signed."""

    sign_count: int
    backed_up: bool


def registration(site: Site, challenge: bytes, handle: bytes, name: str, known: list[Passkey]) -> str:
    """Options for `navigator.credentials.create`; a device that holds one of the `known` is left out."""
    options = generate_registration_options(
        rp_id=site.rp_id,
        rp_name=site.rp_name,
        user_id=handle,
        user_name=name,
        challenge=challenge,
        authenticator_selection=SELECTION,
        exclude_credentials=_descriptors(known),
    )
    return options_to_json(options)


def registered(text: str, site: Site, challenge: bytes, *, label: str, now: int) -> Passkey | None:
    """The new passkey; None for a wrong answer (WebAuthn Level 3, 7.1)."""
    try:
        credential = parse_registration_credential_json(text)
        if _framed(credential.response.client_data_json):
            return None
        verified = verify_registration_response(
            credential=credential,
            expected_challenge=challenge,
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


def assertion(text: str) -> AuthenticationCredential | None:
    """The answer in parts, nothing of it verified."""
    try:
        credential = parse_authentication_credential_json(text)
        framed = _framed(credential.response.client_data_json)
    except Exception:
        return None
    return None if framed or bytes_to_base64url(credential.raw_id) != credential.id else credential


def used(credential: AuthenticationCredential, passkey: Passkey, site: Site, challenge: bytes) -> Used | None:
    """None if it was not signed with that passkey, for exactly this (WebAuthn Level 3, 7.2)."""
    try:
        verified = verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=site.rp_id,
            expected_origin=site.origin,
            credential_public_key=passkey.public_key,
            credential_current_sign_count=passkey.sign_count,
            require_user_verification=True,
        )
    except Exception:
        return None
    return Used(verified.new_sign_count, verified.credential_backed_up)


def _descriptors(passkeys: list[Passkey]) -> list[PublicKeyCredentialDescriptor]:
    return [
        PublicKeyCredentialDescriptor(
            id=base64url_to_bytes(passkey.id),
            transports=[AuthenticatorTransport(each) for each in passkey.transports],
        )
        for passkey in passkeys
    ]


def _framed(client_data: bytes) -> bool:
    """Made inside another site's page; ours is never there (law 11)."""
    return bool(parse_client_data_json(client_data).cross_origin)
