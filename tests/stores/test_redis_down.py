"""A server that does not answer, is gone, or is no master: an error in time, and no restart afterwards."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import uvloop

from gateway.errors import StoreError
from gateway.policy.facts import AuthEvent, Confirmation, Session
from gateway.stores.base import HoldLimits, Limit, State
from gateway.stores.redis import open_state
from tests.support.cutoff import Cutoff
from tests.support.processes import free_port
from tests.support.redis_servers import Server, server

NOW = 1_000_000
KEEP = NOW + 1000
KEY = b"a" * 32
ADA = Session("ref-a", "notes", "ada", NOW, NOW, (AuthEvent("password", NOW, ("pwd",)),))
ASKED = Confirmation("c", "notes", "ref-a", "ada", ("r",), "POST", "/", (), "/", NOW, NOW + 100, ticket="t")
DEADLINE = 2.0
SLOW = 2.0
"""Seconds that a busy machine may add."""


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Server]:
    """A server to be ill-treated."""
    with server(tmp_path) as started:
        yield started


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[State]:
    state = open_state(url, complain=pytest.fail)
    try:
        yield state
    finally:
        await state.life.close()


async def seconds(work: Awaitable[object]) -> float:
    """Until it failed."""
    began = time.monotonic()
    with pytest.raises(StoreError):
        await work
    return time.monotonic() - began


async def answers(state: State, within: float = 10.0) -> None:
    """Return when it is ready."""
    async with asyncio.timeout(within):
        while True:
            try:
                return await state.life.ping()
            except StoreError:
                await asyncio.sleep(0.05)


USES: list[Callable[[State], Awaitable[object]]] = [
    lambda state: state.life.ping(),
    lambda state: state.sessions.create(b"b" * 32, replace(ADA, ref="ref-b"), keep_until=KEEP),
    lambda state: state.sessions.get(KEY, NOW),
    lambda state: state.sessions.rotate(KEY, b"b" * 32, ADA, now=NOW, keep_until=KEEP),
    lambda state: state.sessions.touch("ref-a", NOW, keep_until=KEEP),
    lambda state: state.sessions.revoke(ref="ref-a"),
    lambda state: state.sessions.revoke(subject="ada"),
    lambda state: state.sessions.find(),
    lambda state: state.sessions.find(ref="ref-a"),
    lambda state: state.sessions.find(subject="ada"),
    lambda state: state.confirmations.put(ASKED, b"", HoldLimits()),
    lambda state: state.confirmations.get("c", NOW),
    lambda state: state.confirmations.update(ASKED, NOW),
    lambda state: state.confirmations.claim("c", "t", NOW),
    lambda state: state.confirmations.drop(id="c"),
    lambda state: state.confirmations.drop(session="ref-a"),
    lambda state: state.confirmations.held(NOW),
    lambda state: state.throttle.take("ada", NOW, Limit()),
    lambda state: state.throttle.give_back("ada"),
    lambda state: state.throttle.forgive("ada"),
    lambda state: state.once.put("key", b"", now=NOW, expires_at=KEEP),
    lambda state: state.once.pop("key", NOW),
]


@pytest.mark.parametrize("kind", ["redis://{}", "redis+sentinel://{}/name", "redis+cluster://{}"])
async def test_it_is_opened_without_a_server_and_whatever_needs_one_fails_at_once(kind: str) -> None:
    async with opened(kind.format(f"127.0.0.1:{free_port()}")) as state:
        for use in USES:
            assert await seconds(use(state)) < SLOW


async def test_whatever_needs_a_closed_store_is_an_error(redis_server: Server) -> None:
    async with opened(redis_server.url()) as state:
        await state.life.ping()
    for use in USES:
        assert await seconds(use(state)) < SLOW


async def test_nothing_waits_longer_for_a_server_that_stands_still_than_its_deadline(own: Server) -> None:
    async with opened(own.url("&connections=4")) as state:
        await state.sessions.create(KEY, ADA, keep_until=KEEP)
        await asyncio.gather(*(state.sessions.get(KEY, NOW) for _ in range(20)))
        own.pause()
        waits = await asyncio.gather(*(seconds(state.sessions.get(KEY, NOW)) for _ in range(20)))
        assert DEADLINE - 0.1 < min(waits) and max(waits) < DEADLINE + SLOW
        later = [await seconds(use(state)) for use in USES]
        assert sum(wait > 1 for wait in later) <= 3, later  # one probe a second
        assert max(later) < DEADLINE + SLOW
        own.go_on()
        await answers(state)
        assert await state.sessions.get(KEY, NOW) == ADA


async def test_a_server_that_stands_still_from_the_start_is_no_different(own: Server) -> None:
    own.pause()
    async with opened(own.url("&timeout=1s")) as state:
        assert await seconds(state.sessions.get(KEY, NOW)) < 1 + SLOW
        assert await seconds(state.sessions.get(KEY, NOW)) < 0.9
        own.go_on()
        await answers(state)


async def test_one_slow_call_does_not_make_a_server_that_answers_others_down(own: Server) -> None:
    async with opened(own.url("&timeout=1s&replicas=1")) as state:  # there is none: what has to be kept waits
        await asyncio.gather(state.sessions.get(KEY, NOW), state.sessions.get(KEY, NOW))
        slow = asyncio.gather(seconds(state.once.pop("key", NOW)), seconds(state.once.pop("other", NOW)))
        while not slow.done():
            assert await state.sessions.get(KEY, NOW) is None
            await asyncio.sleep(0.01)
        await slow
        assert await state.sessions.get(KEY, NOW) is None


async def test_a_server_that_was_started_again_is_used_again(own: Server) -> None:
    async with opened(own.url()) as state:
        await asyncio.gather(*(state.sessions.get(KEY, NOW) for _ in range(8)))
        own.kill()
        assert await seconds(state.sessions.get(KEY, NOW)) < SLOW
        own.start()
        await answers(state)
        await state.sessions.create(KEY, ADA, keep_until=KEEP)
        assert await state.sessions.get(KEY, NOW) == ADA


async def test_a_read_does_not_notice_that_its_connections_were_cut(own: Server) -> None:
    async with opened(own.url()) as state:
        await state.sessions.create(KEY, ADA, keep_until=KEEP)
        for _ in range(5):
            await asyncio.gather(*(state.sessions.get(KEY, NOW) for _ in range(8)))
            own.say("CLIENT", "KILL", "TYPE", "normal")
            assert await state.sessions.get(KEY, NOW) == ADA
            own.say("CLIENT", "KILL", "TYPE", "normal")
            await asyncio.sleep(0.05)  # the end of a connection that waits is seen
            assert await state.throttle.take("ada", NOW, Limit(free=99))


def test_nobody_notices_that_connections_were_reset_while_they_waited(own: Server) -> None:
    async def story() -> None:
        with Cutoff(own.port) as wire:
            async with opened(f"redis://127.0.0.1:{wire.port}") as state:
                for _ in range(3):
                    await asyncio.gather(*(state.sessions.get(KEY, NOW) for _ in range(8)))
                    wire.reset()
                    wire.whole()
                    await asyncio.sleep(0.1)  # it is seen
                    assert await state.throttle.take("ada", NOW, Limit(free=99))

    uvloop.run(story())  # as in the gateway; asyncio's own loop tells it otherwise


async def test_who_stops_waiting_leaves_no_answer_for_another(own: Server) -> None:
    async with opened(own.url("&connections=1")) as state:
        await state.sessions.create(KEY, ADA, keep_until=KEEP)
        for pause in (0.0, 0.0001, 0.0003, 0.001) * 10:
            impatient = asyncio.ensure_future(state.sessions.find(ref="nobody"))
            await asyncio.sleep(pause)
            impatient.cancel()
            assert await state.sessions.get(KEY, NOW) == ADA


async def test_a_replica_is_refused_also_when_it_was_the_master_before(own: Server, tmp_path: Path) -> None:
    with server(tmp_path) as other:
        async with opened(own.url()) as state:
            await state.sessions.create(KEY, ADA, keep_until=KEEP)
            own.say("REPLICAOF", "127.0.0.1", other.port)
            with pytest.raises(StoreError):
                await state.life.ping()
            for use in USES:
                assert await seconds(use(state)) < SLOW
            with pytest.raises(StoreError, match="no master"):
                await state.sessions.get(KEY, NOW)
            own.say("REPLICAOF", "NO", "ONE")
            await answers(state)


async def test_a_full_server_takes_nothing_new_and_goes_on_answering(own: Server) -> None:
    async with opened(own.url()) as state:
        await state.sessions.create(KEY, ADA, keep_until=KEEP)
        await state.confirmations.put(ASKED, b"sealed", HoldLimits())
        own.say("CONFIG", "SET", "maxmemory", 1)
        for use in (USES[0], USES[1], USES[3], USES[10], USES[17], USES[20]):
            with pytest.raises(StoreError, match="OutOfMemory"):
                await use(state)
        assert await state.sessions.get(KEY, NOW) == ADA
        assert await state.confirmations.claim("c", "t", NOW) == (ASKED, b"sealed")
        assert await state.sessions.revoke(subject="ada") == ["ref-a"]
        own.say("CONFIG", "SET", "maxmemory", 0)
        await state.life.ping()


async def test_scripts_that_a_server_forgot_are_sent_again(own: Server) -> None:
    async with opened(own.url()) as state:
        for tries in range(1, 4):
            own.say("SCRIPT", "FLUSH")
            assert (await state.throttle.take("ada", NOW, Limit(free=9))).tries == tries


async def test_while_replicas_are_too_few_nothing_is_lost_and_nothing_waits(own: Server) -> None:
    url = own.url()
    async with opened(url) as before:
        await before.sessions.create(KEY, ADA, keep_until=KEEP)
        await before.sessions.create(b"b" * 32, replace(ADA, ref="ref-b"), keep_until=KEEP)
        await before.confirmations.put(ASKED, b"sealed", HoldLimits())
    async with opened(f"{url}&replicas=1&connections=2") as state:
        assert 0.9 < await seconds(state.once.pop("key", NOW)) < 1 + SLOW
        began = time.monotonic()
        for _ in range(10):
            with pytest.raises(StoreError, match="0 of 1 replicas"):
                await state.confirmations.claim("c", "t", NOW)
            assert await state.sessions.get(KEY, NOW) == ADA
        with pytest.raises(StoreError, match="0 of 1 replicas"):
            await state.sessions.revoke(subject="ada")
        assert time.monotonic() - began < 8  # not eleven: one of them may have tried again
        assert await state.sessions.get(KEY, NOW) is None  # an end is an end, here at least
        assert await state.sessions.get(b"b" * 32, NOW) is None
        with server(own.folder, "--replicaof", f"127.0.0.1 {own.port}", "--repl-diskless-sync-delay", "0"):
            await durable(state)
            assert await state.once.pop("key", NOW) is None


async def durable(state: State) -> None:
    """Return when a replica is there."""
    async with asyncio.timeout(20):
        while True:
            try:
                await state.once.pop("nothing", NOW)
                return
            except StoreError:
                await asyncio.sleep(0.05)
