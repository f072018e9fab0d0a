"""Heads and answers that were parsed before are taken for what the parser makes of them, whatever is done to them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httptools
import pytest

from gateway.edge.exchange import Exchange
from gateway.edge.heads import LONG, Answers, Heads
from gateway.edge.timeouts import Timeouts
from gateway.edge.wire import Wire
from gateway.policy.headers import body_length
from tests.support.coroutines import in_a_loop

ROUNDS = 6000
PEER = "127.0.0.1"

REQUESTS = (
    b"GET /notes?a=b HTTP/1.1\r\nHost: localhost\r\nCookie: a=b\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"HEAD /notes HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n",
    b"POST /notes HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello",
    b"POST /notes HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\n\r\n\r\n",
    b"POST /n HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
    b"GET /notes HTTP/1.0\r\nHost: localhost\r\n\r\n",
    b"GET /notes HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
)
ANSWERS = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nDate: now\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n\r\n\r\n",
    b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
    b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nSet-Cookie: a=b\r\n\r\nhello",
)
PIECES = (
    *(b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"\n\n", b" ", b"\t", b":", b"\0", b"\x80", b"#", b"?", b"%0d%0a", b"/"),
    *(b"HTTP/1.1", b"HTTP/1.0", b"GET / HTTP/1.1\r\n", b"HTTP/1.1 200 OK\r\n", b"Content-Length: 5\r\n", b"5", b"0"),
    *(b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n", b"Upgrade: x\r\n", b"X"),
)


def mutations(samples: tuple[bytes, ...], seed: int) -> Iterator[bytes]:
    """Pieces as they may come: samples, with something put in, taken out, doubled, or joined to another one."""
    chance = random.Random(seed)
    for _ in range(ROUNDS):
        data = chance.choice(samples)
        for _ in range(chance.choice((0, 0, 1, 1, 1, 2, 3))):
            at = chance.randrange(len(data) + 1)
            match chance.randrange(5):
                case 0:
                    data = data[:at] + chance.choice(PIECES) + data[at:]
                case 1:
                    data = data[:at] + data[at + chance.randrange(1, 4) :]
                case 2:
                    data = data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]
                case 3:
                    data += chance.choice(samples)
                case _:
                    end = data.find(b"\r\n") + 2
                    other = chance.choice(samples)
                    data = data[:end] + other[other.find(b"\r\n") + 2 :]
        yield data


class Parsed:
    """What the parser makes of one piece: `one` if it is one message, from its beginning to its end."""

    def __init__(self, data: bytes) -> None:
        self.url = self.body = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.begun = self.ended = 0
        self.failed = False
        parser = httptools.HttpRequestParser(self)
        try:
            parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.failed = True
        self.method = parser.get_method()
        self.version = parser.get_http_version()
        self.one = not self.failed and self.begun == self.ended == 1

    def on_message_begin(self) -> None:
        self.begun += 1
        self.url, self.headers, self.body = b"", [], b""

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.ended += 1


@dataclass
class Said:
    method: bytes
    headers: list[tuple[bytes, bytes]]
    peer: str = PEER
    length: int | None = field(init=False)

    def __post_init__(self) -> None:
        self.length = body_length(tuple(self.headers))


@pytest.mark.parametrize("seed", range(4))
def test_a_request_that_is_recalled_is_what_the_parser_says_it_is(seed: int) -> None:
    heads: Heads[Said] = Heads()
    recalled = 0
    for data in mutations(REQUESTS, seed):
        parsed, whole = Parsed(data), heads.recall(data, PEER)
        if whole is not None:
            recalled += 1
            assert parsed.one and parsed.version == "1.1"
            said, target, body = whole
            assert (said.method, target, body) == (parsed.method, parsed.url, parsed.body)
            assert said.headers == parsed.headers
        elif parsed.one and parsed.version == "1.1":
            try:
                said = Said(parsed.method, parsed.headers)
            except ValueError:
                continue  # a length that is no number: `intake` refuses it
            heads.learn(data, said, parsed.url)
    assert recalled > ROUNDS / 20


def test_what_one_address_said_is_not_recalled_for_another() -> None:
    heads: Heads[Said] = Heads()
    heads.learn(REQUESTS[1], Said(b"GET", [(b"host", b"localhost")]), b"/")
    assert heads.recall(REQUESTS[1], PEER) is not None
    assert heads.recall(REQUESTS[1], "192.0.2.1") is None


def test_long_heads_are_not_kept() -> None:
    heads: Heads[Said] = Heads()
    long = b"GET / HTTP/1.1\r\nHost: localhost\r\nX: %b\r\n\r\n" % (b"x" * LONG)
    heads.learn(long, Said(b"GET", [(b"host", b"localhost"), (b"x", b"x" * LONG)]), b"/")
    assert heads.recall(long, PEER) is None


class Nowhere(asyncio.Transport):
    """Where a wire writes to."""

    closed = False

    def write(self, data: Any) -> None:
        pass

    def is_closing(self) -> bool:
        return self.closed

    def abort(self) -> None:
        self.closed = True

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


class Pool:
    """Of one wire. `reusable`: as it was told in the end."""

    timeouts = Timeouts()

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.reusable: bool | None = None

    def ended(self, wire: Wire, *, reusable: bool) -> None:
        self.reusable = reusable

    def lost(self, wire: Wire) -> None:
        pass

    async def again(self, exchange: Exchange, data: bytes) -> None:
        raise AssertionError


def answered(data: bytes, answers: Answers, *, is_head: bool, sent: bool) -> tuple[Any, bool]:
    """All that an exchange got out of that piece, and whether it was known before."""
    pool = Pool(answers)
    wire = Wire(pool, asyncio.get_running_loop())
    wire.connection_made(Nowhere())
    exchange = Exchange(pool, is_head=is_head, sent=sent, repeat=b"")
    wire.begin(exchange, b"")
    wire.data_received(data)
    told = (
        exchange.status,
        list(exchange.headers),
        b"".join(exchange._chunks),
        exchange.complete,
        type(exchange.error),
        pool.reusable,
        exchange.repeat,
    )
    return told, exchange.answer is not None


@pytest.mark.parametrize("seed", range(4))
@in_a_loop
async def test_an_answer_that_is_recalled_is_what_the_parser_says_it_is(seed: int) -> None:
    answers = Answers()
    chance, recalled = random.Random(seed), 0
    for data in mutations(ANSWERS, seed):
        is_head, sent = chance.random() < 0.1, chance.random() < 0.9
        with_memory, known = answered(data, answers, is_head=is_head, sent=sent)
        without, _ = answered(data, Answers(), is_head=is_head, sent=sent)
        assert with_memory == without
        recalled += known
    assert recalled > ROUNDS / 20
