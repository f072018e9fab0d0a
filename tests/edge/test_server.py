"""What the server in front sees that the app does not."""

from __future__ import annotations

import pytest

from tests.edge import servers
from tests.edge.servers import answering, gateway
from tests.support.raw import Raw

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.mark.parametrize(
    "target",
    [b"/", b"/a?b", b"/a#b", b"/%2e%2e/x", b"//h/a", b"http://h.test/a?b", b"*", b"/a;b/..;/c", b"/a%00", b"/a?b?c#d"],
)
def test_an_app_can_judge_the_target_as_it_was_sent(target) -> None:
    with answering(OK) as upstream, gateway(upstream.url) as gate, Raw(gate.port) as client:
        client.send(b"OPTIONS " + target + b" HTTP/1.1\r\nHost: h.test\r\n\r\n")
        assert client.answer().status == 200
        assert [each["gateway.target"] for each in gate.extensions] == [{"raw": target}]


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /\r\n\r\n",
        b"GET / HTTP/0.9\r\nHost: h\r\n\r\n",
        b"GET / HTTP/2.0\r\nHost: h\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : h\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n",
        b"GET / HTTP/1.1\nHost: h\n\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nX: a\rX-Auth-Time: 9\r\n\r\n",
        b"get / HTTP/1.1\r\nHost: h\r\n\r\n",
        b"CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: identity\r\n\r\nhello",
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1_0\r\n\r\nhello12345",
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0x5\r\n\r\nhello",
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
        # what follows such a head would be read as the next request
        b"POST / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 5\r\n\r\nhello",
        b"POST / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n\r\nhello",
        b"GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: x\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
def test_what_breaks_http_is_refused_and_the_connection_closed(request_bytes) -> None:
    with answering(OK) as upstream, gateway(upstream.url) as gate, Raw(gate.port) as client:
        client.send(request_bytes + b"GET /next HTTP/1.1\r\nHost: h\r\n\r\n")
        answer = client.answer()
        assert (answer.status, answer.header("connection")) == (400, "close")
        assert client.closed()
        assert upstream.requests == []


@pytest.mark.parametrize("chunk", [b"0x5\r\nhello", b"0_5\r\nhello", b"-1\r\n", b"5;x\nhello", b"5\r\nhelloXX"])
def test_a_broken_chunk_ends_the_request_and_the_connection(chunk) -> None:
    head = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    with answering(OK) as upstream, gateway(upstream.url) as gate, Raw(gate.port) as client:
        client.send(head + chunk + b"\r\n0\r\n\r\n")
        assert client.answer().status == 400
        assert client.closed()
        assert upstream.requests == []


def test_h2c_is_never_forwarded_and_the_request_is_served_without_it() -> None:
    request = (
        b"GET /a HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
        b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n"
    )
    with answering(OK) as upstream, gateway(upstream.url) as gate, Raw(gate.port) as client:
        client.send(request + b"GET /next HTTP/1.1\r\nHost: h\r\n\r\n")
        assert client.answer().body == b"ok"
        assert client.closed()
        assert len(upstream.requests) == 1
        assert [upstream.fields(name) for name in (b"upgrade", b"connection", b"http2-settings")] == [[], [], []]


def test_trailers_never_reach_the_headers_an_app_is_given() -> None:
    head = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    with answering(OK) as upstream, gateway(upstream.url) as gate, Raw(gate.port) as client:
        client.send(head + b"1\r\na\r\n0\r\nCookie: a=b\r\nX-App: 1\r\n\r\n")
        assert client.answer().body == b"ok"
        assert (upstream.fields(b"cookie"), upstream.fields(b"x-app")) == ([], [])


def test_a_head_that_does_not_end_is_refused() -> None:
    with answering(OK) as upstream, gateway(upstream.url) as gate, Raw(gate.port) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: h\r\n")
        for _ in range(2):
            client.send(b"X: " + b"a" * 40_000 + b"\r\n")
        assert client.answer().status == 431
        assert client.closed()
        assert upstream.connections == int(servers.EXPRESS)


def test_a_get_with_a_body_that_is_itself_a_request_has_one_answer() -> None:
    inner = b"GET /admin HTTP/1.1\r\nHost: x\r\nX-Smuggled: 1\r\n\r\n"
    with answering(OK) as upstream, gateway(upstream.url) as gate, Raw(gate.port) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % len(inner) + inner)
        assert client.answer().body == b"ok"
        assert not client.closed(within=0.1)
        assert len(upstream.requests) == 1
        assert upstream.requests[0].endswith(b"content-length: %d\r\n\r\n" % len(inner) + inner)
