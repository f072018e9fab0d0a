"""The proxy path over real sockets, in front of upstreams that behave and upstreams that do not."""

from __future__ import annotations

import asyncio
import time

import pytest
import uvloop

from gateway.edge.relay import relay
from gateway.edge.timeouts import Timeouts
from gateway.edge.upstream import Outgoing, Upstream
from gateway.errors import ClientGone, UpstreamBroken, UpstreamError, UpstreamTimeout, UpstreamUnreachable
from tests.edge import servers
from tests.edge.servers import Seen, answering, gateway, read_request, scripted, wait_until
from tests.support.raw import NoAnswer, Raw

SOON = Timeouts(connect=0.2, first_byte=0.2, between=0.2)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
GET = b"GET /a?b=%20c HTTP/1.1\r\nHost: h.test\r\n\r\n"


def post(body: bytes, *fields: bytes) -> bytes:
    head = [b"POST /p HTTP/1.1", b"Host: h.test", b"Content-Length: %d" % len(body), *fields]
    return b"\r\n".join([*head, b"", b""]) + body


# the request


def test_an_app_gets_the_clients_own_bytes_and_one_of_each_of_our_fields() -> None:
    with answering(OK) as upstream, gateway(upstream.url) as gate, Raw(gate.port) as client:
        client.send(
            b"GET /%61//b;c?d=%zz&e HTTP/1.1\r\nHost: H.test:80\r\nX-App: 1\r\nX_Auth.Time: 9\r\nTE: trailers\r\n\r\n"
        )
        assert client.answer().body == b"ok"
        assert upstream.requests == [
            b"GET /%61//b;c?d=%zz&e HTTP/1.1\r\nhost: H.test:80\r\nx-app: 1\r\nx-auth-user: alice\r\n"
            b"x-auth-time: 1700000000\r\nx-auth-methods: pwd\r\nx-forwarded-for: 192.0.2.1\r\n"
            b"x-forwarded-proto: https\r\nx-forwarded-host: H.test:80\r\nx-request-id: id-1\r\n\r\n"
        ]


@pytest.mark.parametrize(
    ("sent", "length", "coding", "body"),
    [
        (post(b"abc"), [b"3"], [], b"abc"),
        (post(b""), [b"0"], [], b""),
        (b"DELETE /d HTTP/1.1\r\nHost: h\r\n\r\n", [], [], b""),
        (b"PUT /d HTTP/1.1\r\nHost: h\r\n\r\n", [b"0"], [], b""),
        # chunks that are all there are sent on with their length
        (
            b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            [b"3"],
            [],
            b"abc",
        ),
        (
            b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTrailer: X-Auth-User\r\n\r\n"
            b"3\r\nabc\r\n0\r\nX-Auth-User: root\r\nHost: evil\r\n\r\n",
            [b"3"],
            [],
            b"abc",
        ),
    ],
)
def test_a_body_is_framed_anew_and_trailers_are_dropped(sent, length, coding, body) -> None:
    with answering(OK) as upstream, gateway(upstream.url) as gate, Raw(gate.port) as client:
        client.send(sent)
        assert client.answer().status == 200
        assert upstream.fields(b"content-length") == length
        assert upstream.fields(b"transfer-encoding") == coding
        assert upstream.fields(b"x-auth-user") == [b"alice"]
        assert upstream.requests[0].partition(b"\r\n\r\n")[2] == body


def test_a_chunked_body_of_unknown_length_is_streamed_in_chunks() -> None:
    with answering(OK) as upstream, gateway(upstream.url) as gate, Raw(gate.port) as client:
        client.send(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        time.sleep(0.1)
        client.send(b"2\r\nde\r\n0\r\nX-Auth-User: root\r\n\r\n")
        assert client.answer().status == 200
        assert upstream.fields(b"transfer-encoding") == [b"chunked"]
        assert upstream.requests[0].endswith(b"\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")


def test_a_client_that_expects_100_continue_gets_it_and_the_app_sees_an_ordinary_request() -> None:
    with answering(OK) as upstream, gateway(upstream.url) as gate, Raw(gate.port) as client:
        client.send(b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        assert client.answer().status == 100
        client.send(b"abc")
        assert client.answer().body == b"ok"
        assert upstream.fields(b"expect") == []


@pytest.mark.parametrize(
    "partial",
    [
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcXX0\r\n\r\n",
    ],
)
def test_a_partial_request_is_never_completed(partial) -> None:
    with answering(OK) as upstream, gateway(upstream.url) as gate:
        with Raw(gate.port) as client:
            client.send(partial)
            time.sleep(0.1)
        assert servers.EXPRESS or wait_until(lambda: gate.failures == [ClientGone])
        assert upstream.requests == []
        unsent = servers.EXPRESS and b"XX" in partial  # it was refused before a byte left
        assert unsent or upstream.connections == 0 or upstream.aborted.wait(2)


@pytest.mark.parametrize("pieces", [[b"abc"], [b"abc", b"de"], [b"abc", b"defghijk"]])
def test_a_body_that_is_not_as_long_as_it_said_is_never_completed(pieces) -> None:
    messages = iter(
        {"type": "http.request", "body": piece, "more_body": more < len(pieces)} for more, piece in enumerate(pieces, 1)
    )

    async def receive() -> dict[str, object]:
        return next(messages)

    async def send(message: object) -> None:
        raise AssertionError(message)

    async def story(url: str) -> None:
        app = Upstream(url)
        try:
            with pytest.raises(ClientGone):
                await relay(app, Outgoing(b"POST", b"/", [(b"host", b"h")], 9), receive, send)
        finally:
            app.close()
            await asyncio.sleep(0.01)

    with answering(OK) as upstream:
        uvloop.run(story(upstream.url))
        assert upstream.requests == []


def timed_relay(upstream_url: str, pieces: list[bytes], *, pause: float = 0.0) -> list[tuple[str, float, bool]]:
    """What is told of one request whose pieces come that slowly."""
    told: list[tuple[str, float, bool]] = []
    messages = [{"type": "http.request", "body": each, "more_body": each is not pieces[-1]} for each in pieces]

    async def receive() -> dict[str, object]:
        if not messages:
            await asyncio.sleep(60)
        await asyncio.sleep(pause)
        return messages.pop(0)

    async def send(message: object) -> None:
        pass

    async def story() -> None:
        app = Upstream(upstream_url, timeouts=SOON, timed=lambda *each: told.append(each))
        rest = len(b"".join(pieces))
        try:
            await relay(app, Outgoing(b"POST", b"/", [(b"host", b"h")], rest), receive, send)
        except UpstreamError:
            pass
        finally:
            app.close()
            await asyncio.sleep(0.01)

    uvloop.run(story())
    return told


@pytest.mark.parametrize(("pieces", "pause"), [([b""], 0.0), ([b"abc"], 0.3), ([b"ab", b"c", b"d"], 0.3)])
def test_an_answer_is_timed_from_the_end_of_its_request(pieces, pause) -> None:
    with answering(OK) as upstream:
        [(call, seconds, ok)] = timed_relay(upstream.url, pieces, pause=pause)
    assert (call, ok) == ("head", True)
    assert 0 < seconds < 0.3


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf", [("head", True), ("broken", False)]),
        (b"nonsense\r\n\r\n", [("broken", False)]),
        (b"", [("timeout", False)]),
    ],
)
def test_an_answer_that_does_not_come_is_told_by_how(reply, told) -> None:
    with answering(reply, close=bool(reply)) as upstream:
        assert [(call, ok) for call, _, ok in timed_relay(upstream.url, [b"abc"])] == told


def test_an_upstream_that_is_not_there_is_told_too() -> None:
    with answering(OK) as upstream:
        gone = upstream.url
    assert [(call, ok) for call, _, ok in timed_relay(gone, [b"abc"])] == [("unreachable", False)]


def test_pipelined_requests_are_answered_in_their_order() -> None:
    with answering(OK, OK.replace(b"ok", b"no")) as upstream, gateway(upstream.url) as gate, Raw(gate.port) as client:
        client.send(GET + GET)
        assert [client.answer().body, client.answer().body] == [b"ok", b"no"]


def test_a_connection_that_brought_a_large_answer_at_once_is_used_again() -> None:
    large = b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + bytes(200_000)
    with answering(large) as upstream, gateway(upstream.url) as gate, Raw(gate.port, timeout=3) as client:
        for _ in range(20):
            client.send(GET)
            assert len(client.answer().body) == 200_000
        assert upstream.connections == 1


# the answer

REPLIES = [
    # (reply, closes after it, method, status, body, the connection is used again)
    (OK, False, b"GET", 200, b"ok", True),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", False, b"GET", 200, b"ok", True),
    (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nSet-Cookie: a=b\r\n\r\n",
        False,
        b"GET",
        200,
        b"ok",
        True,
    ),
    (b"HTTP/1.1 204 No Content\r\n\r\n", False, b"GET", 204, b"", True),
    (b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n", False, b"GET", 204, b"", True),
    (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\nETag: x\r\n\r\n", False, b"GET", 304, b"", True),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", False, b"HEAD", 200, b"", True),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", False, b"HEAD", 200, b"", True),
    (b"HTTP/1.1 200 OK\r\n\r\n", True, b"HEAD", 200, b"", False),
    (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, False, b"GET", 200, b"ok", True),
    (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nContent-Length: 3\r\n\r\n" + OK, False, b"GET", 200, b"ok", True),
    (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", True, b"GET", 200, b"ok", False),
    (b"HTTP/1.1 200 OK\r\n\r\nok", True, b"GET", 200, b"ok", False),
    (b"HTTP/1.0 200 OK\r\n\r\nok", True, b"GET", 200, b"ok", False),
    (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", True, b"GET", 200, b"ok", False),
    # garbage after the answer: it is relayed, and the connection is not trusted again
    (OK + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", False, b"GET", 200, b"ok", False),
    (OK + b"garbage", False, b"GET", 200, b"ok", False),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", False, b"HEAD", 200, b"", False),
    (b"HTTP/1.1 204 No Content\r\n\r\nevil", False, b"GET", 204, b"", False),
]


@pytest.mark.parametrize(("reply", "close", "method", "status", "body", "reused"), REPLIES)
def test_an_answer_is_relayed_as_its_framing_says(reply, close, method, status, body, reused) -> None:
    request = method + b" / HTTP/1.1\r\nHost: h\r\n\r\n"
    with answering(reply, close=close) as upstream, gateway(upstream.url) as gate, Raw(gate.port) as client:
        for _ in range(2):
            client.send(request)
            answer = client.answer(method.decode())
            assert (answer.status, answer.body) == (status, body)
            assert answer.header("set-cookie") is None
        assert upstream.connections == (1 if reused else 2)


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/0.9 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0x2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 600 What\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nX : a\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nok",
    ],
)
def test_an_answer_whose_grammar_or_framing_is_in_doubt_is_a_502(reply) -> None:
    with answering(reply, close=True) as upstream, gateway(upstream.url) as gate, Raw(gate.port) as client:
        client.send(GET)
        assert client.answer().status == 502
        assert gate.failures == [UpstreamBroken]


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nokX",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0x2\r\n",
    ],
)
def test_a_client_can_tell_that_an_answer_broke_off(reply) -> None:
    async def script(seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(reply)
        await asyncio.sleep(0.05)

    with scripted(script) as upstream, gateway(upstream.url) as gate, Raw(gate.port) as client:
        client.send(GET)
        with pytest.raises(NoAnswer):
            client.answer()
        assert upstream.connections == 1


def test_several_set_cookie_lines_stay_several_and_ours_cannot_be_set_by_an_app() -> None:
    reply = (
        b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2; Expires=Thu, 01 Jan 2026 00:00:00 GMT\r\n"
        b"Set-Cookie: __Host-gateway_session=evil\r\nKeep-Alive: timeout=5\r\nDate: then\r\nServer: app\r\n"
        b"Content-Length: 0\r\n\r\n"
    )
    with answering(reply) as upstream, gateway(upstream.url) as gate, Raw(gate.port) as client:
        client.send(GET)
        answer = client.answer()
        assert answer.values("set-cookie") == ["a=1", "b=2; Expires=Thu, 01 Jan 2026 00:00:00 GMT"]
        assert answer.header("keep-alive") is None
        assert answer.values("server") == ["app"]
        assert len(answer.values("date")) == 1


def test_extra_fields_join_the_answer_and_cache_control_replaces_the_apps() -> None:
    reply = b"HTTP/1.1 200 OK\r\nCache-Control: public\r\nSet-Cookie: a=1\r\nContent-Length: 0\r\n\r\n"
    extra = ((b"cache-control", b"no-store"), (b"set-cookie", b"gateway_t=x"))
    with answering(reply) as upstream, gateway(upstream.url, extra=extra) as gate, Raw(gate.port) as client:
        client.send(GET)
        answer = client.answer()
        assert answer.values("cache-control") == ["no-store"]
        assert answer.values("set-cookie") == ["a=1", "gateway_t=x"]


def test_an_http_1_0_client_gets_no_chunks() -> None:
    reply = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    with answering(reply) as upstream, gateway(upstream.url) as gate, Raw(gate.port) as client:
        client.send(b"GET / HTTP/1.0\r\nHost: h\r\n\r\n")
        answer = client.answer()
        assert (answer.body, answer.header("transfer-encoding")) == (b"ok", None)


# the pool


def test_a_connection_that_died_while_idle_costs_a_safe_request_nothing() -> None:
    async def script(seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.requests.append(await read_request(reader))
        writer.write(OK)
        if seen.connections == 1:  # dies on its second request, not before
            seen.requests.append(await read_request(reader))
            return
        await reader.read()

    with scripted(script) as upstream, gateway(upstream.url) as gate, Raw(gate.port) as client:
        for _ in range(2):
            client.send(GET)
            assert client.answer().body == b"ok"
        assert (upstream.connections, len(upstream.requests)) == (2, 3)


def test_a_request_that_may_have_taken_effect_is_not_sent_twice() -> None:
    async def script(seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.requests.append(await read_request(reader))
        writer.write(OK)
        seen.requests.append(await read_request(reader))

    with scripted(script) as upstream, gateway(upstream.url) as gate, Raw(gate.port) as client:
        client.send(GET)
        assert client.answer().body == b"ok"
        client.send(post(b"a=1"))
        assert client.answer().status == 502
        assert (upstream.connections, gate.failures) == (1, [UpstreamBroken])


def test_a_connection_the_upstream_closed_is_noticed_at_once() -> None:
    with answering(OK, close=True) as upstream, gateway(upstream.url) as gate, Raw(gate.port) as client:
        for expected in (1, 2, 3):
            client.send(post(b"a"))
            assert client.answer().status == 200
            assert upstream.connections == expected
            time.sleep(0.02)


def test_a_connection_whose_last_answer_was_large_is_read_from_again() -> None:
    body = b"x" * 150_000
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    with answering(reply) as upstream, gateway(upstream.url, timeouts=SOON) as gate, Raw(gate.port) as client:
        for _ in range(20):
            client.send(GET)
            assert client.answer().body == body
        assert upstream.connections == 1


def test_a_fresh_request_has_a_connection_of_its_own() -> None:
    with answering(OK) as upstream, gateway(upstream.url, fresh=True) as gate, Raw(gate.port) as client:
        for _ in range(2):
            client.send(post(b"a"))
            assert client.answer().status == 200
        assert upstream.connections == 2


def test_bytes_on_an_idle_connection_are_never_the_next_ones_answer() -> None:
    async def script(seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            seen.requests.append(await read_request(reader))
            writer.write(OK)
            await asyncio.sleep(0.05)
            writer.write(OK.replace(b"ok", b"NO"))

    with scripted(script) as upstream, gateway(upstream.url) as gate, Raw(gate.port) as client:
        for _ in range(2):
            client.send(GET)
            assert client.answer().body == b"ok"
            time.sleep(0.1)
        assert upstream.connections == 2


def test_connections_are_limited_and_a_request_waits_its_turn() -> None:
    async def script(seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            seen.requests.append(await read_request(reader))
            await asyncio.sleep(0.1)
            writer.write(OK)

    with scripted(script) as upstream, gateway(upstream.url, max_connections=1) as gate:
        clients = [Raw(gate.port) for _ in range(3)]
        for client in clients:
            client.send(post(b"a"))
        assert [client.answer().status for client in clients] == [200, 200, 200]
        assert upstream.connections == 1
        for client in clients:
            client.close()


# failure


def test_an_upstream_that_is_not_there_is_a_502_and_nothing_was_sent() -> None:
    with answering(OK) as gone:
        url = gone.url
    with gateway(url) as gate, Raw(gate.port) as client:
        client.send(post(b"a"))
        assert client.answer().status == 502
        assert gate.failures == [UpstreamUnreachable]


def test_an_upstream_that_says_nothing_is_a_504() -> None:
    async def script(seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.requests.append(await read_request(reader))
        await reader.read()

    with scripted(script) as upstream, gateway(upstream.url, timeouts=SOON) as gate, Raw(gate.port) as client:
        client.send(GET)
        assert client.answer().status == 504
        assert (gate.failures, len(upstream.requests)) == ([UpstreamTimeout], 1)


def test_what_was_not_answered_in_time_on_a_used_connection_is_not_asked_again() -> None:
    async def script(seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.requests.append(await read_request(reader))
        writer.write(OK)
        seen.requests.append(await read_request(reader))
        await reader.read()

    with scripted(script) as upstream, gateway(upstream.url, timeouts=SOON) as gate, Raw(gate.port) as client:
        for status in (200, 504):
            client.send(GET)
            assert client.answer().status == status
        assert (upstream.connections, len(upstream.requests)) == (1, 2)


def test_interim_answers_do_not_put_the_deadline_off() -> None:
    async def script(seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        while not writer.is_closing():
            writer.write(b"HTTP/1.1 102 Processing\r\n\r\n")
            await asyncio.sleep(0.05)

    with scripted(script) as upstream, gateway(upstream.url, timeouts=SOON) as gate, Raw(gate.port) as client:
        client.send(GET)
        assert client.answer().status == 504


def test_an_upstream_that_stops_in_the_middle_of_its_answer_is_given_up() -> None:
    async def script(seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok")
        await reader.read()

    with scripted(script) as upstream, gateway(upstream.url, timeouts=SOON) as gate, Raw(gate.port) as client:
        client.send(GET)
        with pytest.raises(NoAnswer):
            client.answer()


def test_an_upstream_that_reads_no_further_is_a_504() -> None:
    async def script(seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(3)

    with scripted(script) as upstream, gateway(upstream.url, timeouts=SOON) as gate, Raw(gate.port) as client:
        client.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 30000000\r\n\r\n")
        client.send(b"x" * 30_000_000)
        assert client.answer().status == 504
        assert gate.failures == [UpstreamTimeout]


def test_an_early_answer_reaches_the_client_and_the_connection_is_given_up() -> None:
    async def script(seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        await reader.read()

    with scripted(script) as upstream, gateway(upstream.url) as gate, Raw(gate.port) as client:
        client.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc")
        answer = client.answer()
        assert (answer.status, answer.body) == (413, b"no")
        client.send(b"defghi")
        client.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc")
        assert client.answer().status == 413
        assert upstream.connections == 2


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n"])
def test_when_the_client_leaves_the_upstream_is_let_go(head) -> None:
    async def script(seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.requests.append(await read_request(reader))
        writer.write(head)
        await reader.readexactly(1)

    with scripted(script) as upstream, gateway(upstream.url) as gate:
        client = Raw(gate.port)
        client.send(GET)
        assert wait_until(lambda: upstream.requests)
        time.sleep(0.1)
        client.close()
        assert upstream.aborted.wait(3)
        assert gate.failures == ([] if head or servers.EXPRESS else [ClientGone])
