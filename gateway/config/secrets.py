"""The secret and what is made of it: one list, one derived key for each use.

As in itsdangerous the secret is a list that rotates: the first entry signs and seals, all of them verify and open, and
a purpose salts each use, so that a value made for one can never pass for another (NIST SP 800-108, RFC 5869).
"""

from __future__ import annotations

import hashlib
import hmac
import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

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
        self._ciphers: dict[str, list[AESGCM]] = {}

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

    def digests(self, purpose: str, *parts: bytes) -> list[str]:
        """That of each secret, as long as any of them may have made it."""
        return [_mac(key, parts) for key in self.keys(purpose)]

    def matches(self, purpose: str, digest: str, *parts: bytes) -> bool:
        """Whether `digest` is that of the parts under any of the secrets, in constant time."""
        found = [hmac.compare_digest(_mac(key, parts).encode(), digest.encode()) for key in self.keys(purpose)]
        return any(found)

    def seal(self, purpose: str, plaintext: bytes, bound_to: bytes) -> bytes:
        """AES-256-GCM: opens only with the same purpose and the same `bound_to`."""
        nonce = os.urandom(NONCE)
        return nonce + self._sealing(purpose)[0].encrypt(nonce, plaintext, bound_to)

    def open(self, purpose: str, sealed: bytes, bound_to: bytes) -> bytes | None:
        """The plaintext, or None if it was not sealed by us for exactly this."""
        for cipher in self._sealing(purpose):
            try:
                return cipher.decrypt(sealed[:NONCE], sealed[NONCE:], bound_to)
            except (InvalidTag, ValueError):
                continue
        return None

    def _sealing(self, purpose: str) -> list[AESGCM]:
        if purpose not in self._ciphers:
            self._ciphers[purpose] = [AESGCM(key) for key in self.keys(purpose)]
        return self._ciphers[purpose]


def _mac(key: bytes, parts: tuple[bytes, ...]) -> str:
    mac = hmac.new(key, digestmod=hashlib.sha256)
    for part in parts:
        mac.update(len(part).to_bytes(8) + part)
    return mac.hexdigest()


class Secret(NamedTuple):
    """`file` is where it was read, None if it came from the environment."""

    value: bytes
    file: Path | None


def read_secret(source: str, folder: Path, env: Mapping[str, str], *, shortest: int = SHORTEST) -> Secret:
    """What "env:NAME" or "file:PATH" holds, without white space around it; at least `shortest` bytes.

    Raises ValueError saying what to do; its text never repeats `source` where that may be the secret itself.
    """
    kind, colon, where = source.partition(":")
    if not colon or kind not in ("env", "file") or not where:
        raise ValueError(
            "is not where a secret is kept, and a secret itself has no place in this file; "
            'write "file:gateway.secret" or "env:GATEWAY_SECRET"'
        )
    if kind == "env":
        if where not in env:
            raise ValueError(f"names the environment variable {where}, which is not set")
        value = env[where].encode(errors="surrogateescape")
        return Secret(_long_enough(value, shortest, "openssl rand -base64 48"), None)
    path = Path(folder, where).absolute()
    try:
        value = path.read_bytes()
    except FileNotFoundError:
        raise ValueError(f"names a file that is not there; make it: {_recipe(path)}") from None
    except OSError as error:
        raise ValueError(f"names a file that cannot be read: {error.strerror}") from None
    return Secret(_long_enough(value, shortest, _recipe(path)), path)


def _long_enough(value: bytes, shortest: int, recipe: str) -> bytes:
    value = value.strip()
    if not value and shortest == 1:
        raise ValueError("names what is empty; put the address there")
    if len(value) < shortest:
        raise ValueError(f"holds {len(value)} bytes, and a secret needs at least {SHORTEST}; make one: {recipe}")
    return value


def _recipe(path: Path) -> str:
    return f"(umask 077; openssl rand -base64 48 > {shlex.quote(str(path))})"
