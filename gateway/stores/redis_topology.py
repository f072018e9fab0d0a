"""Which server is the master of a key: the only one, the one that sentinels name, or the one that has its slot.

A sentinel behind a network partition names a master of the past. So all are asked, more than half have to answer, and
the newest word counts; and what is named is believed only when it says itself that it is a master (`redis_client`).
"""

from __future__ import annotations

import asyncio
from bisect import bisect
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Protocol

from redis.crc import key_slot

from gateway.config.redis_urls import RedisAddress
from gateway.stores.redis_node import Command, Dialer, Node, NotSent, Reply, ask

Place = tuple[str, int]
Make = Callable[[str, int], Node]

SHARE = 4
"""Part of the deadline that one sentinel or node has to say where the masters are."""


class Topology(Protocol):
    """Where things are."""

    def place(self, key: bytes) -> Place | None:
        """What fails and recovers together with that key, as far as it is known now."""
        ...

    async def node(self, key: bytes) -> Node:
        """The master of a key. Raises NotSent."""
        ...

    async def masters(self) -> list[Node]:
        """All of them. Raises NotSent."""
        ...

    def suspect(self) -> None:
        """Something is not where it was: look again before the next call."""
        ...

    def at(self, host: str, port: int) -> Node:
        """The node of that address, which another one pointed to."""
        ...

    async def close(self) -> None: ...


class Lookout:
    """One looks for the masters again; the others go on with what they know meanwhile, if they know anything."""

    def __init__(self) -> None:
        self._suspected, self._settled = 1, 0
        self._looking = asyncio.Lock()

    def suspect(self) -> None:
        self._suspected += 1

    async def settle(self, look: Callable[[], Awaitable[None]], *, known: bool) -> None:
        """Raises what `look` raises; then it is tried again."""
        if self._suspected == self._settled or (known and self._looking.locked()):
            return
        async with self._looking:
            suspected = self._suspected  # what is suspected from here on may come too late to be found
            if suspected != self._settled:
                await look()
                self._settled = suspected


class Single:
    """A Topology of one server."""

    def __init__(self, address: RedisAddress, make: Make) -> None:
        self._node = make(*address.hosts[0])

    def place(self, key: bytes) -> Place | None:
        return None

    async def node(self, key: bytes) -> Node:
        return self._node

    async def masters(self) -> list[Node]:
        return [self._node]

    def suspect(self) -> None:
        """There is nowhere else to look."""

    def at(self, host: str, port: int) -> Node:
        raise NotSent("Redis points to another server: it is a cluster; write redis+cluster://")

    async def close(self) -> None:
        await self._node.close()


class Sentinels:
    """A Topology of one master at a time, named by sentinels."""

    def __init__(self, address: RedisAddress, make: Make, dialer: Dialer) -> None:
        self._address = address
        self._make = make
        self._dialer = dialer
        self._node: Node | None = None
        self._lookout = Lookout()

    def place(self, key: bytes) -> Place | None:
        return None

    async def node(self, key: bytes) -> Node:
        await self._lookout.settle(self._find, known=self._node is not None)
        if self._node is None:
            raise NotSent("no sentinel has named a master yet")
        return self._node

    async def masters(self) -> list[Node]:
        return [await self.node(b"")]

    def suspect(self) -> None:
        self._lookout.suspect()

    def at(self, host: str, port: int) -> Node:
        raise NotSent("Redis points to another server: it is a cluster; write redis+cluster://")

    async def close(self) -> None:
        if self._node is not None:
            await self._node.close()

    async def _find(self) -> None:
        command: Command = ("SENTINEL", "MASTER", self._address.service)
        within = self._address.timeout / SHARE
        wires = [self._dialer.sentinel(*each) for each in self._address.hosts]
        told = await asyncio.gather(*(ask(wire, command, within) for wire in wires))
        named = [each for each in map(_named, told) if each is not None]
        if len(named) * 2 <= len(told):
            raise NotSent(f"most sentinels do not answer, or not for that service{_why(self._dialer, told)}")
        _epoch, host, port = max(named)
        before = self._node
        if before is None or (before.host, before.port) != (host, port):
            self._node = self._make(host, port)
            if before is not None:
                await before.close()


def _named(told: Reply) -> tuple[int, str, int] | None:
    """The epoch of the master's configuration, the later the higher, and where it is."""
    if not isinstance(told, list):
        return None
    said = dict(zip(told[::2], told[1::2], strict=False))
    try:
        return int(said[b"config-epoch"]), said[b"ip"].decode(), int(said[b"port"])
    except (KeyError, ValueError):
        return None


class Cluster:
    """A Topology of many masters, each with a part of the slots."""

    def __init__(self, address: RedisAddress, make: Make, dialer: Dialer) -> None:
        self._address = address
        self._make = make
        self._dialer = dialer
        self._nodes: dict[Place, Node] = {}
        self._starts: list[int] = []
        self._owners: list[Place] = []  # of the slots from the start of the same number on
        self._lookout = Lookout()

    def place(self, key: bytes) -> Place | None:
        return self._owner(key) if self._starts else None

    async def node(self, key: bytes) -> Node:
        await self._lookout.settle(self._learn, known=bool(self._starts))
        return self.at(*self._owner(key))

    async def masters(self) -> list[Node]:
        await self._lookout.settle(self._learn, known=bool(self._starts))
        return [self.at(*each) for each in dict.fromkeys(self._owners)]

    def suspect(self) -> None:
        self._lookout.suspect()

    def at(self, host: str, port: int) -> Node:
        if (host, port) not in self._nodes:
            self._nodes[host, port] = self._make(host, port)
        return self._nodes[host, port]

    async def close(self) -> None:
        for node in self._nodes.values():
            await node.close()

    def _owner(self, key: bytes) -> Place:
        return self._owners[max(bisect(self._starts, key_slot(key)) - 1, 0)]

    async def _learn(self) -> None:
        command: Command = ("CLUSTER", "SLOTS")
        within = self._address.timeout / SHARE
        asked = list(dict.fromkeys((*self._owners, *self._address.hosts)))
        told = await asyncio.gather(*(ask(self._dialer.data(*each), command, within) for each in asked))
        maps = Counter(_slots(each, host) for each, (host, _) in zip(told, asked, strict=True))
        del maps[()]
        if not maps:
            raise NotSent(f"no node of the cluster answers and knows its slots{_why(self._dialer, told)}")
        ((best, _),) = maps.most_common(1)
        self._starts = [start for start, _ in best]
        self._owners = [place for _, place in best]
        for place in set(self._nodes) - set(self._owners):
            await self._nodes.pop(place).close()


def _why(dialer: Dialer, told: list[Reply]) -> str:
    return next((f": {dialer.said(each)}" for each in told if isinstance(each, Exception)), "")


def _slots(told: Reply, host: str) -> tuple[tuple[int, Place], ...]:
    """Where each range of slots begins, and whose it is. A node may not know its own name: then it is `host`."""
    if not isinstance(told, list):
        return ()
    try:
        found = [(int(start), ((master[0] or b"").decode() or host, int(master[1]))) for start, _, master, *_ in told]
    except (ValueError, TypeError, IndexError, AttributeError):
        return ()
    return tuple(sorted(found))
