"""Who does not exist cannot be told from who mistyped."""

from __future__ import annotations

from functools import partial

from argon2 import extract_parameters

from gateway.verifiers.argon2id import ARGON2, NOBODY, hashed, verified
from tests.support.cost import cost


def test_who_does_not_exist_takes_as_long_as_who_mistyped() -> None:
    stored = hashed("right")
    assert verified(None, "wrong") is verified(stored, "wrong") is None
    nobody, somebody = (cost(partial(verified, who, "wrong")) for who in (None, stored))
    assert 0.5 < nobody / somebody < 2


def test_the_hash_of_nobody_is_made_like_all_others() -> None:
    assert extract_parameters(NOBODY) == extract_parameters(hashed("x"))
    assert not ARGON2.check_needs_rehash(NOBODY)
    assert len(NOBODY) == len(hashed("x"))


def test_no_stored_hash_makes_the_hash_of_nobody_good_for_signing_in() -> None:
    assert verified(NOBODY, "anything") is None
    assert verified("", "anything") is None
    assert verified("no hash at all", "anything") is None
