"""Law 12 and what lasts: bodies cost no memory, and a websocket ends with its session."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from tests.journeys.ageing import STALE, STATE, older, signed_in
from tests.journeys.conftest import ROUTES
from tests.support.processes import PEOPLE, Gateway, gateway
from tests.support.raw import Raw
from tests.support.visitor import Visitor

SIZE = 64 << 20
FLAT = 6 << 20
AT_ONCE = 16


def from_now_on(gate: Gateway) -> int:
    """The memory that the process has, in bytes: what it had once, for the first hash, no longer counts."""
    Path(f"/proc/{gate.program.pid}/clear_refs").write_text("5")
    return resident(gate)


def resident(gate: Gateway) -> int:
    """The most memory that the process had since."""
    status = Path(f"/proc/{gate.program.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) << 10


def zeros(size: int) -> Iterator[bytes]:
    for _ in range(size >> 16):
        yield bytes(1 << 16)


def warm(visitor: Visitor) -> None:
    assert visitor.fetch("POST", "/sink", content=zeros(1 << 20)).json()["size"] == 1 << 20


def test_memory_does_not_grow_with_what_is_sent(gate: Gateway, alice: Visitor) -> None:
    warm(alice)
    before = from_now_on(gate)
    assert alice.fetch("POST", "/sink", content=zeros(SIZE)).json()["size"] == SIZE
    length = {"content-length": str(SIZE)}
    assert alice.fetch("POST", "/sink", content=zeros(SIZE), headers=length).json()["size"] == SIZE
    assert resident(gate) - before < FLAT


def test_memory_does_not_grow_with_what_is_received(gate: Gateway, alice: Visitor) -> None:
    warm(alice)
    before, received = from_now_on(gate), 0
    with alice.http.stream("GET", f"/big?bytes={SIZE}") as answer:
        for piece in answer.iter_raw(1 << 20):
            received += len(piece)
    assert received == SIZE
    assert resident(gate) - before < FLAT


@pytest.mark.parametrize("size", [1 << 20, 8 << 20])
def test_memory_does_not_grow_with_many_bodies_at_once_however_large(gate: Gateway, alice: Visitor, size: int) -> None:
    warm(alice)
    cookie = b"Cookie: gateway_session=%b\r\n" % alice.http.cookies["gateway_session"].encode()
    head = b"Host: localhost:%d\r\n%bContent-Length: %%d\r\n\r\n" % (gate.port, cookie)
    up, down = (
        b"POST /sink HTTP/1.1\r\n" + head % size + bytes(size),
        b"GET /big?bytes=%d HTTP/1.1\r\n" % size + head % 0,
    )

    def both(_: int) -> None:
        with Raw(gate.port, timeout=60) as client:
            client.send(up)
            assert json.loads(client.answer().body)["size"] == size
            client.send(down)
            assert len(client.answer().body) == size

    before = from_now_on(gate)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(both, range(AT_ONCE)))
    assert resident(gate) - before < FLAT


def test_memory_does_not_grow_with_what_cannot_be_held(gate: Gateway, alice: Visitor) -> None:
    warm(alice)
    older(gate.folder)
    before = from_now_on(gate)
    assert "Nothing was sent" in alice.go("POST", "/account/email", content=zeros(SIZE)).text
    assert alice.request("POST", "/.gateway/signin", content=zeros(SIZE)).status_code == 413
    assert resident(gate) - before < FLAT


@pytest.fixture(scope="module")
def sockets() -> Iterator[str]:
    """An app that speaks websocket; its URL."""
    loop, started = asyncio.new_event_loop(), threading.Event()
    port: list[int] = []

    async def echo(socket: ServerConnection) -> None:
        async for message in socket:
            await socket.send(message)

    async def run(stop: asyncio.Event) -> None:
        async with serve(echo, "127.0.0.1", 0, close_timeout=1, max_size=None) as server:
            port.append(next(iter(server.sockets)).getsockname()[1])
            started.set()
            await stop.wait()

    stop = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(run(stop),))
    thread.start()
    started.wait(10)
    yield f"http://127.0.0.1:{port[0]}"
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)
    loop.close()


@pytest.fixture(scope="module")
def live(sockets: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(
        tmp_path_factory.mktemp("live"), ROUTES.format(upstream=sockets), people={"alice": PEOPLE["alice"]}
    ) as started:
        yield started


def opened(
    gate: Gateway, token: str, target: str = "/ws", origin: str | None = None, **options: Any
) -> ClientConnection:
    cookie = {"Cookie": f"gateway_session={token}"}
    address = f"ws://localhost:{gate.port}{target}"
    return connect(address, additional_headers=cookie, origin=Origin(origin or gate.url), **options)


def rename(folder: Path, table: str, name: str) -> None:
    with closing(sqlite3.connect(folder / STATE, timeout=10)) as db, db:
        db.execute(f"ALTER TABLE {table} RENAME TO {name}")


def refusal(gate: Gateway, token: str, target: str = "/ws", origin: str | None = None) -> int:
    with pytest.raises(InvalidStatus) as refused:
        opened(gate, token, target, origin)
    return refused.value.response.status_code


def test_a_websocket_is_opened_for_a_session_from_our_own_pages(live: Gateway) -> None:
    token = signed_in(live.folder, "alice")
    with opened(live, token, "/admin/ws") as socket:
        socket.send("hello")
        assert socket.recv(5) == "hello"
    assert refusal(live, token, origin="https://evil.test") == 403
    assert refusal(live, "A" * 43) == 401
    assert refusal(live, token, "/.gateway/account") == 404
    assert refusal(live, signed_in(live.folder, "alice", ago=STALE), "/admin/ws") == 401


def test_memory_does_not_grow_with_what_a_websocket_carries(live: Gateway) -> None:
    with opened(live, signed_in(live.folder, "alice"), max_size=None, compression=None) as socket:
        socket.send(bytes(1 << 20))
        assert len(socket.recv(10)) == 1 << 20
        before = from_now_on(live)
        socket.send(bytes(SIZE))  # one message
        assert len(socket.recv(60)) == SIZE
        assert resident(live) - before < FLAT


@pytest.mark.parametrize("how", ["revoked", "too old", "nobody knows"])
def test_a_websocket_ends_with_its_session(live: Gateway, how: str) -> None:
    with opened(live, signed_in(live.folder, "alice")) as socket:
        socket.send("hello")
        assert socket.recv(5) == "hello"
        if how == "revoked":
            assert live.cli("sessions", "revoke", "alice").returncode == 0
        elif how == "too old":
            older(live.folder, 90_000)
        else:
            rename(live.folder, "sessions", "gone")
        try:
            with pytest.raises(ConnectionClosed) as closed:
                socket.recv(5)
        finally:
            if how == "nobody knows":
                rename(live.folder, "gone", "sessions")
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 1008
