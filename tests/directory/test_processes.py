"""What the directory promises holds between processes too: workers, and the command line."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Awaitable, Callable
from pathlib import Path

from gateway.directory.base import Directory
from gateway.directory.sqlite import open_directory
from gateway.policy.credentials import Password, Person, RecoveryCode, Totp
from tests.support.race import on_your_marks, race

NOW = 1_000_000
TURNS = range(25)
ADA = Person("ada", "Ada", NOW)


def in_turns(path: Path, act: Callable[[Directory, int], Awaitable[bool]]) -> list[bool]:
    """What `act` returns, turn by turn, in a process of its own."""

    async def run() -> list[bool]:
        directory = open_directory(path)
        results = []
        for turn in TURNS:
            on_your_marks()
            results.append(await act(directory, turn))
        await directory.life.close()
        return results

    return asyncio.run(run())


def use_step(path: Path) -> list[bool]:
    return in_turns(path, lambda directory, turn: directory.credentials.advance("ada", "t", turn, NOW))


async def test_a_totp_step_used_in_two_processes_works_once(directory: Directory, path: Path) -> None:
    await directory.people.add(ADA)
    await directory.credentials.add("ada", Totp("t", "Phone", b"sealed", NOW))
    assert [used.count(True) for used in race(use_step, path)] == [1 for _ in TURNS]


def use_recovery_code(path: Path) -> list[bool]:
    return in_turns(path, lambda directory, turn: directory.credentials.use_recovery_code("ada", f"{turn}"))


async def test_a_recovery_code_used_in_two_processes_works_once(directory: Directory, path: Path) -> None:
    await directory.people.add(ADA)
    await directory.credentials.replace_recovery_codes("ada", tuple(RecoveryCode(f"{n}", NOW) for n in TURNS))
    assert [used.count(True) for used in race(use_recovery_code, path)] == [1 for _ in TURNS]


def change_password(path: Path) -> list[bool]:
    me = multiprocessing.current_process().name

    async def act(directory: Directory, turn: int) -> bool:
        stored = (await directory.credentials.of("ada")).password
        on_your_marks()  # both have read the same
        new = Password(f"{me} {turn}", NOW, NOW)
        return await directory.credentials.set_password("ada", new, expected=stored.hash if stored else None)

    return in_turns(path, act)


async def test_of_two_processes_that_change_one_password_one_does(directory: Directory, path: Path) -> None:
    await directory.people.add(ADA)
    assert [changed.count(True) for changed in race(change_password, path)] == [1 for _ in TURNS]


def add(path: Path) -> list[bool]:
    return in_turns(path, lambda directory, turn: directory.people.add(Person(f"{turn}", "Ada", NOW)))


def test_of_two_processes_that_add_one_person_one_does(path: Path) -> None:
    assert [added.count(True) for added in race(add, path)] == [1 for _ in TURNS]
