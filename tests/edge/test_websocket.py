"""Websockets through the gateway: real clients, real servers."""

from __future__ import annotations

import contextlib
import ssl
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.http11 import Request, Response
from websockets.sync.client import connect

from tests.edge.servers import Gateway, Started, answering, gateway, on_a_loop, wait_until
from tests.support.certificates import certificates
from tests.support.raw import NoAnswer, Raw

HANDSHAKE = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)

Handler = Callable[[ServerConnection], Awaitable[None]]


async def echo(socket: ServerConnection) -> None:
    async for message in socket:
        await socket.send(message)


@contextmanager
def app(handler: Handler = echo, **options: Any) -> Iterator[str]:
    """A websocket server; its address as an upstream."""

    async def start() -> Started:
        server = await serve(handler, "127.0.0.1", 0, close_timeout=1, **({"max_size": 32 << 20} | options))
        return server, server.wait_closed

    with on_a_loop(start) as port:
        yield f"http://127.0.0.1:{port}"


def client(gate: Gateway, target: str = "/ws", **options: Any) -> connect:
    return connect(f"ws://127.0.0.1:{gate.port}{target}", compression=None, close_timeout=2, max_size=None, **options)


def test_text_and_bytes_pass_both_ways_as_they_are() -> None:
    with app() as url, gateway(url) as gate, client(gate) as socket:
        for message in ("", "häh?", b"", b"\x00\xff", "x" * 100_000, b"y" * 3_000_000):
            socket.send(message)
            assert socket.recv(5) == message


def test_an_app_gets_the_clients_target_and_fields_and_our_identity() -> None:
    seen: list[Request] = []

    async def look(socket: ServerConnection) -> None:
        assert socket.request is not None
        seen.append(socket.request)

    fields = {
        "Cookie": "a=1; __Host-gateway_session=x",
        "Origin": "https://h.test",
        "X_Auth_User": "root",
        "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Keep-Alive": "timeout=5",
    }
    with app(look) as url, gateway(url) as gate, client(gate, "/%61//b;c?d=%20", additional_headers=fields) as socket:
        with pytest.raises(ConnectionClosed):
            socket.recv(5)
        assert seen[0].path == "/%61//b;c?d=%20"
        assert seen[0].headers.get_all("Host") == [f"127.0.0.1:{gate.port}"]
        assert seen[0].headers.get_all("Cookie") == ["a=1"]
        assert seen[0].headers.get_all("Origin") == ["https://h.test"]
        assert seen[0].headers.get_all("X-Auth-User") == ["alice"]
        assert seen[0].headers.get_all("X_Auth_User") == []
        assert [seen[0].headers.get_all(each) for each in ("Connection", "Upgrade")] == [["Upgrade"], ["websocket"]]
        assert seen[0].headers.get_all("Sec_WebSocket_Key") == seen[0].headers.get_all("Keep-Alive") == []
        assert socket.request is not None
        (ours,), (theirs,) = (each.headers.get_all("Sec-WebSocket-Key") for each in (seen[0], socket.request))
        assert ours != theirs
        assert gate.extensions[0]["gateway.target"] == {"raw": b"/%61//b;c?d=%20"}


def test_the_upstream_chooses_the_subprotocol_and_may_set_cookies() -> None:
    def cookie(socket: ServerConnection, request: Request, response: Response) -> None:
        response.headers["Set-Cookie"] = "a=1"
        response.headers["Set-Cookie"] = "b=2"
        response.headers["Set-Cookie"] = "__Host-gateway_session=evil"

    with (
        app(subprotocols=["v2"], process_response=cookie) as url,
        gateway(url) as gate,
        client(gate, subprotocols=["v1", "v2"]) as socket,
    ):
        assert socket.subprotocol == "v2"
        assert socket.response is not None
        assert socket.response.headers.get_all("Set-Cookie") == ["a=1", "b=2"]


def test_a_client_whose_subprotocols_the_upstream_does_not_know_is_served_without_one() -> None:
    with app() as url, gateway(url) as gate, client(gate, subprotocols=["v1"]) as socket:
        assert socket.subprotocol is None


@pytest.mark.parametrize("status", [200, 302, 403, 426, 500])
def test_an_upstream_that_refuses_is_passed_on_as_it_is(status) -> None:
    reply = b"HTTP/1.1 %d No\r\nContent-Length: 4\r\nLocation: /elsewhere\r\n\r\nnope" % status
    with answering(reply) as upstream, gateway(upstream.url) as gate, Raw(gate.port) as raw:
        raw.send(b"GET /ws HTTP/1.1\r\nHost: h\r\n" + HANDSHAKE)
        answer = raw.answer()
        assert (answer.status, answer.header("location"), answer.body) == (status, "/elsewhere", b"nope")
        assert raw.closed()
        assert len(upstream.requests) == 1


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
    ],
)
def test_only_the_upstreams_own_101_opens_a_tunnel(reply) -> None:
    with answering(reply, close=True) as upstream, gateway(upstream.url) as gate:
        with pytest.raises(InvalidStatus) as refused, client(gate):
            pass
        assert refused.value.response.status_code == 502


def test_an_upstream_that_is_not_there_is_a_502() -> None:
    with answering(b"") as gone:
        url = gone.url
    with gateway(url) as gate, pytest.raises(InvalidStatus) as refused, client(gate):
        pass
    assert refused.value.response.status_code == 502


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (1001, "bye"), (1011, "sorry"), (4321, "own ☃")])
def test_how_the_upstream_closes_is_how_the_client_sees_it_closed(code, reason) -> None:
    async def close(socket: ServerConnection) -> None:
        await socket.close(code, reason)

    with app(close) as url, gateway(url) as gate, client(gate) as socket:
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(5)
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (code, reason)


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (1001, "bye"), (4321, "own ☃")])
def test_how_the_client_closes_is_how_the_upstream_sees_it_closed(code, reason) -> None:
    ends: list[tuple[int | None, str | None]] = []
    ended = threading.Event()

    async def wait(socket: ServerConnection) -> None:
        await socket.wait_closed()
        ends.append((socket.close_code, socket.close_reason))
        ended.set()

    with app(wait) as url, gateway(url) as gate:
        with client(gate) as socket:
            socket.close(code, reason)
        assert ended.wait(5)
    assert ends == [(code, reason)]


def test_an_upstream_that_vanishes_closes_the_client() -> None:
    async def vanish(socket: ServerConnection) -> None:
        socket.transport.abort()

    with app(vanish) as url, gateway(url) as gate, client(gate) as socket:
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(5)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1014


def test_a_client_that_vanishes_closes_the_upstream() -> None:
    ended = threading.Event()

    async def wait(socket: ServerConnection) -> None:
        await socket.wait_closed()
        ended.set()

    with app(wait) as url, gateway(url) as gate:
        with client(gate) as socket:
            socket.socket.close()
        assert ended.wait(5)


def test_when_the_session_is_revoked_both_sides_are_closed_with_1008() -> None:
    codes: list[int | None] = []

    async def wait(socket: ServerConnection) -> None:
        await socket.wait_closed()
        codes.append(socket.close_code)

    with app(wait) as url, gateway(url) as gate, client(gate) as socket:
        gate.revoke()
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(5)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008
        assert wait_until(lambda: codes == [1008])


def test_an_app_behind_tls_is_joined_just_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = certificates(tmp_path / "tls")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files.cert, files.key)
    monkeypatch.setenv("SSL_CERT_FILE", str(files.ca))
    codes: list[int | None] = []

    async def talk(socket: ServerConnection) -> None:
        await socket.send("x" * 3_000_000)
        with contextlib.suppress(ConnectionClosed):
            await echo(socket)
        codes.append(socket.close_code)

    with app(talk, ssl=context) as url, gateway(url.replace("http", "https")) as gate:
        with client(gate) as socket:
            assert len(socket.recv(5)) == 3_000_000
            socket.send(b"y" * 3_000_000)
            assert len(socket.recv(5)) == 3_000_000
            socket.close(4321)
        assert wait_until(lambda: codes == [4321])
        with client(gate) as socket:
            assert len(socket.recv(5)) == 3_000_000
            gate.revoke()
            with pytest.raises(ConnectionClosed) as closed:
                socket.recv(5)
            assert closed.value.rcvd is not None and closed.value.rcvd.code == 1008
        assert wait_until(lambda: codes == [4321, 1008])
        assert gate.worker is not None
        assert wait_until(lambda: gate.worker is not None and not gate.worker.tasks)


def test_an_extension_is_agreed_on_between_client_and_app() -> None:
    with app() as url, gateway(url) as gate:
        with connect(f"ws://127.0.0.1:{gate.port}/ws", compression="deflate", close_timeout=2) as socket:
            assert [extension.name for extension in socket.protocol.extensions] == ["permessage-deflate"]
            socket.send("a" * 1000)
            assert socket.recv(5) == "a" * 1000
            gate.revoke()
            with pytest.raises(ConnectionClosed) as closed:
                socket.recv(5)
            assert closed.value.rcvd is not None and closed.value.rcvd.code == 1008


def test_a_slow_reader_slows_the_sender_down() -> None:
    sent = 0

    async def pour(socket: ServerConnection) -> None:
        nonlocal sent
        while True:
            await socket.send(b"x" * 100_000)
            sent += 1

    with app(pour) as url, gateway(url) as gate, client(gate, max_queue=2) as socket:
        time.sleep(0.5)
        before = sent
        time.sleep(0.3)
        assert sent == before < 300
        assert socket.recv(5) == b"x" * 100_000
        socket.socket.close()


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"POST /ws HTTP/1.1\r\nHost: h\r\n" + HANDSHAKE,
        b"GET /ws HTTP/1.1\r\nHost: h\r\n" + HANDSHAKE.replace(b"13", b"777"),
        b"GET /ws HTTP/1.1\r\nHost: h\r\n" + HANDSHAKE.replace(b"Key", b"Quay"),
        b"GET /ws HTTP/1.0\r\nHost: h\r\n" + HANDSHAKE,
    ],
)
def test_a_handshake_that_is_none_opens_nothing(request_bytes) -> None:
    with answering(b"") as upstream, gateway(upstream.url) as gate, Raw(gate.port) as raw:
        raw.send(request_bytes)
        with contextlib.suppress(NoAnswer):
            assert raw.answer().status >= 400
        assert raw.closed()
        assert upstream.connections == 0
