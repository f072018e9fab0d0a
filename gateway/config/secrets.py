"""The secret and what is made of it: one list, one derived key for each use.

As in itsdangerous the secret is a list that rotates: the first entry signs and seals, all of them verify and open, and
a purpose salts each use, so that a value made for one can never pass for another (NIST SP 800-108, RFC 5869).
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE = 12
SHORTEST = 32


class Keyring:
    """Keys by purpose, derived from secrets of at least 32 bytes each."""

    def __init__(self, secrets: Sequence[bytes]) -> None:
        if not secrets or any(len(secret) < SHORTEST for secret in secrets):
            raise ValueError(f"a secret needs at least {SHORTEST} bytes")
        self._secrets = tuple(secrets)
        self._derived: dict[str, list[bytes]] = {}

    def keys(self, purpose: str) -> list[bytes]:
        """32 bytes for each secret, the one to sign with first."""
        if purpose not in self._derived:
            self._derived[purpose] = [
                HKDF(SHA256(), 32, salt=None, info=b"stepup-gateway " + purpose.encode()).derive(secret)
                for secret in self._secrets
            ]
        return self._derived[purpose]

    def digest(self, purpose: str, *parts: bytes) -> str:
        """A keyed hash of the parts: 64 hex digits."""
        return _mac(self.keys(purpose)[0], parts)

    def matches(self, purpose: str, digest: str, *parts: bytes) -> bool:
        """Whether `digest` is that of the parts under any of the secrets, in constant time."""
        found = [hmac.compare_digest(_mac(key, parts).encode(), digest.encode()) for key in self.keys(purpose)]
        return any(found)

    def seal(self, purpose: str, plaintext: bytes, bound_to: bytes) -> bytes:
        """AES-256-GCM: opens only with the same purpose and the same `bound_to`."""
        nonce = os.urandom(NONCE)
        return nonce + AESGCM(self.keys(purpose)[0]).encrypt(nonce, plaintext, bound_to)

    def open(self, purpose: str, sealed: bytes, bound_to: bytes) -> bytes | None:
        """The plaintext, or None if it was not sealed by us for exactly this."""
        for key in self.keys(purpose):
            try:
                return AESGCM(key).decrypt(sealed[:NONCE], sealed[NONCE:], bound_to)
            except (InvalidTag, ValueError):
                continue
        return None


def _mac(key: bytes, parts: tuple[bytes, ...]) -> str:
    mac = hmac.new(key, digestmod=hashlib.sha256)
    for part in parts:
        mac.update(len(part).to_bytes(8) + part)
    return mac.hexdigest()
