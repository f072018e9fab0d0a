"""Passwords are hashed in what requests leave of a core, and are hashed all the same."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest

from gateway.errors import Busy
from gateway.processes import CODE
from gateway.verifiers.apart import NICENESS
from gateway.verifiers.hasher import PATIENCE, Hasher
from tests.support.cost import cost

T = TypeVar("T")


def test_a_full_queue_says_busy_at_once_and_takes_the_next_when_there_is_room() -> None:
    async def story() -> None:
        hasher = Hasher(waiting=2)
        answers = await asyncio.gather(*(hasher.verify(None, "guess") for _ in range(5)), return_exceptions=True)
        assert [type(each) for each in answers] == [type(None)] * 3 + [Busy] * 2
        assert await hasher.verify(None, "guess") is None

    asyncio.run(story())


def test_who_stops_waiting_leaves_the_queue() -> None:
    async def story() -> None:
        hasher = Hasher(waiting=1)
        for _ in range(5):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.001):
                    await hasher.verify(None, "guess")
        assert await hasher.verify(None, "guess") is None

    asyncio.run(story())


def test_the_process_apart_takes_what_nobody_else_wants_and_does_not_end_with_its_group() -> None:
    async def story() -> None:
        hasher = Hasher()
        await asyncio.gather(*(hasher.verify(None, "guess") for _ in range(3)))
        (process,) = apart(hasher)
        assert os.sched_getscheduler(process) == os.SCHED_IDLE
        for ignored in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            os.kill(process, ignored)
        assert await hasher.verify(None, "guess") is None
        assert apart(hasher) == [process]

    asyncio.run(story())


@pytest.mark.parametrize("threads", [1, 2])
def test_everybody_gets_their_own_answer_whoever_else_leaves_meanwhile(threads: int) -> None:
    async def story() -> None:
        hasher = Hasher(threads)
        stored = {name: await hasher.hash(name) for name in ("alice", "bob")}
        await asyncio.gather(*(hasher.verify(None, "guess") for _ in range(threads)))
        for process in apart(hasher):
            os.kill(process, signal.SIGSTOP)
        for _ in range(threads):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await hasher.verify(stored["alice"], "alice")
        tries = [(who, typed) for who in stored for typed in stored] * 3
        checking = [asyncio.ensure_future(hasher.verify(stored[who], typed)) for who, typed in tries]
        await asyncio.sleep(0.05)
        for process in apart(hasher):
            os.kill(process, signal.SIGCONT)
        assert await asyncio.gather(*checking) == [stored[who] if who == typed else None for who, typed in tries]

    asyncio.run(story())


@pytest.mark.parametrize("noise", ["print()", "print('[1, null]')", "print('[0, \"x\"]')", "print('x' * 100_000)"])
def test_what_else_the_process_may_print_is_nobodys_answer(monkeypatch: pytest.MonkeyPatch, noise: str) -> None:
    monkeypatch.setattr("gateway.processes.CODE", f"{noise}; {CODE}")

    async def story() -> None:
        hasher = Hasher()
        stored = await hasher.hash("right")
        assert stored.startswith("$argon2id$")
        for _ in range(3):
            assert await hasher.verify(stored, "right") == stored
            assert await hasher.verify(stored, "wrong") is None

    asyncio.run(story())


def test_it_ends_with_whoever_began_it() -> None:
    begin = "import os; from gateway.verifiers.apart import Process; process = Process()"
    code = f"{begin}; print(process.pid, flush=True); os.kill(os.getpid(), 9)"
    said = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=False).stdout
    until = time.monotonic() + 10
    while Path(f"/proc/{int(said)}").exists() and state(int(said)) != "Z":
        assert time.monotonic() < until
        time.sleep(0.01)


def test_it_ends_when_nobody_has_asked_it_for_a_while_and_begins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.verifiers.hasher.REST", 0.1)

    async def story() -> None:
        hasher = Hasher()
        for _ in range(2):
            await hasher.verify(None, "guess")
            (process,) = apart(hasher)
            async with asyncio.timeout(10):
                while Path(f"/proc/{process}").exists():
                    await asyncio.sleep(0.01)
            assert apart(hasher) == []

    asyncio.run(story())


@pytest.mark.parametrize("killed", ["before", "meanwhile"])
def test_a_password_is_checked_all_the_same_if_the_process_dies(killed: str) -> None:
    async def story() -> None:
        hasher = Hasher()
        stored = await hasher.hash("right")
        (process,) = apart(hasher)
        os.kill(process, signal.SIGKILL if killed == "before" else signal.SIGSTOP)
        checking = asyncio.ensure_future(hasher.verify(stored, "right"))
        await asyncio.sleep(0.05)
        if killed == "meanwhile":
            os.kill(process, signal.SIGKILL)
        assert await checking == stored
        assert await hasher.verify(stored, "wrong") is None
        assert apart(hasher) != [process]

    asyncio.run(story())


def test_a_process_that_does_not_move_keeps_nobody_waiting_and_is_not_asked_before_it_moves() -> None:
    async def story() -> None:
        hasher = Hasher()
        stored = await hasher.hash("right")
        (process,) = apart(hasher)
        os.kill(process, signal.SIGSTOP)
        began = time.monotonic()
        for _ in range(3):
            assert await hasher.verify(stored, "right") == stored
        assert PATIENCE < time.monotonic() - began < 2 * PATIENCE
        (insisting,) = (each for each in threading.enumerate() if each in hasher._insisting._threads)
        assert niceness(insisting) == max(NICENESS, niceness(threading.current_thread()))
        os.kill(process, signal.SIGCONT)

    asyncio.run(story())


def test_a_loop_that_never_rests_lends_its_core() -> None:
    async def beside_work() -> bool:
        """Whether no thread had to insist."""
        hasher = Hasher()
        await hasher.verify(None, "guess")
        hashing = asyncio.ensure_future(hasher.verify(None, "guess"))
        while not hashing.done():
            until = time.thread_time() + 0.001
            while time.thread_time() < until:
                pass
            await asyncio.sleep(0)
        return not hasher._insisting._threads

    assert any(on_one_core(beside_work) for _ in range(5))


def test_a_password_is_checked_all_the_same_if_something_else_wants_the_whole_core() -> None:
    async def seconds() -> float:
        hasher = Hasher()
        await hasher.verify(None, "guess")
        core = ",".join(map(str, os.sched_getaffinity(0)))
        with subprocess.Popen(["taskset", "-c", core, sys.executable, "-c", "while True: pass"]) as greedy:
            try:
                await asyncio.sleep(0.2)
                began = time.monotonic()
                await hasher.verify(None, "guess")
                return time.monotonic() - began
            finally:
                greedy.kill()

    assert on_one_core(seconds) < PATIENCE + 3  # alone, what takes only what is left needs ten seconds


def test_waiting_for_a_password_costs_an_idle_loop_little() -> None:
    hasher = Hasher()

    def one() -> None:
        asyncio.run(hasher.verify(None, "guess"))

    one()
    assert cost(one, enough=0.02) < 0.02


def on_one_core(story: Callable[[], Awaitable[T]]) -> T:
    """In a thread that keeps to one core, as do all that it starts."""

    def run() -> T:
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

        async def told() -> T:
            return await story()

        return asyncio.run(told())

    with ThreadPoolExecutor(1) as apart:
        return apart.submit(run).result()


def apart(hasher: Hasher) -> list[int]:
    """The processes that there are."""
    return [each._process.pid for each in hasher._apart if each._process is not None]


def state(process: int) -> str:
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]


def niceness(thread: threading.Thread) -> int:
    assert thread.native_id is not None
    return os.getpriority(os.PRIO_PROCESS, thread.native_id)
