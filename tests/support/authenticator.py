"""A device that holds passkeys, in software: it signs as a real one does, and lies where a test tells it to."""

from __future__ import annotations

import hashlib
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

PRESENT, VERIFIED, ELIGIBLE, BACKED_UP, ATTESTED = 1, 4, 8, 16, 64
"""Flags of authenticator data (WebAuthn Level 3, 6.1)."""


@dataclass
class Key:
    """One credential in the device."""

    private: ec.EllipticCurvePrivateKey
    handle: str  # base64url
    count: int = 0


@dataclass
class Authenticator:
    """`counts` is False for those that always say 0, as synced passkeys do."""

    present: bool = True
    verified: bool = True
    backed_up: bool = False
    counts: bool = True
    keys: dict[str, Key] = field(default_factory=dict)

    def create(self, options: str, origin: str, *, rp_id: str | None = None, **client: Any) -> str:
        """Answer `navigator.credentials.create`; `client` replaces members of the client data."""
        asked = json.loads(options)
        if self.keys.keys() & {each["id"] for each in asked["excludeCredentials"]}:
            raise ValueError("this device holds a passkey of that person already")
        id = secrets.token_bytes(16)
        key = self.keys[encode(id)] = Key(ec.generate_private_key(ec.SECP256R1()), asked["user"]["id"])
        attested = bytes(16) + len(id).to_bytes(2) + id + _cose(key)
        data = self._data(rp_id or asked["rp"]["id"], key, ATTESTED) + attested
        response = {
            "clientDataJSON": encode(_client_data("webauthn.create", asked, origin, client)),
            "attestationObject": encode(cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})),
            "transports": ["internal", "hybrid"],
        }
        return _credential(encode(id), response)

    def get(
        self,
        options: str,
        origin: str,
        *,
        id: str | None = None,
        rp_id: str | None = None,
        handle: str | None = None,
        **client: Any,
    ) -> str:
        """Answer `navigator.credentials.get` with the credential `id`, or the first one that is allowed."""
        asked = json.loads(options)
        allowed = [each["id"] for each in asked["allowCredentials"]] or list(self.keys)
        id = id or next(each for each in allowed if each in self.keys)
        key = self.keys[id]
        key.count += self.counts
        data, client_data = self._data(rp_id or asked["rpId"], key), _client_data("webauthn.get", asked, origin, client)
        signature = key.private.sign(data + hashlib.sha256(client_data).digest(), ec.ECDSA(SHA256()))
        response = {
            "clientDataJSON": encode(client_data),
            "authenticatorData": encode(data),
            "signature": encode(signature),
            "userHandle": key.handle if handle is None else handle,
        }
        return _credential(id, response)

    def _data(self, rp_id: str, key: Key, flags: int = 0) -> bytes:
        flags |= PRESENT * self.present | VERIFIED * self.verified | (ELIGIBLE | BACKED_UP) * self.backed_up
        return hashlib.sha256(rp_id.encode()).digest() + bytes([flags]) + key.count.to_bytes(4)


def encode(value: bytes) -> str:
    """base64url without padding."""
    return urlsafe_b64encode(value).rstrip(b"=").decode()


def decode(value: str) -> bytes:
    return urlsafe_b64decode(value + "==")


def _cose(key: Key) -> bytes:
    """An ES256 public key (RFC 9053, 7.1.1)."""
    numbers = key.private.public_key().public_numbers()
    return cbor2.dumps({1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32)})


def _client_data(type: str, asked: dict[str, Any], origin: str, client: dict[str, Any]) -> bytes:
    honest = {"type": type, "challenge": asked["challenge"], "origin": origin, "crossOrigin": False}
    return json.dumps(honest | client).encode()


def _credential(id: str, response: dict[str, Any]) -> str:
    return json.dumps(
        {
            "id": id,
            "rawId": id,
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": response,
        }
    )
