"""A master is lost: another takes its place, and nothing that was done is done again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from redis.crc import key_slot

from gateway.errors import StoreError
from gateway.policy.facts import AuthEvent, Confirmation, Session
from gateway.stores.base import HoldLimits, Limit, State
from gateway.stores.redis import open_state
from tests.support.processes import free_port
from tests.support.redis_servers import SERVICE, Nodes, Server, Watched, cluster, sentinels

NOW = 1_000_000
KEEP = NOW + 1000
KEY = b"a" * 32
ADA = Session("ref-a", "notes", "ada", NOW, NOW, (AuthEvent("password", NOW, ("pwd",)),))
ASKED = Confirmation("c", "notes", "ref-a", "ada", ("r",), "POST", "/", (), "/", NOW, NOW + 100, ticket="t")


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[State]:
    state = open_state(url, complain=pytest.fail)
    try:
        yield state
    finally:
        await state.life.close()


async def answers(state: State, within: float = 30.0) -> None:
    """Return when all of it is there, with replicas."""
    async with asyncio.timeout(within):
        while True:
            try:
                for n in range(20):
                    await state.once.pop(f"nothing {n}", NOW)
                return
            except StoreError:
                await asyncio.sleep(0.1)


async def test_what_no_replica_heard_of_is_an_error_and_happens_once_all_the_same(tmp_path: Path) -> None:
    with sentinels(tmp_path, replicas=2) as watched:
        nowhere = f"127.0.0.1:{free_port()},"
        url = watched.url().replace("redis+sentinel://", f"redis+sentinel://{nowhere}")  # one sentinel is dead
        async with opened(url) as state:
            for id in ("before", "during"):
                await state.confirmations.put(replace(ASKED, id=id), b"sealed", HoldLimits())
            await state.sessions.create(KEY, ADA, keep_until=KEEP)
            await state.once.put("key", b"value", now=NOW, expires_at=KEEP)
            await answers(state)  # a replica has all of that
            assert await state.confirmations.claim("before", "t", NOW) is not None

            master, *replicas = watched.servers
            for each in replicas:
                each.pause()
            master.say("CLIENT", "KILL", "TYPE", "replica")  # nothing is under way to them either
            lost = (
                state.confirmations.claim("during", "t", NOW),
                state.sessions.revoke(ref="ref-a"),
                state.sessions.rotate(KEY, b"b" * 32, ADA, now=NOW, keep_until=KEEP),
                state.once.pop("key", NOW),
                state.confirmations.drop(id="during"),
                state.throttle.take("used:code", NOW, Limit(free=1)),
            )
            for told in await asyncio.gather(*lost, return_exceptions=True):
                assert isinstance(told, StoreError) and "0 of 1 replicas" in str(told)
            assert await state.sessions.get(KEY, NOW) is None  # on that master it is revoked: reads go on

            master.kill()
            for each in replicas:
                each.go_on()
            await answers(state)
            assert watched.master() is not master
            assert await state.confirmations.claim("before", "t", NOW) is None
            assert await state.confirmations.claim("during", "t", NOW) is not None
            assert await state.confirmations.claim("during", "t", NOW) is None
            assert await state.once.pop("key", NOW) == b"value"
            assert await state.sessions.revoke(subject="ada") == ["ref-a"]


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    with cluster(tmp_path_factory.mktemp("failover"), masters=3, replicas=1) as started:
        yield started


async def test_a_slot_that_moves_is_followed(nodes: Nodes) -> None:
    async with opened(nodes.url()) as state:
        for n in range(1, 4):
            assert (await state.throttle.take("ada", NOW, Limit(free=9))).tries == n
        slot = key_slot(b"ada")
        source = next(each for each in nodes.servers[:3] if _count(each, slot))
        target = next(each for each in nodes.servers[:3] if each is not source)
        ids = {each.port: each.say("CLUSTER", "MYID").decode() for each in (source, target)}
        target.say("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[source.port])
        source.say("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[target.port])
        assert (await state.throttle.take("ada", NOW, Limit(free=9))).tries == 4
        keys = source.say("CLUSTER", "GETKEYSINSLOT", slot, 100)
        source.say("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", *keys)
        assert (await state.throttle.take("ada", NOW, Limit(free=9))).tries == 5
        for each in (target, source):
            each.say("CLUSTER", "SETSLOT", slot, "NODE", ids[target.port])
        assert (await state.throttle.take("ada", NOW, Limit(free=9))).tries == 6
        assert (await state.throttle.take("ada", NOW, Limit(free=9))).tries == 7
        assert _count(target, slot) == 1


async def test_a_replica_takes_over_its_part_of_a_cluster(nodes: Nodes) -> None:
    async with opened(nodes.url()) as state, opened(nodes.url("&replicas=0")) as lenient:
        await lenient.life.ping()
        for n in range(30):
            await state.sessions.create(bytes([n]) * 32, replace(ADA, ref=f"{n}"), keep_until=KEEP)
        await state.life.ping()
        lost = nodes.servers[0]
        lost.kill()
        answered = 0
        for n in range(30):
            try:
                found = await state.sessions.get(bytes([n]) * 32, NOW)
                assert found is not None
                answered += 1
            except StoreError:
                pass
        assert 0 < answered < 30  # the other nodes' part
        await answers(lenient)
        for n in range(30):
            async with asyncio.timeout(10):
                while True:
                    try:
                        assert await state.sessions.get(bytes([n]) * 32, NOW) is not None
                        break
                    except StoreError:
                        await asyncio.sleep(0.1)
        await state.life.ping()
        told = await asyncio.gather(*(state.sessions.revoke(ref=f"{n}") for n in range(30)), return_exceptions=True)
        refused = [each for each in told if isinstance(each, StoreError) and "0 of 1 replicas" in str(each)]
        assert 0 < len(refused) <= 30 - answered  # that part has no replica now
        assert [each for n, each in enumerate(told) if each != [f"{n}"]] == refused


def _count(server: Server, slot: int) -> int:
    return int(server.say("CLUSTER", "COUNTKEYSINSLOT", slot))


async def test_a_minority_of_sentinels_is_not_believed(redis_sentinels: Watched) -> None:
    url = redis_sentinels.url()
    async with opened(url) as state:
        for each in redis_sentinels.sentinels[1:]:
            each.pause()
        try:
            with pytest.raises(StoreError, match="most sentinels do not answer"):
                await state.life.ping()
        finally:
            for each in redis_sentinels.sentinels[1:]:
                each.go_on()
        await answers(state)


async def test_sentinels_that_do_not_know_the_service_say_so(redis_sentinels: Watched) -> None:
    async with opened(redis_sentinels.url().replace(SERVICE, "another")) as state:
        with pytest.raises(StoreError, match="No such master with that name"):
            await state.life.ping()


async def test_a_part_of_a_cluster_that_stands_still_slows_nobody_else_down(redis_cluster: Nodes) -> None:
    for each in redis_cluster.servers:
        each.say("CONFIG", "SET", "cluster-require-full-coverage", "no")
    async with opened(redis_cluster.url("&replicas=0")) as state:
        for n in range(30):
            await state.throttle.take(f"{n}", NOW, Limit())
        redis_cluster.servers[0].pause()
        try:
            told = await asyncio.gather(
                *(state.throttle.take(f"{n}", NOW, Limit()) for n in range(30)), return_exceptions=True
            )
            ours = [n for n, each in enumerate(told) if not isinstance(each, BaseException)]
            assert 0 < len(ours) < 30
            (lost, *_) = set(range(30)) - set(ours)
            nagging = asyncio.ensure_future(nag(state, f"{lost}"))
            waits = []
            until = asyncio.get_running_loop().time() + 3
            while (began := asyncio.get_running_loop().time()) < until:
                for n in ours:
                    await state.throttle.take(f"{n}", NOW, Limit(free=9999))
                waits.append((asyncio.get_running_loop().time() - began) / len(ours))
            nagging.cancel()
            assert sorted(waits)[len(waits) * 9 // 10] < 0.1
        finally:
            redis_cluster.servers[0].go_on()
        await answers(state)


async def nag(state: State, key: str) -> None:
    """Ask for what does not answer, again and again."""
    while True:
        with suppress(StoreError):
            await state.throttle.take(key, NOW, Limit(free=9999))
        await asyncio.sleep(0.02)
