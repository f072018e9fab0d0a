"""Workers hear at once what others do to sessions, and go on without that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.config.settings import SessionLife
from gateway.flows.sessions import Sessions
from gateway.policy.facts import AuthEvent, Session
from gateway.stores.base import State
from gateway.stores.redis import open_state
from tests.support.redis_servers import Nodes, Server, server

NOW = 1_800_000_000
LIFE = SessionLife()
KEY = b"a" * 32
PASSWORD = AuthEvent("password", NOW, ("pwd",))
ADA = Session("ref-a", "notes", "ada", NOW, NOW, (PASSWORD,))
WITHIN = 10.0


class Ears:
    """What was heard so far, and what the operator was told."""

    def __init__(self) -> None:
        self.heard: list[str | None] = []
        self.told: list[str] = []

    async def hear(self, *what: str | None) -> None:
        """Return when all of that was heard, in that order, and forget it.

        On a busy machine a connection may be given up meanwhile: None says so, and stands for whatever was missed.
        """
        async with asyncio.timeout(WITHIN):
            while self.heard[: len(what)] != list(what):
                if None not in what and None in self.heard:
                    self.heard.clear()
                    return
                await asyncio.sleep(0.005)
        del self.heard[: len(what)]


@asynccontextmanager
async def listening(url: str) -> AsyncIterator[tuple[State, Ears]]:
    """From when it hears."""
    ears = Ears()
    state = open_state(url, complain=ears.told.append)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(state.life.listen(ears.heard.append))
        await ears.hear(None)
        try:
            yield state, ears
        finally:
            task.cancel()
            await state.life.close()


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[State]:
    state = open_state(url, complain=pytest.fail)
    try:
        yield state
    finally:
        await state.life.close()


async def test_a_session_that_ends_or_is_renewed_is_heard_of(redis_server: Server) -> None:
    url = redis_server.url()
    async with listening(url) as (_, ears), opened(url) as other:
        await other.sessions.create(KEY, ADA, keep_until=NOW + 1000)
        assert not await other.sessions.rotate(b"x" * 32, b"b" * 32, ADA, now=NOW, keep_until=NOW + 1000)
        assert await other.sessions.rotate(KEY, b"b" * 32, ADA, now=NOW, keep_until=NOW + 1000)
        await ears.hear("ref-a")
        await other.sessions.touch("ref-a", NOW, keep_until=NOW + 1000)
        assert await other.sessions.revoke(subject="ada") == ["ref-a"]
        assert await other.sessions.revoke(subject="ada") == []
        await ears.hear("ref-a")
        assert ears.heard == []


async def test_it_is_heard_of_on_a_cluster_whoever_has_the_session(redis_cluster: Nodes) -> None:
    url = redis_cluster.url("&replicas=0")
    async with listening(url) as (_, ears), opened(url) as other:
        for ref in (f"ref-{n}" for n in range(12)):
            # Nodes that wait for each other for half of their time-out let messages go, and tell nobody.
            async with asyncio.timeout(WITHIN):
                while ref not in ears.heard:
                    ada = Session(ref, "notes", "ada", NOW, NOW, ())
                    await other.sessions.create(ref.encode(), ada, keep_until=NOW)
                    await other.sessions.revoke(ref=ref)
                    await asyncio.sleep(0.1)


async def test_what_another_worker_ends_is_not_served_from_what_was_read_before(redis_server: Server) -> None:
    url = redis_server.url()
    async with listening(url) as (state, ears), opened(url) as other:
        here = Sessions(state, LIFE)
        token, session = await here.open("notes", "ada", (PASSWORD,), address="", agent="", now=NOW)
        second, _ = await here.open("notes", "ada", (PASSWORD,), address="", agent="", now=NOW)
        for each in (token, second):
            assert await here.recent(each, "notes", NOW + 0.0) is not None
        await Sessions(other, LIFE).end(ref=session.ref)
        assert await here.recent(token, "notes", NOW + 0.0) is not None  # not heard yet
        await ears.hear(session.ref)
        here.forget(session.ref)
        assert await here.recent(token, "notes", NOW + 0.0) is None
        await Sessions(other, LIFE).end(subject="ada")
        here.forget(None)
        assert await here.recent(second, "notes", NOW + 0.0) is None


async def test_what_is_read_while_it_ends_is_not_remembered(redis_server: Server) -> None:
    async with opened(redis_server.url()) as state:
        here = Sessions(state, LIFE)
        token, session = await here.open("notes", "ada", (PASSWORD,), address="", agent="", now=NOW)
        reading = asyncio.ensure_future(here.recent(token, "notes", NOW + 0.0))
        await asyncio.sleep(0)
        here.forget("another")
        assert await reading is not None
        await state.sessions.revoke(ref=session.ref)
        assert await here.recent(token, "notes", NOW + 0.0) is None


async def test_after_a_loss_anything_may_have_happened_and_it_hears_again(tmp_path: Path) -> None:
    with server(tmp_path) as own:
        async with listening(own.url()) as (state, ears):
            own.say("CLIENT", "KILL", "TYPE", "pubsub")
            await ears.hear(None, None)
            own.kill()
            await ears.hear(None)
            own.start()
            await ears.hear(None)
            own.pause()
            await ears.hear(None)
            own.go_on()
            await ears.hear(None)
            await state.sessions.create(KEY, ADA, keep_until=NOW + 1000)
            await state.sessions.revoke(ref="ref-a")
            await ears.hear("ref-a")


async def test_who_may_not_listen_goes_on_without(tmp_path: Path) -> None:
    with server(tmp_path) as own:
        own.say("ACL", "SETUSER", "deaf", "on", ">hush", "~*", "+@all", "resetchannels")
        told: list[str] = []
        heard: list[str | None] = []
        state = open_state(f"redis://deaf:hush@{own.place}", complain=told.append)
        listening = asyncio.ensure_future(state.life.listen(heard.append))
        await state.sessions.create(KEY, ADA, keep_until=NOW + 1000)
        assert await state.sessions.rotate(KEY, b"b" * 32, ADA, now=NOW, keep_until=NOW + 1000)
        assert await state.sessions.revoke(ref="ref-a") == ["ref-a"]
        await asyncio.sleep(1.5)
        assert not listening.done() and heard == [] and told == []
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await state.life.close()


async def test_a_server_that_hangs_up_on_who_wants_to_listen_is_asked_again() -> None:
    asked = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        while said := await reader.read(4096):
            if b"SUBSCRIBE" in said:
                asked += 1
                break
            writer.write(b"*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n" if b"ROLE" in said else b"+OK\r\n")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as rude:
        port = rude.sockets[0].getsockname()[1]
        state = open_state(f"redis://127.0.0.1:{port}", complain=lambda words: None)
        listening = asyncio.ensure_future(state.life.listen(pytest.fail))
        await until(lambda: asked >= 2)
        assert not listening.done()
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await state.life.close()


async def test_a_master_that_follows_another_one_is_noticed_though_nobody_asks_it(tmp_path: Path) -> None:
    with server(tmp_path) as own, server(tmp_path) as other:
        async with listening(own.url()) as (_, ears):
            own.say("REPLICAOF", "127.0.0.1", other.port)
            own.say("CLIENT", "KILL", "TYPE", "pubsub")
            await ears.hear(None)
            own.say("REPLICAOF", "NO", "ONE")
            await ears.hear(None)


async def test_the_operator_is_told_once_that_it_is_down_and_once_that_it_is_back(tmp_path: Path) -> None:
    with server(tmp_path) as own:
        async with listening(own.url()) as (_, ears):
            own.kill()
            await until(lambda: bool(ears.told))
            await asyncio.sleep(1.5)
            assert len(ears.told) == 1 and "cannot be relied on" in ears.told[0] and own.place in ears.told[0]
            own.start()
            await until(lambda: len(ears.told) == 2)
            assert ears.told[1] == "the state store can be relied on again"


async def test_a_master_that_lost_its_replicas_is_told_though_it_can_be_read(tmp_path: Path) -> None:
    with server(tmp_path) as own:
        async with listening(own.url("&replicas=1")) as (state, ears):
            await until(lambda: bool(ears.told))
            assert "0 of 1 replicas" in ears.told[0]
            await state.life.ping()


async def until(reached: Callable[[], bool]) -> None:
    async with asyncio.timeout(WITHIN):
        while not reached():
            await asyncio.sleep(0.01)
