"""SIGTERM: what has begun is finished, nobody who got through is turned away, and then it ends with status 0."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

from tests.journeys.ageing import STATE, signed_in
from tests.journeys.conftest import ROUTES, SESSION
from tests.support.echo import Echo
from tests.support.processes import Gateway, free_port, launch, wait_for, write_config
from tests.support.raw import NoAnswer, Raw

OPEN = ROUTES.replace('public = ["/static/**"]', 'public = ["/**"]')
"""Nobody has to sign in for what these tests ask."""


@contextmanager
def serving(folder: Path, upstream: str, *, drain: str = "20s", workers: int = 1) -> Iterator[Gateway]:
    port = free_port()
    write_config(folder, port, OPEN.format(upstream=upstream), f'drain = "{drain}"')
    command = [sys.executable, "-m", "gateway", "serve", "--workers", str(workers), "--config", folder / "routes.toml"]
    served = Gateway(folder, port, launch(command, folder))
    try:
        wait_for(served.program, port, "/.gateway/healthz")
        yield served
    finally:
        served.program.stop()


def get(gate: Gateway, path: str, *fields: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", f"Host: localhost:{gate.port}", *fields, "", ""]).encode()


def until(true: Callable[[], object], seconds: float = 15) -> bool:
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.02)
    return bool(true())


def refuses(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False


def ended(gate: Gateway, within: float = 15) -> int:
    """Its exit status; -1 if it goes on."""
    return 0 if until(lambda: gate.program.process.poll() is not None, within) and not quiet(gate) else -1


def quiet(gate: Gateway) -> int:
    """Its exit status, or 1 if it printed how something failed."""
    return gate.program.process.returncode or int("Traceback" in gate.program.output())


@pytest.mark.parametrize(("workers", "tell"), [(1, os.kill), (2, os.killpg)], ids=["one", "two, told as a group"])
def test_a_request_under_way_is_finished_and_new_ones_go_elsewhere(
    app: Echo, tmp_path: Path, workers: int, tell: Callable[[int, int], None]
) -> None:
    with serving(tmp_path, app.url, workers=workers) as gate, Raw(gate.port) as client, Raw(gate.port) as idle:
        idle.send(get(gate, "/"))
        assert idle.answer().status == 200
        before = len(app.seen)
        client.send(get(gate, "/hang?s=1"))
        assert until(lambda: len(app.seen) > before)
        tell(gate.program.pid, signal.SIGTERM)
        assert until(lambda: refuses(gate.port))
        assert idle.closed(within=5)
        answer = client.answer()  # the app closes without one
        assert (answer.status, answer.header("connection")) == (502, "close")
        assert ended(gate) == 0


def test_a_kept_connection_learns_that_it_is_draining_and_that_this_was_the_last(app: Echo, tmp_path: Path) -> None:
    with serving(tmp_path, app.url) as gate, Raw(gate.port) as client:
        client.send(get(gate, "/.gateway/readyz"))
        assert client.answer().status == 200
        gate.program.signal(signal.SIGTERM)
        assert until(lambda: refuses(gate.port), 0.8)
        client.send(get(gate, "/.gateway/readyz"))
        answer = client.answer()
        assert (answer.status, answer.body, answer.header("connection")) == (503, b"draining\n", "close")
        assert ended(gate) == 0


def test_a_download_that_a_slow_client_takes_is_a_request_under_way(app: Echo, tmp_path: Path) -> None:
    size = 24 << 20
    with serving(tmp_path, app.url) as gate, socket.create_connection(("127.0.0.1", gate.port)) as client:
        client.sendall(get(gate, f"/big?bytes={size}"))
        read = len(client.recv(1 << 16))
        gate.program.signal(signal.SIGTERM)
        while block := client.recv(1 << 20):
            read += len(block)
            time.sleep(0.05)
        assert read > size
        assert ended(gate) == 0


def test_what_still_runs_at_the_limit_is_cut(app: Echo, tmp_path: Path) -> None:
    with serving(tmp_path, app.url, drain="1s") as gate, Raw(gate.port) as client:
        before = len(app.seen)
        client.send(get(gate, "/hang"))
        assert until(lambda: len(app.seen) > before)
        gate.program.signal(signal.SIGTERM)
        assert ended(gate) == 0
        with pytest.raises(NoAnswer):
            client.answer()


@pytest.mark.parametrize(("workers", "second"), [(1, signal.SIGTERM), (2, signal.SIGINT)])
def test_a_second_signal_ends_it_at_once(app: Echo, tmp_path: Path, workers: int, second: signal.Signals) -> None:
    with serving(tmp_path, app.url, workers=workers) as gate, Raw(gate.port) as client:
        before = len(app.seen)
        client.send(get(gate, "/hang"))
        assert until(lambda: len(app.seen) > before)
        gate.program.signal(signal.SIGTERM)
        assert until(lambda: refuses(gate.port))
        gate.program.signal(second)
        assert ended(gate, 5) == 0


def test_a_second_signal_does_not_wait_for_websockets(app: Echo, tmp_path: Path) -> None:
    handshake = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")
    with serving(tmp_path, app.url) as gate, Raw(gate.port) as client:
        client.send(get(gate, "/ws", f"Origin: {gate.url}", *handshake, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="))
        assert client.answer().status == 101
        gate.program.signal(signal.SIGTERM)
        assert until(lambda: refuses(gate.port))
        gate.program.signal(signal.SIGTERM)
        assert ended(gate, 5) == 0


@pytest.mark.parametrize("workers", [1, 2])
def test_whoever_gets_through_is_answered(app: Echo, tmp_path: Path, workers: int) -> None:
    outcomes: list[str] = []

    def ask(gate: Gateway) -> None:
        while True:
            try:
                client = Raw(gate.port)
            except OSError:
                return
            with client:
                try:
                    client.send(get(gate, "/", "Connection: close"))
                    outcomes.append(str(client.answer().status))
                except (OSError, NoAnswer) as error:
                    outcomes.append(repr(error))

    with serving(tmp_path, app.url, workers=workers) as gate:
        threads = [threading.Thread(target=ask, args=(gate,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        assert until(lambda: len(outcomes) > 50)
        gate.program.signal(signal.SIGTERM)
        for thread in threads:
            thread.join(20)
        assert ended(gate) == 0
    assert set(outcomes) == {"200"}


def test_websockets_go_on_until_the_limit_and_are_then_told_that_the_service_restarts(tmp_path: Path) -> None:
    async def story() -> None:
        closed: list[int | None] = []

        async def echo(connection) -> None:
            with suppress(ConnectionClosed):
                async for message in connection:
                    await connection.send(message)
            closed.append(connection.close_code)

        async with serve(echo, "127.0.0.1", 0) as app:
            upstream = f"http://127.0.0.1:{app.sockets[0].getsockname()[1]}"
            opening = serving(tmp_path, upstream, drain="2s")
            gate = await asyncio.to_thread(opening.__enter__)
            try:
                async with connect(f"ws://localhost:{gate.port}/", origin=f"http://localhost:{gate.port}") as browser:
                    gate.program.signal(signal.SIGTERM)
                    assert await asyncio.to_thread(until, lambda: refuses(gate.port))
                    await browser.send("still there?")
                    assert await browser.recv() == "still there?"
                    with pytest.raises(ConnectionClosed) as end:
                        await browser.recv()
                    assert end.value.rcvd is not None and end.value.rcvd.code == 1012
                assert await asyncio.to_thread(ended, gate) == 0
                assert closed == [1012]
            finally:
                await asyncio.to_thread(opening.__exit__, None, None, None)

    asyncio.run(story())


def test_what_was_noted_of_a_session_is_written_down(app: Echo, tmp_path: Path) -> None:
    with serving(tmp_path, app.url) as gate:
        token = signed_in(tmp_path, "alice", ago=100)
        with Raw(gate.port) as client:
            client.send(get(gate, "/", f"Cookie: {SESSION}={token}", "Connection: close"))
            assert client.answer().status == 200
        gate.program.signal(signal.SIGTERM)
        assert ended(gate) == 0
    with closing(sqlite3.connect(tmp_path / STATE)) as db:
        (seen,) = db.execute("SELECT max(last_seen) FROM sessions").fetchone()
    assert time.time() - seen < 60
