"""The one seam that every call to Redis or Valkey passes through.

The rules of this file:

- A call has one deadline for all of it: waiting for a connection, connecting, asking, asking again. Once a server did
  not answer, others fail at once instead of waiting behind each other; one of them tries again every second.
- A call is repeated at most once, and only if nothing was done, or doing it again does nothing more. One that was sent
  over a connection that broke may still be done later: what it would bring back must not be sent twice.
- What must not be forgotten is `durable`: the same connection waits until so many replicas have it, for Redis tells its
  client before it tells them. Too few is an error, and whoever asked must not go on (law 1).
- What fails below, and an answer that makes no sense, becomes a StoreError here and nowhere else.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from typing import NamedTuple, TypeVar

from redis.exceptions import (
    AskError,
    ClusterDownError,
    MasterDownError,
    MovedError,
    NoScriptError,
    ReadOnlyError,
    ResponseError,
    TryAgainError,
)

from gateway.config.redis_urls import RedisAddress
from gateway.errors import StoreError
from gateway.stores.redis_circuit import Circuit
from gateway.stores.redis_node import BROKEN, Broken, Command, Dialer, Node, NotSent, Reply, Wire, reply
from gateway.stores.redis_topology import Cluster, Place, Sentinels, Single, Topology
from gateway.stores.redis_values import Script, encoded
from gateway.timing import Timed, taken, untimed

REPLICAS_WITHIN = 1.0
"""Seconds that replicas have to confirm, at most."""

READING = frozenset({"GET", "HGET", "HMGET", "HKEYS", "ZRANGE"})

BATCH = 500
SLOTS = 1 << 14
ELSEWHERE = (ReadOnlyError, ClusterDownError, MasterDownError, TryAgainError)

Argument = str | bytes | int
T = TypeVar("T")


class How(NamedTuple):
    """`repeat`: doing it twice does nothing more. `durable`: it counts when replicas have it; where they are known to
    be too few it is not tried, unless `anyway`: rather done here alone, and an error, than not done."""

    repeat: bool = False
    durable: bool = False
    anyway: bool = False


ONCE = How()
REPEAT = How(repeat=True)
DURABLE = How(durable=True)
ANYWAY = How(durable=True, anyway=True)


class Redis:
    """Made without a connection: the first call makes one. `complain` is told what the operator should know."""

    def __init__(self, address: RedisAddress, complain: Callable[[str], None], timed: Timed = untimed) -> None:
        self.address = address
        self._dialer = Dialer(address)
        self._complain = complain
        self._timed = timed
        self._policy_seen = False
        self._circuits: dict[tuple[Place | None, str], Circuit] = {}
        self._closed = False
        if address.kind == "sentinel":
            self._where: Topology = Sentinels(address, self._node, self._dialer)
        elif address.kind == "cluster":
            self._where = Cluster(address, self._node, self._dialer)
        else:
            self._where = Single(address, self._node)

    def key(self, kind: str, name: str) -> bytes:
        """A key, in the slot of its name."""
        return f"{self.address.prefix}{kind}:{{".encode() + encoded(name) + b"}"

    async def run(self, key: bytes, *command: Argument, how: How = ONCE) -> Reply:
        """The reply to one command, about one key. Raises StoreError."""
        call = "read" if command[0] in READING else "write"
        return await taken(self._call(key, command, how), call, self._timed)

    async def eval(self, script: Script, keys: Sequence[bytes], *args: Argument, how: How = ONCE) -> Reply:
        """What a script returns. `keys` are of one slot. Raises StoreError."""
        work = self._call(keys[0], ("EVALSHA", script.sha, len(keys), *keys, *args), how, script)
        return await taken(work, "write", self._timed)

    async def scan(self, kind: str, command: Callable[[bytes], Command]) -> AsyncIterator[tuple[bytes, Reply]]:
        """Each key of a kind there is on any master, and the reply to a command about it. Some may come twice."""
        pattern = f"{self.address.prefix}{kind}:*"
        for master in await self._bounded(self._where.masters):
            cursor: Reply = b"0"
            while True:
                ((cursor, keys),) = await self._asked(master, [("SCAN", cursor, "MATCH", pattern, "COUNT", BATCH)])
                if keys:
                    for key, told in zip(keys, await self._asked(master, [*map(command, keys)]), strict=True):
                        yield key, told
                if cursor == b"0":
                    break

    async def masters(self, kind: str) -> list[bytes]:
        """A key of a kind for each master there is, that lives on it."""
        left = set(await self._bounded(self._where.masters))
        keys = []
        for number in range(SLOTS):
            key = self.key(kind, f"{number}")
            node = await self._bounded(partial(self._where.node, key))
            if node in left:
                left.remove(node)
                keys.append(key)
            if not left:
                break
        return keys

    async def subscribed(self, channel: bytes) -> tuple[Wire, Node]:
        """A connection of its own that hears a channel; the caller disconnects it. Raises StoreError."""
        return await self._bounded(lambda: self._subscribed(channel))

    async def is_master(self, node: Node) -> bool:
        """Whether that server is still one of the masters."""
        return node in await self._bounded(self._where.masters)

    async def close(self) -> None:
        """After this every call fails."""
        self._closed = True
        await self._where.close()

    async def _call(self, key: bytes, command: Command, how: How, script: Script | None = None) -> Reply:
        clock = asyncio.get_running_loop().time
        began = clock()
        answering, following = self._circuit(key, "answers"), self._circuit(key, "follows")
        answering.enter(began)
        wait = self._wait(how, following, began)
        try:
            async with asyncio.timeout(self.address.timeout):
                told = await self._tried(key, command, how, wait, script)
        except TimeoutError:
            error = StoreError(f"Redis did not answer within {self.address.timeout:g} s")
            self._where.suspect()
            answering.failed(error, began, clock())
            raise error from None
        except NotSent as error:
            answering.failed(error, began, clock())
            raise
        answering.worked(clock())
        for each in told:
            if isinstance(each, ResponseError):
                raise StoreError(f"Redis refuses: {self._dialer.said(each)}")
        if wait:
            self._followed(told[1], following, began, clock())
        return told[0]

    def _circuit(self, key: bytes, what: str) -> Circuit:
        if self._closed:
            raise StoreError("the store is closed")
        name = self._where.place(key), what
        if name not in self._circuits:
            self._circuits[name] = Circuit()
        return self._circuits[name]

    def _wait(self, how: How, following: Circuit, now: float) -> list[Command]:
        """What is sent behind the command. While replicas are known to be too few, nobody waits for them: who did
        would keep a connection from those who only read."""
        if not how.durable or not self.address.replicas:
            return []
        if how.anyway and following.open(now):
            return [("WAIT", self.address.replicas, 1)]
        following.enter(now)
        return [("WAIT", self.address.replicas, int(min(REPLICAS_WITHIN, self.address.timeout / 2) * 1000))]

    def _followed(self, count: int, following: Circuit, began: float, now: float) -> None:
        if count >= self.address.replicas:
            following.worked(now)
            return
        self._where.suspect()
        error = StoreError(f"only {count} of {self.address.replicas} replicas have what must not be forgotten")
        following.failed(error, began, now)
        raise error

    async def _tried(
        self, key: bytes, command: Command, how: How, wait: list[Command], script: Script | None
    ) -> list[Reply]:
        """Asked once, or twice: where another server is pointed to, or asking again does no harm."""
        node, asking = await self._where.node(key), False
        for last in (False, True):
            try:
                told = await _sent(node, command, asking, wait, script)
            except (NotSent, Broken) as error:
                self._where.suspect()
                if last or (isinstance(error, Broken) and not how.repeat):
                    raise
                node = await self._where.node(key)
                continue
            if isinstance(told[0], AskError):
                if not (asking := not isinstance(told[0], MovedError)):
                    self._where.suspect()
                node = self._where.at(told[0].host or node.host, told[0].port)
            elif _elsewhere(told[0]):
                self._where.suspect()
                await node.drop()
                node = await self._where.node(key)
            else:
                return told
        return told

    async def _asked(self, node: Node, commands: list[Command]) -> list[Reply]:
        told = await self._bounded(lambda: node.run(commands))
        for each in told:
            if isinstance(each, ResponseError):
                raise StoreError(f"Redis refuses: {self._dialer.said(each)}")
        return told

    async def _bounded(self, work: Callable[[], Awaitable[T]]) -> T:
        if self._closed:
            raise StoreError("the store is closed")
        try:
            async with asyncio.timeout(self.address.timeout):
                return await work()
        except TimeoutError:
            raise StoreError(f"Redis did not answer within {self.address.timeout:g} s") from None

    async def _subscribed(self, channel: bytes) -> tuple[Wire, Node]:
        node = (await self._where.masters())[0]
        wire = await node.dial()
        try:
            await wire.send_packed_command(wire.pack_commands([("SUBSCRIBE", channel)]), check_health=False)
            if isinstance(refused := await reply(wire), ResponseError):
                raise StoreError(f"Redis at {node} gives no messages: {self._dialer.said(refused)}")
        except BROKEN as error:
            await wire.disconnect(nowait=True)
            raise Broken(f"Redis at {node} broke off: {self._dialer.said(error)}") from error
        except BaseException:
            await wire.disconnect(nowait=True)
            raise
        return wire, node

    def _node(self, host: str, port: int) -> Node:
        return Node(host, port, self._dialer, self.address.connections, self._greet)

    async def _greet(self, node: Node, wire: Wire) -> None:
        await wire.send_packed_command(wire.pack_commands([("ROLE",)]), check_health=False)
        role = await wire.read_response()
        if not isinstance(role, list) or role[:1] != [b"master"]:
            raise NotSent(f"Redis at {node} is no master")
        if self._policy_seen:
            return
        self._policy_seen = True
        await wire.send_packed_command(wire.pack_commands([("INFO", "memory")]), check_health=False)
        told = await reply(wire)
        lines = told.decode(errors="replace").splitlines() if isinstance(told, bytes) else []
        for line in lines:
            name, _, policy = line.partition(":")
            if name == "maxmemory_policy" and policy != "noeviction":
                self._complain(
                    f"Redis at {node} has maxmemory-policy {policy}: when it is full it forgets sessions and counts "
                    "of wrong guesses; set it to noeviction"
                )


async def _sent(node: Node, command: Command, asking: bool, wait: list[Command], script: Script | None) -> list[Reply]:
    before: list[Command] = [("ASKING",)] if asking else []
    whole = command if script is None else ("EVAL", script.text, *command[2:])
    if script is not None and script in node.known:
        told = (await node.run([*before, command, *wait]))[len(before) :]
        if not isinstance(told[0], NoScriptError):
            return told
    told = (await node.run([*before, whole, *wait]))[len(before) :]
    if script is not None and not isinstance(told[0], ResponseError):
        node.known.add(script)
    return told


def _elsewhere(told: Reply) -> bool:
    """A master that is one no more. Before Redis 7, what a script was told stands inside of what the script says."""
    return isinstance(told, ELSEWHERE) or (isinstance(told, ResponseError) and "-READONLY" in str(told))
