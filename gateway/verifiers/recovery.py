"""A sheet of codes, each good once, that stand in for a lost authenticator.

Twenty characters of Crockford's base32, 100 random bits: it has no I, L, O or U, and reads what people make of 1 and 0.
A hash is enough to keep them, since nobody can guess them; it is keyed all the same.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable

from gateway.config.secrets import Keyring
from gateway.policy.credentials import RecoveryCode

CODES = 10
GROUPS = 4
GROUP = 5
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

PURPOSE = "recovery code"
CODE = re.compile(f"[{ALPHABET}]{{{GROUPS * GROUP}}}")
MISREAD = str.maketrans("ILO", "110")


def new_codes(keyring: Keyring, subject: str, now: int) -> tuple[tuple[str, ...], tuple[RecoveryCode, ...]]:
    """The codes, to be shown once ("7Q2MX-…"), and what to store of each, in the same order."""
    plain = tuple("-".join(_group() for _ in range(GROUPS)) for _ in range(CODES))
    return plain, tuple(RecoveryCode(hash_code(keyring, subject, code), now) for code in plain)


def hash_code(keyring: Keyring, subject: str, code: str) -> str:
    """Hex. The same for any spacing, dashes and case; nobody else's. Raises ValueError if it is no such code."""
    canonical = _canonical(code)
    if canonical is None:
        raise ValueError("not a recovery code")
    return keyring.digest(PURPOSE, subject.encode(), canonical)


def find(keyring: Keyring, subject: str, code: str, codes: Iterable[RecoveryCode]) -> RecoveryCode | None:
    """The one of `codes` that `code` is, hashed under any secret of ours."""
    canonical = _canonical(code)
    if canonical is None:
        return None
    found = [each for each in codes if keyring.matches(PURPOSE, each.hash, subject.encode(), canonical)]
    return found[0] if found else None


def _canonical(code: str) -> bytes | None:
    typed = re.sub(r"[\s\-‐‑–—]", "", code).upper().translate(MISREAD)
    return typed.encode() if CODE.fullmatch(typed) else None


def _group() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(GROUP))
