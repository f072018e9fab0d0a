"""A websocket's two connections, joined: bytes pass as they are, and nothing is written into the middle of a frame."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import pytest

from gateway.config.settings import Limits
from gateway.edge import tunnel
from gateway.edge.handshake import proof
from gateway.edge.timeouts import Timeouts
from tests.edge.servers import Gateway, Seen, gateway, scripted, wait_until
from tests.support.frames import CLOSE, accepted, echo_frames, frame, masked, read_frame
from tests.support.raw import Raw

TEXT = 1
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: " + KEY + b"\r\n"
)
SHORT = Limits(pause=0.4)
BLOCK = 1 << 16

Talk = Callable[[Seen, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextmanager
def app(talk: Talk, *, early: bytes = b"") -> Iterator[Seen]:
    """An upstream that opens every websocket and then talks; `early` leaves in one piece with its 101."""

    async def script(seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.requests.append(await reader.readuntil(b"\r\n\r\n"))
        (key,) = seen.fields(b"sec-websocket-key")
        writer.write(accepted(key.decode()) + early)
        await talk(seen, reader, writer)

    with scripted(script) as seen:
        yield seen


@contextmanager
def opened(gate: Gateway) -> Iterator[Raw]:
    with Raw(gate.port, timeout=5) as client:
        client.send(HANDSHAKE + b"\r\n")
        answer = client.answer()
        assert answer.status == 101
        assert answer.values("sec-websocket-accept") == [proof(KEY).decode()]
        assert (answer.values("connection"), answer.values("upgrade")) == (["Upgrade"], ["websocket"])
        yield client


@contextmanager
def reluctant(gate: Gateway) -> Iterator[tuple[socket.socket, asyncio.Transport]]:
    """A client that reads nothing, for which the kernels keep next to nothing; and the gateway's side of it."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", gate.port))
        assert wait_until(lambda: gate.worker is not None and gate.worker.connections)
        assert gate.worker is not None
        (connection,) = gate.worker.open
        kernel = connection.transport.get_extra_info("socket")
        kernel.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        yield client, connection.transport


async def echo(seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await echo_frames(reader, writer)


async def listen(seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Keep every frame; `aborted` where the other side just goes."""
    opcode = 0
    while opcode != CLOSE:
        opcode, body, _ = await read_frame(reader)
        seen.requests.append(bytes([opcode]) + body)


def test_what_comes_right_behind_the_apps_answer_reaches_the_client() -> None:
    early = frame(TEXT, b"first") + frame(TEXT, b"second")
    with app(echo, early=early) as upstream, gateway(upstream.url) as gate, opened(gate) as client:
        assert client.read(len(early)) == early
        client.send(masked(TEXT, b"third"))
        assert client.read(7) == frame(TEXT, b"third")


@pytest.mark.parametrize("more", [masked(TEXT, b"hello"), b"GET /secret HTTP/1.1\r\nHost: h\r\n\r\n"])
@pytest.mark.parametrize("apart", [False, True])
def test_a_client_that_does_not_wait_for_the_answer_is_refused(more: bytes, apart: bool) -> None:
    async def silent(seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.requests.append(await reader.readuntil(b"\r\n\r\n"))
        seen.requests.append(await reader.readexactly(1))

    with scripted(silent) as upstream, gateway(upstream.url) as gate, Raw(gate.port) as client:
        client.send(HANDSHAKE + b"\r\n" + (b"" if apart else more))
        if apart:
            assert wait_until(lambda: upstream.requests)
            client.send(more)
        answer = client.answer()
        assert (answer.status, answer.header("connection")) == (400, "close")
        assert "waits for the answer" in answer.body.decode()
        assert client.closed()
        assert wait_until(lambda: upstream.aborted.is_set() or not apart)
        assert len(upstream.requests) == apart


@pytest.mark.parametrize(
    ("field", "status"),
    [
        (b"Sec-WebSocket-Key: " + KEY, 400),
        (b"Sec-WebSocket-Version: 13", 426),
        (b"Sec-WebSocket-Version: 8", 426),
    ],
)
def test_a_handshake_that_says_something_twice_is_refused(field: bytes, status: int) -> None:
    with app(echo) as upstream, gateway(upstream.url) as gate, Raw(gate.port) as client:
        client.send(HANDSHAKE + field + b"\r\n\r\n")
        assert client.answer().status == status
        assert client.closed()
        assert upstream.connections == 0


@pytest.mark.parametrize("key", [b"", b"dGhlIHNhbXBsZQ==", b"!" * 24, KEY[:-1], KEY + b"AAAA"])
def test_a_key_is_16_bytes_in_base64(key: bytes) -> None:
    with app(echo) as upstream, gateway(upstream.url) as gate, Raw(gate.port) as client:
        client.send(HANDSHAKE.replace(KEY, key) + b"\r\n")
        assert client.answer().status == 400
        assert client.closed()
        assert upstream.connections == 0


def test_who_speaks_another_version_is_told_which_one_to_speak() -> None:
    with app(echo) as upstream, gateway(upstream.url) as gate, Raw(gate.port) as client:
        client.send(HANDSHAKE.replace(b"13", b"12") + b"\r\n")
        answer = client.answer()
        assert (answer.status, answer.header("sec-websocket-version")) == (426, "13")
        assert (answer.header("upgrade"), answer.header("connection")) == ("websocket", "close, upgrade")
        assert client.closed()


SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
ACCEPT = b"Sec-WebSocket-Accept: %b\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        SWITCHING.replace(b"1.1", b"1.0") + ACCEPT,
        SWITCHING + ACCEPT + b"Content-Length: 0\r\n",
        SWITCHING + ACCEPT + b"Transfer-Encoding: chunked\r\n",
        SWITCHING + ACCEPT + ACCEPT,
        SWITCHING + ACCEPT + b"Upgrade: h2c\r\n",
        SWITCHING + ACCEPT + b"Sec-WebSocket-Protocol: v3\r\n",
        SWITCHING + ACCEPT + b"Sec-WebSocket-Protocol: v1\r\nSec-WebSocket-Protocol: v2\r\n",
        SWITCHING + ACCEPT + b"Sec-WebSocket-Protocol: v1, v2\r\n",
        SWITCHING.replace(b"Connection: Upgrade", b"Connection: keep-alive") + ACCEPT,
        SWITCHING + b"X: a\0b\r\n" + ACCEPT,
        SWITCHING.replace(b"\r\n", b"\n") + ACCEPT,
        SWITCHING.replace(b"101", b"200") + ACCEPT + b"Content-Length: 1000\r\n",
        SWITCHING + ACCEPT.replace(b"%b", proof(KEY)),  # what an app says that repeats what the client told it
    ],
)
def test_no_other_answer_opens_a_tunnel(answer: bytes) -> None:
    async def script(seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.requests.append(await reader.readuntil(b"\r\n\r\n"))
        (key,) = seen.fields(b"sec-websocket-key")
        writer.write((answer.replace(b"%b", proof(key)) + b"\r\n").replace(b"\r\n\r\n", b"\r\n\r\nhello"))

    with scripted(script) as upstream, gateway(upstream.url) as gate, Raw(gate.port) as client:
        client.send(HANDSHAKE + b"Sec-WebSocket-Protocol: v1, v2\r\n\r\n")
        assert client.answer().status == 502
        assert client.closed()


def test_what_an_app_says_before_its_101_opens_nothing_yet() -> None:
    async def script(seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.requests.append(await reader.readuntil(b"\r\n\r\n"))
        (key,) = seen.fields(b"sec-websocket-key")
        hints = b"HTTP/1.1 103 Early Hints\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
        for byte in hints + accepted(key.decode()):
            writer.write(bytes([byte]))
            await writer.drain()
        await echo_frames(reader, writer)

    with scripted(script) as upstream, gateway(upstream.url) as gate, opened(gate) as client:
        client.send(masked(TEXT, b"hello"))
        assert client.read(7) == frame(TEXT, b"hello")


@pytest.mark.parametrize(
    "framing", [b"Transfer-Encoding: chunked\r\n\r\n4\r\nnope\r\n0\r\n\r\n", b"Connection: close\r\n\r\nnope"]
)
def test_a_refusal_is_passed_on_whole_however_it_is_framed(framing: bytes) -> None:
    async def script(seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 403 No\r\nX-Why: because\r\n" + framing)

    with scripted(script) as upstream, gateway(upstream.url) as gate, Raw(gate.port) as client:
        client.send(HANDSHAKE + b"\r\n")
        answer = client.answer()
        assert (answer.status, answer.body, answer.header("x-why")) == (403, b"nope", "because")
        assert answer.header("content-length") == "4" and answer.header("transfer-encoding") is None
        assert client.closed()


def test_a_frame_that_comes_byte_by_byte_is_one_and_then_the_end_can_be_said() -> None:
    with app(listen) as upstream, gateway(upstream.url) as gate, opened(gate) as client:
        for byte in masked(TEXT, bytes(300)):
            client.send(bytes([byte]))
            time.sleep(0.0005)
        assert wait_until(lambda: len(upstream.requests) == 2)
        gate.revoke()
        assert client.read(4)[2:] == b"\x03\xf0"
        assert wait_until(lambda: upstream.requests[-1][:3] == b"\x08\x03\xf0")


def test_in_the_middle_of_an_apps_frame_nothing_is_said_to_the_client_and_it_is_closed() -> None:
    half = frame(TEXT, bytes(1000))[:500]
    with app(listen, early=half) as upstream, gateway(upstream.url) as gate, opened(gate) as client:
        assert client.read(500) == half
        gate.revoke()
        assert client.closed()
        assert wait_until(lambda: upstream.requests[-1][:3] == b"\x08\x03\xf0")


def test_in_the_middle_of_a_clients_frame_nothing_is_said_to_the_app_and_it_is_closed() -> None:
    with app(listen) as upstream, gateway(upstream.url) as gate, opened(gate) as client:
        client.send(masked(TEXT, b"hello") + masked(TEXT, bytes(1000))[:500])
        assert wait_until(lambda: len(upstream.requests) == 2)
        gate.revoke()
        assert client.read(4)[2:] == b"\x03\xf0"
        assert upstream.aborted.wait(5)
        assert upstream.requests[1:] == [b"\x01hello"]


def test_once_the_session_has_ended_nothing_passes_any_more() -> None:
    async def talkative(seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await listen(seen, reader, writer)
        writer.write(frame(TEXT, b"secret") * 100)
        await listen(seen, reader, writer)

    with app(talkative) as upstream, gateway(upstream.url) as gate, opened(gate) as client:
        gate.revoke()
        told = client.read(2 + 2 + len("the session has ended"))
        client.send(masked(TEXT, b"one more thing"))
        assert told[2:] == b"\x03\xf0the session has ended"
        assert client.closed(within=5)
        assert upstream.aborted.wait(5)
        assert [each[:1] for each in upstream.requests[1:]] == [b"\x08"]


def test_a_client_that_answers_the_end_is_closed_at_once() -> None:
    with app(listen) as upstream, gateway(upstream.url) as gate, opened(gate) as client:
        gate.revoke()
        assert client.read(25)[:1] == b"\x88"
        client.send(masked(CLOSE, b"\x03\xf0"))
        assert client.closed(within=1)


def test_who_says_goodbye_and_sends_no_more_still_hears_it() -> None:
    with app(echo) as upstream, gateway(upstream.url) as gate, opened(gate) as client:
        client.send(masked(CLOSE, b"\x03\xe8bye"))
        client.half_close()
        assert client.read(7) == frame(CLOSE, b"\x03\xe8bye")
        assert client.closed()


def test_a_client_that_just_goes_is_gone_for_the_app_too() -> None:
    with app(listen) as upstream, gateway(upstream.url) as gate, opened(gate) as client:
        client.half_close()
        assert client.closed(within=5)
        assert wait_until(lambda: upstream.requests[-1] == b"\x08\x03\xe9")


def test_who_waits_for_a_goodbye_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    async def rude(seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    monkeypatch.setattr(tunnel, "CLOSE_WITHIN", 0.3)
    with app(rude) as upstream, gateway(upstream.url) as gate, opened(gate) as client:
        client.send(masked(CLOSE, b"\x03\xe8"))
        assert client.closed(within=5)
        assert wait_until(lambda: gate.worker is not None and not gate.worker.connections)


def test_a_websocket_on_which_nothing_is_said_stays_open() -> None:
    with app(echo) as upstream, gateway(upstream.url, limits=SHORT, timeouts=Timeouts(between=0.4)) as gate:
        with opened(gate) as client:
            time.sleep(1.2)
            client.send(masked(TEXT, b"hello"))
            assert client.read(7) == frame(TEXT, b"hello")
            assert gate.worker is not None
            (connection,) = gate.worker.open
            watched = connection.transport.get_extra_info("socket")
            assert watched.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1


async def pour(seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One message that never ends."""
    writer.write(b"\x82\x7f" + (1 << 62).to_bytes(8))
    while True:
        writer.write(bytes(BLOCK))
        await writer.drain()
        seen.requests.append(b"")


def stands_still(count: Callable[[], int]) -> bool:
    """Within ten seconds it has not changed for half a second."""
    until, before = time.monotonic() + 10, -1
    while time.monotonic() < until and before != count():
        before = count()
        time.sleep(0.5)
    return before == count()


def test_a_client_that_takes_nothing_stops_the_app_and_is_closed_after_the_pause() -> None:
    limits = Limits(pause=3)
    with app(pour) as upstream, gateway(upstream.url, limits=limits) as gate, opened(gate):
        assert stands_still(lambda: len(upstream.requests))
        assert len(upstream.requests) * BLOCK < 32 << 20
        assert upstream.aborted.wait(10)
        assert wait_until(lambda: gate.worker is not None and not gate.worker.connections)


def test_a_client_that_has_not_taken_the_answer_before_stops_the_app_from_the_start() -> None:
    body = 20 << 10

    async def script(seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.requests.append(await reader.readuntil(b"\r\n\r\n"))
        if b"websocket" not in seen.requests[0]:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % body + bytes(body))
            await reader.read()
        writer.write(accepted(seen.fields(b"sec-websocket-key")[0].decode()))
        await pour(seen, reader, writer)

    with scripted(script) as upstream, gateway(upstream.url) as gate, reluctant(gate) as (client, transport):
        transport.set_write_buffer_limits(high=0)
        client.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert wait_until(transport.get_write_buffer_size)
        upstream.requests.clear()
        client.sendall(HANDSHAKE + b"\r\n")
        assert wait_until(lambda: upstream.requests)
        assert stands_still(lambda: len(upstream.requests))
        assert transport.get_write_buffer_size() < 1 << 20


def test_a_slow_client_is_not_closed_while_it_takes_something() -> None:
    with app(pour) as upstream, gateway(upstream.url, limits=SHORT) as gate, opened(gate) as client:
        until = time.monotonic() + 2
        while time.monotonic() < until:
            assert client.read(1 << 20)
            time.sleep(0.05)
        assert not upstream.aborted.is_set()


def test_an_app_that_takes_nothing_ends_the_websocket_with_1014() -> None:
    done = threading.Event()

    async def deaf(seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not done.is_set():
            await asyncio.sleep(0.05)

    timeouts = Timeouts(between=0.4)
    with app(deaf) as upstream, gateway(upstream.url, timeouts=timeouts) as gate, opened(gate) as client:
        client.send(b"\x82\xff" + (1 << 40).to_bytes(8) + bytes(4))
        client.send(bytes(32 << 20))
        assert client.read(4)[2:] == b"\x03\xf6"
        done.set()
        assert wait_until(lambda: gate.worker is not None and not gate.worker.connections)


def test_what_no_frame_can_be_is_passed_on_and_ends_without_a_word() -> None:
    nonsense = b"\xff\xff" + b"\xff" * 8 + bytes(4)
    arrived: list[bytes] = []

    async def look(seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100):
            arrived.append(data)
        seen.aborted.set()

    with app(look) as upstream, gateway(upstream.url) as gate, opened(gate) as client:
        client.send(nonsense)
        assert wait_until(lambda: b"".join(arrived) == nonsense)
        gate.revoke()
        assert client.read(4)[2:] == b"\x03\xf0"
        assert upstream.aborted.wait(5)
        assert b"".join(arrived) == nonsense


def test_a_client_that_does_not_take_a_refusal_does_not_keep_its_connection() -> None:
    size = 1 << 20

    async def script(seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 403 No\r\nContent-Length: %d\r\n\r\n" % size + bytes(size))
        await reader.read()

    with (
        scripted(script) as upstream,
        gateway(upstream.url, limits=SHORT) as gate,
        reluctant(gate) as (client, transport),
    ):
        client.sendall(HANDSHAKE + b"\r\n")
        assert wait_until(transport.get_write_buffer_size)
        assert wait_until(lambda: gate.worker is not None and not gate.worker.connections)


def test_a_client_that_leaves_in_the_middle_of_the_answer_leaves_nothing_behind() -> None:
    with app(echo) as upstream, gateway(upstream.url) as gate:
        for number in range(30):
            with Raw(gate.port) as client:
                client.send(HANDSHAKE + b"\r\n")
                time.sleep(number / 10_000)
        assert wait_until(lambda: gate.worker is not None and not gate.worker.connections)
        assert wait_until(lambda: gate.worker is not None and not gate.worker.tasks)
        assert gate.worker is not None and gate.worker.websockets == 0
