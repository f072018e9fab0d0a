"""Argon2id as OWASP's Password Storage Cheat Sheet has it: 19 MiB, two passes, one lane.

Who serves requests imports this only if it must: `apart` has another process do it.
"""

from __future__ import annotations

import os
from base64 import b64encode

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

ARGON2 = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def hashed(password: str) -> str:
    """An Argon2 string."""
    return ARGON2.hash(password)


def verified(stored: str | None, password: str) -> str | None:
    """None if it is wrong, else the string to store from now on.

    Without a stored one it takes as long, and is wrong: who does not exist cannot be told from who mistyped.
    """
    try:
        ARGON2.verify(stored or NOBODY, password)
    except (VerificationError, InvalidHashError):
        return None
    if stored is None or not ARGON2.check_needs_rehash(stored):
        return stored
    return ARGON2.hash(password)


def _random(size: int) -> str:
    return b64encode(os.urandom(size)).decode().rstrip("=")


NOBODY = (
    f"$argon2id$v=19$m={ARGON2.memory_cost},t={ARGON2.time_cost},p={ARGON2.parallelism}"
    f"${_random(ARGON2.salt_len)}${_random(ARGON2.hash_len)}"
)
"""No password has this hash, as far as anybody can find out."""
