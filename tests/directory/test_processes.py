"""What the directory promises holds between processes too: workers, and the command line."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Awaitable, Callable

from gateway.directory.base import Directory
from gateway.policy.credentials import Passkey, Password, Person, RecoveryCode, Totp
from tests.directory.deeds import opened_at
from tests.support.race import on_your_marks, race

NOW = 1_000_000
TURNS = range(25)
ADA = Person("ada", "Ada", NOW)


def in_turns(place: str, act: Callable[[Directory, int], Awaitable[bool]]) -> list[bool]:
    """What `act` returns, turn by turn, in a process of its own."""

    async def run() -> list[bool]:
        directory = opened_at(place)
        results = []
        for turn in TURNS:
            on_your_marks()
            results.append(await act(directory, turn))
        await directory.life.close()
        return results

    return asyncio.run(run())


def use_step(place: str) -> list[bool]:
    return in_turns(place, lambda directory, turn: directory.credentials.advance("ada", "t", turn, NOW))


async def test_a_totp_step_used_in_two_processes_works_once(shared: Directory, place: str) -> None:
    await shared.people.add(ADA)
    await shared.credentials.add("ada", Totp("t", "Phone", b"sealed", NOW))
    assert [used.count(True) for used in race(use_step, place)] == [1 for _ in TURNS]


def use_recovery_code(place: str) -> list[bool]:
    return in_turns(place, lambda directory, turn: directory.credentials.use_recovery_code("ada", f"{turn}"))


async def test_a_recovery_code_used_in_two_processes_works_once(shared: Directory, place: str) -> None:
    await shared.people.add(ADA)
    await shared.credentials.replace_recovery_codes("ada", tuple(RecoveryCode(f"{n}", NOW) for n in TURNS))
    assert [used.count(True) for used in race(use_recovery_code, place)] == [1 for _ in TURNS]


def change_password(place: str) -> list[bool]:
    me = multiprocessing.current_process().name

    async def act(directory: Directory, turn: int) -> bool:
        stored = (await directory.credentials.of("ada")).password
        on_your_marks()  # both have read the same
        new = Password(f"{me} {turn}", NOW, NOW)
        return await directory.credentials.set_password("ada", new, expected=stored.hash if stored else None)

    return in_turns(place, act)


async def test_of_two_processes_that_change_one_password_one_does(shared: Directory, place: str) -> None:
    await shared.people.add(ADA)
    assert [changed.count(True) for changed in race(change_password, place)] == [1 for _ in TURNS]


def add(place: str) -> list[bool]:
    return in_turns(place, lambda directory, turn: directory.people.add(Person(f"{turn}", "Ada", NOW)))


def test_of_two_processes_that_add_one_person_one_does(place: str) -> None:
    assert [added.count(True) for added in race(add, place)] == [1 for _ in TURNS]


def add_one_id(place: str) -> list[bool]:
    """As an authenticator in one process, and as a passkey in the other."""
    a_passkey = int(multiprocessing.current_process().name.rpartition("-")[2]) % 2

    def new(id: str) -> Totp | Passkey:
        if a_passkey:
            return Passkey(id, "Key", "notes.example.com", b"key", 0, False, (), NOW)
        return Totp(id, "Phone", b"sealed", NOW)

    return in_turns(place, lambda directory, turn: directory.credentials.add("ada", new(f"{turn}")))


async def test_one_id_added_as_two_things_in_two_processes_is_one_of_them(shared: Directory, place: str) -> None:
    await shared.people.add(ADA)
    assert [added.count(True) for added in race(add_one_id, place)] == [1 for _ in TURNS]
    has = await shared.credentials.of("ada")
    assert len(has.totps) + len(has.passkeys) == len(TURNS)


def replace_codes(place: str) -> list[bool]:
    me = multiprocessing.current_process().name

    async def act(directory: Directory, turn: int) -> bool:
        new = tuple(RecoveryCode(f"{me} {turn} {number}", NOW) for number in range(3))
        await directory.credentials.replace_recovery_codes("ada", new)
        on_your_marks()  # both are done
        found = (await directory.credentials.of("ada")).recovery_codes
        on_your_marks()
        return found == new

    return in_turns(place, act)


async def test_codes_replaced_in_two_processes_are_those_of_one_of_them(shared: Directory, place: str) -> None:
    await shared.people.add(ADA)
    assert [mine.count(True) for mine in race(replace_codes, place)] == [1 for _ in TURNS]
