"""Limits that the server in front keeps: who meets one is told which; who only waits for us meets none."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from gateway.config.settings import Limits
from gateway.edge.server import SPARE
from gateway.errors import ClientGone
from tests.edge.servers import Gateway, Seen, answering, gateway, read_request, scripted, wait_until
from tests.support.raw import Answer, NoAnswer, Raw

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n"
HANDSHAKE = (
    b"GET %b HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
SMALL = Limits(target=100, head=2000, fields=10, head_within=0.5, pause=0.5, connections=3, websockets=1)
LONG = 1.0
"""Seconds: longer than any of these, and a look later."""


@pytest.fixture(scope="module")
def upstream() -> Iterator[Seen]:
    with answering(OK) as opened:
        yield opened


@pytest.fixture(scope="module")
def gate(upstream: Seen) -> Iterator[Gateway]:
    with gateway(upstream.url, limits=SMALL) as opened:
        yield opened


@pytest.fixture
def client(gate: Gateway) -> Iterator[Raw]:
    assert wait_until(lambda: gate.worker is not None and not gate.worker.connections)
    with Raw(gate.port, timeout=5) as opened:
        yield opened


def told(answer: Answer, status: int, *words: str) -> None:
    """It is a whole answer that says which limit it was and that this was the last."""
    assert (answer.status, answer.header("connection"), answer.header("cache-control")) == (status, "close", "no-store")
    assert all(each in answer.body.decode() for each in words), answer.body


@pytest.mark.parametrize("begin", [b"GET %b HTTP/1.1\r\nHost: h\r\n\r\n", HANDSHAKE + b"\r\n"])
def test_a_target_that_is_too_long_is_answered_414(client: Raw, begin: bytes) -> None:
    client.send(begin % (b"/" + b"a" * 100))
    told(client.answer(), 414, "longer than 100 bytes", "Send less")
    assert client.closed()


def test_a_target_of_just_that_length_is_not(client: Raw) -> None:
    client.send(b"GET /%b HTTP/1.1\r\nHost: h\r\n\r\n" % (b"a" * 99))
    assert client.answer().status == 200


def test_a_target_without_end_is_answered_414_before_it_ends(client: Raw) -> None:
    for number in range(3):
        client.send((b"" if number else b"GET /") + b"a" * 1000)
        time.sleep(0.02)
    told(client.answer(), 414)
    assert client.closed()


@pytest.mark.parametrize("pieces", [1, 4])
def test_a_head_that_is_too_large_is_answered_431_however_it_comes(client: Raw, pieces: int) -> None:
    head = b"GET / HTTP/1.1\r\nHost: h\r\n" + b"Cookie: %b\r\n" % (b"a" * 500) * 4 + b"\r\n"
    size = len(head) // pieces + 1
    for start in range(0, len(head), size):
        client.send(head[start : start + size])
        time.sleep(0.02)
    told(client.answer(), 431, "more than 2000 bytes", "cookies")
    assert client.closed()


def test_a_small_head_behind_a_large_body_is_not_too_large(client: Raw) -> None:
    body = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3000\r\n\r\n" + bytes(3000)
    client.send(body + b"GET / HTTP/1.1\r\n")
    assert client.answer().status == 200
    client.send(b"Host: h\r\n\r\n")
    assert client.answer().status == 200


@pytest.mark.parametrize("begin", [b"GET %b HTTP/1.1\r\nHost: h\r\n", HANDSHAKE])
def test_too_many_fields_are_answered_431(client: Raw, begin: bytes) -> None:
    client.send(begin % b"/" + b"A: 1\r\n" * 10 + b"\r\n")
    told(client.answer(), 431, "more than 10 header fields")
    assert client.closed()


def test_a_refusal_waits_until_the_requests_before_are_answered() -> None:
    async def slow(seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.requests.append(await read_request(reader))
        await asyncio.sleep(0.3)
        writer.write(OK)
        await reader.read()

    with scripted(slow) as upstream, gateway(upstream.url, limits=SMALL) as gate, Raw(gate.port) as client:
        client.send(GET + b"GET /%b HTTP/1.1\r\nHost: h\r\n\r\n" % (b"a" * 200))
        assert client.answer().body == b"ok"
        told(client.answer(), 414)
        assert client.closed()


def test_a_head_that_comes_byte_by_byte_is_answered_408(client: Raw) -> None:
    def drip() -> None:
        for byte in GET * 100:
            client.send(bytes([byte]))
            time.sleep(0.05)

    with pytest.raises(OSError):
        drip()
    told(client.answer(), 408, "not whole after 0.5 seconds", "again")
    assert client.closed()


def test_half_a_head_on_a_kept_connection_is_answered_408(client: Raw) -> None:
    client.send(GET)
    assert client.answer().status == 200
    time.sleep(LONG)
    client.send(GET[:10])
    told(client.answer(), 408, "not whole after 0.5 seconds")
    assert client.closed()


@pytest.mark.parametrize("sent", [b"", b"\r\n"])
def test_who_connects_and_says_nothing_is_left_without_a_word(client: Raw, sent: bytes) -> None:
    client.send(sent)
    assert client.closed(within=5)


def test_a_body_that_stops_is_answered_408_and_never_finished_upstream(client: Raw, upstream: Seen) -> None:
    before = len(upstream.requests)
    client.send(POST + b"half")
    told(client.answer(), 408, "for 0.5 seconds", "again")
    assert client.closed()
    assert len(upstream.requests) == before


def test_a_body_that_stops_after_its_answer_began_ends_the_connection() -> None:
    async def early(seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        await reader.read()

    with scripted(early) as upstream, gateway(upstream.url, limits=SMALL) as gate, Raw(gate.port) as client:
        client.send(POST + b"half")
        with pytest.raises(NoAnswer):
            client.answer()


def test_a_body_that_moves_may_take_as_long_as_it_likes(client: Raw) -> None:
    client.send(POST)
    for byte in b"0123456789":
        time.sleep(0.2)
        client.send(bytes([byte]))
    assert client.answer().status == 200


def test_nobody_is_late_while_the_app_is_slow_or_not_asked_for_the_body_yet() -> None:
    async def slow(seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(LONG)  # the gateway's buffers fill up, and it reads no more
        await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]))
        await asyncio.sleep(LONG)
        writer.write(OK)

    size = 16 << 20
    with scripted(slow) as upstream, gateway(upstream.url, limits=SMALL) as gate, Raw(gate.port, timeout=20) as client:
        client.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % size)
        client.send(bytes(size))
        assert client.answer().status == 200


def test_who_waits_for_100_continue_is_asked_first_and_then_has_to_go_on(client: Raw) -> None:
    client.send(POST.replace(b"Content", b"Expect: 100-continue\r\nContent"))
    assert client.answer().status == 100
    told(client.answer(), 408)


def test_a_client_that_takes_no_more_of_its_answer_is_cut_and_one_that_is_slow_is_not() -> None:
    async def endless(seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while True:
            writer.write(bytes(1 << 16))
            await writer.drain()

    with scripted(endless) as upstream, gateway(upstream.url, limits=SMALL) as gate:
        stuck, slow = (socket.create_connection(("127.0.0.1", gate.port)) for _ in range(2))
        with stuck, slow:
            stuck.sendall(GET)
            slow.sendall(GET)
            worker = gate.worker
            assert worker is not None
            until = time.monotonic() + 10
            while time.monotonic() < until and (len(worker.connections) > 1 or time.monotonic() < until - 8):
                slow.recv(1 << 20)
                time.sleep(0.1)
            assert len(worker.connections) == 1
            assert slow.recv(1 << 20)


def test_an_answer_that_is_left_in_the_buffer_does_not_keep_a_connection_for_ever() -> None:
    reply = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % (12 << 20) + bytes(12 << 20)
    with answering(reply) as upstream, gateway(upstream.url, limits=SMALL) as gate:
        with socket.create_connection(("127.0.0.1", gate.port)) as client:
            client.sendall(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            time.sleep(0.2)
            assert gate.worker is not None and gate.worker.connections
            assert wait_until(lambda: gate.worker is not None and not gate.worker.connections)


def test_one_connection_too_many_is_answered_503(gate: Gateway, client: Raw) -> None:
    with ExitStack() as stack:
        others = [stack.enter_context(Raw(gate.port)) for _ in range(2)]
        for each in (client, *others):
            each.send(GET)
            assert each.answer().status == 200
        late = stack.enter_context(Raw(gate.port))
        late.send(GET)
        answer = late.answer()
        told(answer, 503, "as many connections")
        assert answer.header("retry-after") == "5"
        assert late.closed()
        client.send(GET)
        assert client.answer().status == 200


def test_of_far_too_many_connections_nothing_is_heard(upstream: Seen) -> None:
    with gateway(upstream.url, limits=Limits(connections=1)) as gate, ExitStack() as stack:
        for _ in range(1 + SPARE):
            stack.enter_context(Raw(gate.port))
        with Raw(gate.port) as late:
            told(late.answer(), 503, "as many connections")


def test_one_websocket_too_many_is_answered_503() -> None:
    async def accepting(seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        key = head.lower().partition(b"sec-websocket-key: ")[0]
        key = head[len(key) :].partition(b": ")[2].partition(b"\r\n")[0]
        digest = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n")
        writer.write(b"Sec-WebSocket-Accept: %b\r\n\r\n" % base64.b64encode(digest))
        await reader.read()

    limits = Limits(websockets=1)
    with scripted(accepting) as upstream, gateway(upstream.url, limits=limits) as gate:
        with Raw(gate.port) as first, Raw(gate.port) as second:
            first.send(HANDSHAKE % b"/" + b"\r\n")
            assert first.answer().status == 101
            second.send(HANDSHAKE % b"/" + b"\r\n")
            told(second.answer(), 503, "as many websockets")
        assert wait_until(lambda: gate.worker is not None and gate.worker.websockets == 0)


def test_who_leaves_before_the_websocket_is_open_holds_no_connection_to_the_app() -> None:
    async def silent(seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.requests.append(await reader.readuntil(b"\r\n\r\n"))
        await reader.readexactly(1)

    with scripted(silent) as upstream, gateway(upstream.url) as gate:
        with Raw(gate.port) as client:
            client.send(HANDSHAKE % b"/" + b"\r\n")
            assert wait_until(lambda: upstream.requests)
        assert upstream.aborted.wait(5)
        assert gate.failures == [ClientGone]


def test_a_websocket_behind_an_unanswered_request_is_refused_after_its_answer() -> None:
    async def slow(seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        await asyncio.sleep(0.2)
        writer.write(OK)
        await reader.read()

    with scripted(slow) as upstream, gateway(upstream.url) as gate, Raw(gate.port) as client:
        client.send(GET + HANDSHAKE % b"/" + b"\r\n")
        assert client.answer().body == b"ok"
        assert client.answer().status == 400
        assert client.closed()


def test_the_fields_of_a_handshake_may_be_as_long_as_those_of_any_request() -> None:
    cookie = b"a=" + b"a" * 9000
    with answering(OK) as upstream, gateway(upstream.url) as gate, Raw(gate.port) as client:
        client.send(HANDSHAKE % b"/" + b"Cookie: %b\r\n\r\n" % cookie)
        assert client.answer().status == 200
        assert upstream.fields(b"cookie") == [cookie]
