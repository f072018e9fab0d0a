"""What the stores promise holds between processes too: workers, and the command line."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import pytest

from gateway.policy.facts import AuthEvent, Confirmation, Session
from gateway.stores import redis, sqlite
from gateway.stores.base import HoldLimits, Limit, State
from tests.support.race import on_your_marks, race

NOW = 1_000_000
TURNS = range(60)
ADA = Session("ref-a", "notes", "ada", NOW, NOW, (AuthEvent("password", NOW, ("pwd",)),))

T = TypeVar("T")


def key(name: object) -> bytes:
    return sha256(f"{name}".encode()).digest()


@pytest.fixture(params=["sqlite", "redis"])
def place(request: pytest.FixtureRequest, path: Path) -> str:
    """Where the state is, for any process."""
    return str(path) if request.param == "sqlite" else str(request.getfixturevalue("redis_server").url())


@pytest.fixture
def state(runner: asyncio.Runner, place: str) -> Iterator[State]:
    found = opened(place)
    yield found
    runner.run(found.life.close())


def opened(place: str) -> State:
    return redis.open_state(place, complain=print) if place.startswith("redis:") else sqlite.open_state(place)


def in_turns(place: str, act: Callable[[State, int], Awaitable[T]]) -> list[T]:
    """What `act` returns, turn by turn, in a process of its own."""

    async def run() -> list[T]:
        state = opened(place)
        results = []
        for turn in TURNS:
            on_your_marks()
            results.append(await act(state, turn))
        await state.life.close()
        return results

    return asyncio.run(run())


def rotate(place: str) -> list[bytes | None]:
    me = multiprocessing.current_process().name

    async def act(state: State, turn: int) -> bytes | None:
        new, session = key(f"{me} {turn}"), replace(ADA, ref=f"{turn}")
        won = await state.sessions.rotate(key(turn), new, session, now=NOW, keep_until=NOW)
        return new if won else None

    return in_turns(place, act)


async def test_when_two_processes_rotate_one_session_one_wins(state: State, place: str) -> None:
    for turn in TURNS:
        await state.sessions.create(key(turn), replace(ADA, ref=f"{turn}"), keep_until=NOW)
    for turn, new in enumerate(race(rotate, place)):
        (winner,) = (each for each in new if each is not None)
        assert await state.sessions.get(winner, NOW) == replace(ADA, ref=f"{turn}")


def claim(place: str) -> list[bool]:
    async def act(state: State, turn: int) -> bool:
        return await state.confirmations.claim(f"{turn}", "t", NOW) is not None

    return in_turns(place, act)


async def test_when_two_processes_claim_one_request_one_gets_it(state: State, place: str) -> None:
    for turn in TURNS:
        asked = Confirmation(f"{turn}", "notes", "s", "ada", (), "POST", "/", (), "/", NOW, NOW + 9, ticket="t")
        await state.confirmations.put(asked, bytes(10_000), HoldLimits(per_session=len(TURNS)))
    assert [claimed.count(True) for claimed in race(claim, place)] == [1 for _ in TURNS]


def hold(place: str) -> list[bool]:
    me = multiprocessing.current_process().name

    async def act(state: State, turn: int) -> bool:
        asked = Confirmation(f"{me} {turn}", "notes", f"{turn}", "ada", (), "POST", "/", (), "/", NOW, NOW + 9)
        return await state.confirmations.put(asked, b"sealed", HoldLimits(per_session=1))

    return in_turns(place, act)


def test_when_two_processes_fill_the_last_place_one_has_it(place: str) -> None:
    assert [kept.count(True) for kept in race(hold, place)] == [1 for _ in TURNS]


def pop(place: str) -> list[bytes | None]:
    return in_turns(place, lambda state, turn: state.once.pop(f"{turn}", NOW))


async def test_when_two_processes_read_one_value_one_gets_it(state: State, place: str) -> None:
    for turn in TURNS:
        await state.once.put(f"{turn}", b"value", now=NOW, expires_at=NOW + 9)
    assert [read.count(b"value") for read in race(pop, place)] == [1 for _ in TURNS]


def guess(place: str) -> list[int]:
    limit = Limit(free=len(TURNS))

    async def act(state: State, turn: int) -> int:
        taken = await state.throttle.take("subject:ada", NOW, limit)
        return 0 if taken.wait else taken.tries

    return in_turns(place, act)


def test_two_processes_that_guess_share_one_count(place: str) -> None:
    told = sorted(number for turn in race(guess, place) for number in turn if number)
    assert told == list(range(1, len(TURNS) + 1))


def open_new_files(path: Path) -> list[str]:
    results = []
    for turn in range(8):
        on_your_marks()
        state = sqlite.open_state(path.with_name(f"{turn}.db"))
        asyncio.run(state.life.close())
        results.append("opened")
    return results


def test_processes_that_start_together_make_one_new_file(path: Path) -> None:
    assert race(open_new_files, path, processes=4) == [("opened",) * 4] * 8


def revoke(place: str) -> None:
    async def run() -> None:
        state = opened(place)
        assert await state.sessions.revoke(subject="ada") == ["ref-a"]
        await state.life.close()

    asyncio.run(run())


async def test_a_revocation_by_another_process_is_seen_by_the_next_read(state: State, place: str) -> None:
    await state.sessions.create(key("a"), ADA, keep_until=NOW)
    assert await state.sessions.get(key("a"), NOW) == ADA
    other = multiprocessing.get_context("spawn").Process(target=revoke, args=(place,))
    other.start()
    other.join(20)
    assert other.exitcode == 0
    assert await state.sessions.get(key("a"), NOW) is None
