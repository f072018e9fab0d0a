"""What a ThrottleStore promises."""

from __future__ import annotations

import asyncio

import pytest

from gateway.stores.base import Limit, State, Taken, ThrottleStore

START = 1_000_000.5
LIMIT = Limit(free=3, first_wait=30, longest=100, window=3600)


@pytest.fixture
def throttle(state: State) -> ThrottleStore:
    return state.throttle


FREE = [(0, Taken(0, 1)), (0, Taken(0, 2)), (0, Taken(0, 3))]
LONG = [(30, Taken(0, 4)), (30, Taken(60, 4)), (90, Taken(0, 5)), (90, Taken(100, 5)), (190, Taken(0, 6))]


# Each row: the seconds after START at which somebody tries, and what they are told.
@pytest.mark.parametrize(
    "tries",
    [
        # three at once, then twice as long each time, up to the longest
        [*FREE, (0, Taken(30, 3)), *LONG, (190, Taken(100, 6))],
        # the last second counts, in part too
        [*FREE, (29, Taken(1, 3)), (29.9, Taken(1, 3)), (30, Taken(0, 4))],
        # a refused try makes nobody wait longer
        [*FREE, (10, Taken(20, 3)), (20, Taken(10, 3)), (30, Taken(0, 4))],
        # who waited longer than needed waits twice as long the next time all the same
        [*FREE, (500, Taken(0, 4)), (500, Taken(60, 4))],
        # forgotten after the window, which begins anew with each try
        [(0, Taken(0, 1)), (3599, Taken(0, 2)), (7198, Taken(0, 3)), (10797, Taken(0, 4)), (14397, Taken(0, 1))],
        # a clock that was set back
        [*FREE, (-5000, Taken(30, 3)), (30, Taken(0, 4))],
        [*FREE, (-5000, Taken(30, 3)), (-4990, Taken(20, 3)), (-4970, Taken(0, 4)), (-4970, Taken(60, 4))],
    ],
)
async def test_guessing_is_slow(throttle: ThrottleStore, tries: list[tuple[float, Taken]]) -> None:
    for after, told in tries:
        assert await throttle.take("ada", START + after, LIMIT) == told, f"after {after} s"


async def test_parallel_tries_cannot_share_one_count(throttle: ThrottleStore) -> None:
    told = await asyncio.gather(*(throttle.take("ada", START, LIMIT) for _ in range(12)))
    assert sorted(told) == [Taken(0, 1), Taken(0, 2), Taken(0, 3)] + [Taken(30, 3)] * 9


async def test_each_key_has_its_own_count(throttle: ThrottleStore) -> None:
    for _ in range(3):
        await throttle.take("ada", START, LIMIT)
    assert await throttle.take("ben", START, LIMIT) == Taken(0, 1)
    await throttle.forgive("ben")
    await throttle.give_back("ben")
    assert await throttle.take("ada", START, LIMIT) == Taken(30, 3)


async def test_a_key_has_one_count_whatever_the_limit(throttle: ThrottleStore) -> None:
    await throttle.take("ada", START, LIMIT)
    assert await throttle.take("ada", START, Limit(free=1, first_wait=7)) == Taken(7, 1)


async def test_a_key_that_was_tried_a_thousand_times_waits_the_longest(throttle: ThrottleStore) -> None:
    patient = Limit(free=2000)
    for _ in range(1100):
        await throttle.take("ada", START, patient)
    assert await throttle.take("ada", START, LIMIT) == Taken(100, 1100)


async def test_success_starts_anew(throttle: ThrottleStore) -> None:
    for _ in range(4):
        await throttle.take("ada", START, LIMIT)
    await throttle.forgive("ada")
    assert await throttle.take("ada", START, LIMIT) == Taken(0, 1)


async def test_tries_that_were_no_guess_never_fill_up(throttle: ThrottleStore) -> None:
    for _ in range(10):
        assert await throttle.take("shared", START, LIMIT) == Taken(0, 1)
        await throttle.give_back("shared")


async def test_what_is_given_back_neither_forgives_nor_prolongs(throttle: ThrottleStore) -> None:
    for _ in range(3):
        await throttle.take("ada", START, LIMIT)
    assert await throttle.take("ada", START + 30, LIMIT) == Taken(0, 4)
    await throttle.give_back("ada")
    assert await throttle.take("ada", START + 31, LIMIT) == Taken(0, 4)
    assert await throttle.take("ada", START + 31, LIMIT) == Taken(60, 4)


async def test_more_is_never_given_back_than_was_taken(throttle: ThrottleStore) -> None:
    await throttle.take("ada", START, LIMIT)
    for _ in range(3):
        await throttle.give_back("ada")
    for n in range(3):
        assert await throttle.take("ada", START, LIMIT) == Taken(0, n + 1)
    assert await throttle.take("ada", START, LIMIT) == Taken(30, 3)
