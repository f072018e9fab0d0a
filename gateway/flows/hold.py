"""The request itself, sealed while its owner confirms.

Encrypted with a key that is not in the store, and bound to its confirmation, app and subject: the body of a password
form holds two passwords (law 5).
"""

from __future__ import annotations

import json
import struct

from gateway.config.secrets import Keyring
from gateway.errors import StoreError
from gateway.policy.facts import Confirmation, HeldRequest

PURPOSE = "held request"


def seal(keyring: Keyring, held: HeldRequest) -> bytes:
    """The whole request as bytes that only `unseal` can read."""
    head = json.dumps(
        {
            "method": held.method,
            "target": held.target.decode("latin-1"),
            "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in held.headers],
        }
    ).encode()
    return keyring.seal(
        PURPOSE, struct.pack(">I", len(head)) + head + held.body, _bound(held.id, held.app, held.subject)
    )


def unseal(keyring: Keyring, confirmation: Confirmation, sealed: bytes) -> HeldRequest:
    """The request of exactly this confirmation; raises StoreError for bytes that were not sealed for it."""
    bound = _bound(confirmation.id, confirmation.app, confirmation.subject)
    plain = keyring.open(PURPOSE, sealed, bound)
    if plain is None:
        raise StoreError("a held request does not open")
    (length,) = struct.unpack_from(">I", plain)
    head = json.loads(plain[4 : 4 + length])
    return HeldRequest(
        confirmation.id,
        confirmation.app,
        confirmation.session,
        confirmation.subject,
        head["method"],
        head["target"].encode("latin-1"),
        tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in head["headers"]),
        plain[4 + length :],
    )


def _bound(id: str, app: str, subject: str) -> bytes:
    return "\0".join((id, app, subject)).encode()
