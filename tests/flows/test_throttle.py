"""Guessing is slow (law 10): by name, by address, and not at all after ten wrong answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config.secrets import Keyring
from gateway.flows.signin import canonical
from gateway.flows.throttle import TOO_MANY, Throttle
from gateway.stores.base import State

NOW = 1_800_000_000
HERE, THERE = "192.0.2.1", "198.51.100.7"
KEYRING = Keyring([b"k" * 32])


async def test_five_tries_are_free_and_each_one_more_waits_twice_as_long(state: State) -> None:
    throttle, now = Throttle(state.throttle, KEYRING), NOW
    assert [await throttle.take("alice", HERE, now) for _ in range(5)] == [0] * 5
    waits = []
    for _ in range(8):
        wait = await throttle.take("alice", HERE, now)
        waits.append(wait)
        assert await throttle.take("alice", HERE, now + wait - 1) == 1
        now += wait
        assert await throttle.take("alice", HERE, now) == 0
    assert waits == [30, 60, 120, 240, 480, 900, 900, 900]


async def test_another_address_is_no_way_around_and_another_name_neither(state: State) -> None:
    throttle = Throttle(state.throttle, KEYRING)
    for _ in range(5):
        await throttle.take("alice", HERE, NOW)
    assert await throttle.take("alice", THERE, NOW) == 30
    assert await throttle.take("bob", HERE, NOW) == 0
    for number in range(40):
        await throttle.take(f"name{number}", THERE, NOW)
    assert await throttle.take("carol", THERE, NOW) == 30


async def test_two_processes_share_one_count(state: State) -> None:
    one, other = Throttle(state.throttle, KEYRING), Throttle(state.throttle, KEYRING)
    assert [await each.take("alice", HERE, NOW) for each in (one, other) * 3] == [0] * 5 + [30]


async def test_a_right_password_is_no_guess_but_forgives_no_wrong_code(state: State) -> None:
    throttle = Throttle(state.throttle, KEYRING)
    tries = 0
    for _ in range(20):
        if await throttle.take("alice", HERE, NOW):
            break
        await throttle.no_guess("alice", HERE)  # the password
        if await throttle.take("alice", HERE, NOW):
            break
        tries += 1  # a code
    assert tries == 5


async def test_success_starts_the_count_anew(state: State) -> None:
    throttle = Throttle(state.throttle, KEYRING)
    for _ in range(5):
        await throttle.take("alice", HERE, NOW)
        await throttle.wrong("ref", NOW)
    await throttle.right("alice", "ref")
    assert [await throttle.take("alice", HERE, NOW) for _ in range(6)] == [0] * 5 + [30]
    assert not await throttle.wrong("ref", NOW)


async def test_the_tenth_wrong_answer_in_a_row_is_one_too_many(state: State) -> None:
    throttle = Throttle(state.throttle, KEYRING)
    assert [await throttle.wrong("ref", NOW + n) for n in range(TOO_MANY)] == [False] * 9 + [True]
    assert not await throttle.wrong("other", NOW)


async def test_an_odd_clock_makes_nobody_wait_longer_than_the_longest(state: State) -> None:
    throttle = Throttle(state.throttle, KEYRING)
    for _ in range(5):
        await throttle.take("alice", HERE, NOW)
    assert await throttle.take("alice", HERE, NOW - 100_000) <= 900


def test_every_spelling_of_a_name_is_one_name() -> None:
    spellings = ["alice", "ALICE", " Alice\t", "ａｌｉｃｅ", "AliCe\u00a0"]
    assert {canonical(name) for name in spellings} == {"alice"}
    assert canonical("straße") == canonical("STRASSE") and len(canonical("a" * 1000)) == 64


@pytest.mark.parametrize(
    ("one", "other", "wait"),
    [
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", 30),  # one customer's network
        ("2001:db8:0:1::1", "2001:db8:0:2::1", 0),
        ("192.0.2.1", "::ffff:192.0.2.1", 30),
        ("192.0.2.1", "192.0.2.2", 0),
        ("", "", 30),
    ],
)
async def test_addresses_that_one_customer_may_use_count_as_one(state: State, one: str, other: str, wait: int) -> None:
    throttle = Throttle(state.throttle, KEYRING)
    for number in range(30):
        await throttle.take(f"name{number}", one, NOW)
    await throttle.take("one more", one, NOW)
    assert await throttle.take("victim", other, NOW) == wait


async def test_what_was_typed_as_a_name_is_not_in_the_store(state: State, tmp_path: Path) -> None:
    await Throttle(state.throttle, KEYRING).take("my secret password", HERE, NOW)
    written = b"".join(file.read_bytes() for file in tmp_path.glob("state.db*"))
    assert b"subject:" in written and b"my secret password" not in written


@pytest.mark.parametrize("again", [0, 1, 29, 30, 299])
async def test_a_value_is_used_for_the_first_time_once_in_its_lifetime(state: State, again: int) -> None:
    throttle = Throttle(state.throttle, KEYRING)
    assert await throttle.first_use("challenge", NOW, 300)
    assert not await throttle.first_use("challenge", NOW + again, 300)
    assert await throttle.first_use("another", NOW + again, 300)
