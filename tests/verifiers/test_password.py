"""Passwords are slow to guess, and slow nothing else down."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from argon2 import PasswordHasher

from gateway.errors import Busy
from gateway.policy.credentials import Credentials, Password
from gateway.policy.facts import AuthEvent
from gateway.verifiers.base import Rehash, Site, Verified
from gateway.verifiers.password import LONGEST, PasswordVerifier

SITE = Site("notes.example.com", "Notes", "https://notes.example.com")
NOW = 1_800_000_000
RIGHT = "correct horse battery"
NOBODY = Credentials("alice")


@pytest.fixture(scope="module")
def verifier() -> PasswordVerifier:
    return PasswordVerifier()


@pytest.fixture(scope="module")
def alice(verifier: PasswordVerifier) -> Credentials:
    return having(asyncio.run(verifier.hash(RIGHT)))


def having(hash: str, created_at: int = 100) -> Credentials:
    return Credentials("alice", Password(hash, created_at, created_at))


def check(
    verifier: PasswordVerifier, who: Credentials, typed: str | None = RIGHT, since: int | None = None
) -> Verified | None:
    answer = {} if typed is None else {"password": typed}
    return asyncio.run(verifier.check(who, answer, SITE, secret=b"", since=since, now=NOW))


def test_the_right_password_is_an_auth_event_of_now(verifier: PasswordVerifier, alice: Credentials) -> None:
    assert check(verifier, alice) == Verified(AuthEvent("password", NOW, ("pwd",)), "")


@pytest.mark.parametrize("typed", ["", None, "Correct horse battery", RIGHT + " ", "x" * 5000, "\ud800", "a\0b"])
def test_anything_else_is_wrong(verifier: PasswordVerifier, alice: Credentials, typed: str | None) -> None:
    assert check(verifier, alice, typed) is None


def test_nobody_has_a_password(verifier: PasswordVerifier) -> None:
    assert check(verifier, NOBODY) is None
    assert not verifier.usable(NOBODY, SITE, None)


@pytest.mark.parametrize(("since", "counts"), [(99, False), (100, False), (101, True), (None, True)])
def test_a_first_password_set_after_the_sign_in_confirms_nothing(
    verifier: PasswordVerifier, alice: Credentials, since: int | None, counts: bool
) -> None:
    assert verifier.usable(alice, SITE, since) is counts
    assert (check(verifier, alice, since=since) is not None) is counts


@pytest.mark.parametrize("stored", ["", "plain", "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA", "$2b$12$" + "a" * 53])
def test_a_stored_hash_that_makes_no_sense_fits_nothing(verifier: PasswordVerifier, stored: str) -> None:
    assert check(verifier, having(stored)) is None


def test_the_hash_has_the_parameters_of_owasp_and_a_salt_of_its_own(verifier: PasswordVerifier) -> None:
    first, second = (asyncio.run(verifier.hash(RIGHT)) for _ in range(2))
    assert first.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert first != second


@pytest.mark.parametrize(
    ("chosen", "typed"),
    [
        ("caf\u00e9 au lait", "cafe\u0301 au lait"),  # composed, decomposed
        ("\uff50\uff41\uff53\uff53word1", "password1"),  # full width
        ("\ufb01fty fish", "fifty fish"),  # a ligature
    ],
)
def test_keyboards_may_spell_a_password_as_they_like(verifier: PasswordVerifier, chosen: str, typed: str) -> None:
    assert check(verifier, having(asyncio.run(verifier.hash(chosen))), typed)


def test_a_password_has_an_end(verifier: PasswordVerifier) -> None:
    longest = "é" * (LONGEST // 2)
    assert check(verifier, having(asyncio.run(verifier.hash(longest))), longest)
    for never in (longest + "x", "", "\ud800"):
        with pytest.raises(ValueError, match="1 to 1024 bytes"):
            asyncio.run(verifier.hash(never))


@pytest.mark.parametrize("older", [PasswordHasher(1, 8192, 1), PasswordHasher(2, 19456, 2)])
def test_an_older_hash_is_replaced_once_the_password_is_known(
    verifier: PasswordVerifier, older: PasswordHasher
) -> None:
    old = older.hash(RIGHT)
    assert check(verifier, having(old), "wrong") is None
    verified = check(verifier, having(old))
    assert verified is not None
    assert isinstance(verified.spend, Rehash)
    assert verified.spend.old == old
    assert check(verifier, having(verified.spend.new)) == Verified(AuthEvent("password", NOW, ("pwd",)), "")


def test_it_says_how_many_wait() -> None:
    async def story() -> None:
        verifier = PasswordVerifier()
        async with asyncio.TaskGroup() as tasks:
            for _ in range(3):
                tasks.create_task(verifier.hash(RIGHT))
            await asyncio.sleep(0)
            assert verifier.waiting == 3
        assert verifier.waiting == 0

    asyncio.run(story())


def test_the_event_loop_turns_while_a_password_is_hashed(verifier: PasswordVerifier, alice: Credentials) -> None:
    async def turns(work: Callable[[], Coroutine[Any, Any, object]]) -> int:
        async with asyncio.TaskGroup() as tasks:
            hashing = tasks.create_task(work())
            count = 0
            while not hashing.done():
                await asyncio.sleep(0.001)
                count += 1
        return count

    one = verifier.check(alice, {"password": RIGHT}, SITE, secret=b"", since=None, now=NOW)
    assert asyncio.run(turns(lambda: one)) >= 5


def test_as_many_threads_hash_as_the_limit_says_and_a_verifier_of_the_same_limits_is_the_same() -> None:
    async def story() -> None:
        one = PasswordVerifier()
        two = one.within(2, 1)
        assert one.within(1, 64) is one is not two
        answers = await asyncio.gather(*(two._hasher.verify(None, "guess") for _ in range(5)), return_exceptions=True)
        assert [type(each) for each in answers] == [type(None)] * 3 + [Busy] * 2
        assert sum(each._process is not None for each in two._hasher._apart) == 2

    asyncio.run(story())
