"""Whom sentinels and nodes name: the newest word counts, nonsense does not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from gateway.config.redis_urls import parse
from gateway.stores.redis_node import Dialer, Node, NotSent, Wire
from gateway.stores.redis_topology import Cluster, Lookout, Sentinels


def text(*parts: Any) -> bytes:
    """An answer as servers write it."""
    out = b"*%d\r\n" % len(parts)
    for part in parts:
        if isinstance(part, tuple):
            out += text(*part)
        elif isinstance(part, int):
            out += b":%d\r\n" % part
        else:
            out += b"$%d\r\n%b\r\n" % (len(part), part.encode())
    return out


async def serving(answers: list[bytes | None], use: Callable[[list[int]], Coroutine[Any, Any, None]]) -> None:
    """One server for each answer, which it gives to whatever it is asked but its client's name; None says nothing."""
    servers = []
    for answer in answers:

        async def serve(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: bytes | None = answer
        ) -> None:
            while said := await reader.read(4096):
                if b"SETNAME" in said:
                    writer.write(b"+OK\r\n")
                elif answer is not None:
                    writer.write(answer)
            writer.close()

        servers.append(await asyncio.start_server(serve, "127.0.0.1", 0))
    try:
        await use([server.sockets[0].getsockname()[1] for server in servers])
    finally:
        for server in servers:
            server.close()


async def greet(node: Node, wire: Wire) -> None:
    """Nobody is turned away here."""


def said(epoch: int, port: int) -> bytes:
    fields = ("name", "m", "ip", "10.0.0.1", "port", f"{port}", "flags", "master", "config-epoch", f"{epoch}")
    return text(*fields)


ERROR = b"-ERR No such master with that name\r\n"


@pytest.mark.parametrize(
    ("answers", "port"),
    [
        ([said(1, 7001)], 7001),
        ([said(1, 7001), said(1, 7001), None], 7001),
        ([said(1, 7001), said(2, 7002), said(1, 7001)], 7002),
        ([said(9, 7001), said(10, 7002)], 7002),
        ([said(1, 7001), None], None),
        ([said(1, 7001), None, None], None),
        ([said(1, 7001), ERROR, ERROR], None),
        ([ERROR], None),
        ([text("name", "m"), text(), b":1\r\n"], None),
        ([text("config-epoch", "x", "ip", "h", "port", "1")], None),
    ],
)
async def test_of_the_words_of_most_sentinels_the_newest_counts(answers: list[bytes | None], port: int | None) -> None:
    async def use(ports: list[int]) -> None:
        hosts = ",".join(f"127.0.0.1:{each}" for each in ports)
        address = parse(f"redis+sentinel://{hosts}/m?timeout=1s")
        dialer = Dialer(address)
        where = Sentinels(address, lambda host, port: Node(host, port, dialer, 1, greet), dialer)
        try:
            assert str(await where.node(b"key")) == f"10.0.0.1:{port}"
        except NotSent:
            assert port is None

    await serving(answers, use)


ONE = text((0, 8191, ("10.0.0.1", 7001, "id")), (8192, 16383, ("10.0.0.2", 7002, "id")))
OTHER = text((8192, 16383, ("10.0.0.9", 7009, "id")), (0, 8191, ("10.0.0.1", 7001, "id")))
NAMELESS = text((0, 16383, ("", 7001, "id")))


@pytest.mark.parametrize(
    ("answers", "owners"),
    [
        ([ONE], ["10.0.0.1:7001", "10.0.0.2:7002"]),
        ([OTHER, ONE, ONE], ["10.0.0.1:7001", "10.0.0.2:7002"]),
        ([OTHER, ERROR, None], ["10.0.0.1:7001", "10.0.0.9:7009"]),
        ([NAMELESS], ["127.0.0.1:7001"]),
        ([ERROR, None], None),
        ([text((0, 1)), text("x"), b":1\r\n", text()], None),
    ],
)
async def test_of_the_maps_of_a_cluster_that_of_most_nodes_counts(
    answers: list[bytes | None], owners: list[str] | None
) -> None:
    async def use(ports: list[int]) -> None:
        address = parse(f"redis+cluster://{','.join(f'127.0.0.1:{each}' for each in ports)}?timeout=1s")
        dialer = Dialer(address)
        where = Cluster(address, lambda host, port: Node(host, port, dialer, 1, greet), dialer)
        try:
            assert [str(each) for each in await where.masters()] == owners
            assert str(await where.node(b"foo")) == (owners or [])[-1]  # slot 12182
            assert str(await where.node(b"{bar}x")) == (owners or [])[0]  # slot 5061
        except NotSent:
            assert owners is None

    await serving(answers, use)


async def test_one_looks_and_the_others_go_on_with_what_is_known() -> None:
    lookout, looked, go = Lookout(), [], asyncio.Event()

    async def look() -> None:
        looked.append(1)
        await go.wait()

    first = asyncio.ensure_future(lookout.settle(look, known=True))
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await lookout.settle(look, known=True)
        lookout.suspect()  # too late for who looks now
        go.set()
        await first
        await lookout.settle(look, known=True)
        assert len(looked) == 2
        await lookout.settle(look, known=True)
        assert len(looked) == 2


async def test_a_look_that_failed_is_tried_again() -> None:
    lookout = Lookout()

    async def fail() -> None:
        raise NotSent("nobody answers")

    for _ in range(2):
        with pytest.raises(NotSent):
            await lookout.settle(fail, known=False)
