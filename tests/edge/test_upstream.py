"""The pooled client by itself."""

from __future__ import annotations

import asyncio
import datetime
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.edge.exchange import LARGE
from gateway.edge.upstream import Outgoing, beside, chunk, serialize
from tests.edge.servers import Started, answering, gateway, nothing, on_a_loop, read_request
from tests.support.raw import Raw

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
HOST = [(b"host", b"h")]


@pytest.mark.parametrize(
    ("request_", "sent"),
    [
        (Outgoing(b"GET", b"/a", HOST), b"GET /a HTTP/1.1\r\nhost: h\r\n\r\n"),
        (Outgoing(b"POST", b"/", HOST), b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 0\r\n\r\n"),
        (Outgoing(b"GET", b"/", HOST, 0, b"ab"), b"GET / HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\nab"),
        (Outgoing(b"PUT", b"/", HOST, 3, b"ab"), b"PUT / HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\n\r\nab"),
        (
            Outgoing(b"PUT", b"/", HOST, None, b"ab"),
            b"PUT / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n",
        ),
        (Outgoing(b"PUT", b"/", [], None), b"PUT / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n"),
    ],
)
def test_head_and_first_bytes_are_one_piece_with_one_framing(request_, sent) -> None:
    assert serialize(request_) == sent


@pytest.mark.parametrize("size", [LARGE - 1, LARGE, 3 * LARGE])
@pytest.mark.parametrize("rest", [0, 5, None])
def test_a_large_piece_of_body_leaves_beside_its_head_and_nothing_else_differs(size: int, rest: int | None) -> None:
    whole = Outgoing(b"PUT", b"/", HOST, rest, b"x" * size)
    head, body = beside(whole)
    assert serialize(head) + body == serialize(whole)
    assert bool(body) == (size >= LARGE and rest is not None)


@pytest.mark.parametrize(
    "request_",
    [
        Outgoing(b"GET", b"/", [(b"x-auth-user", b"a\r\nx-admin: 1")]),
        Outgoing(b"GET", b"/", [(b"x-auth-user", b"a\nb")]),
        Outgoing(b"GET", b"/", [(b"x-auth-user", b"a\rb")]),
        Outgoing(b"GET", b"/ HTTP/1.1\r\nx: y", []),
        Outgoing(b"GET", b"/", [(b"x\r\ny", b"a")]),
    ],
)
def test_a_line_break_inside_a_field_never_leaves(request_) -> None:
    with pytest.raises(ValueError, match="line break"):
        serialize(request_)


def test_an_empty_piece_is_no_chunk_because_that_would_be_the_last() -> None:
    assert (chunk(b""), chunk(b"x" * 16)) == (b"", b"10\r\n" + b"x" * 16 + b"\r\n")


def test_a_request_that_must_not_be_sent_twice_takes_no_connection_that_was_idle_for_long() -> None:
    with answering(OK) as upstream, gateway(upstream.url) as gate, Raw(gate.port) as client:
        for method, pause, connections in ((b"GET", 0, 1), (b"PUT", 0, 1), (b"GET", 1.1, 1), (b"PUT", 1.1, 2)):
            time.sleep(pause)
            client.send(method + b" / HTTP/1.1\r\nHost: h\r\n\r\n")
            assert client.answer().body == b"ok"
            assert upstream.connections == connections


def test_the_newest_idle_connection_is_used_first() -> None:
    with answering(OK) as upstream, gateway(upstream.url) as gate:
        clients = [Raw(gate.port) for _ in range(4)]
        for _ in range(5):
            for client in clients:
                client.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
                assert client.answer().body == b"ok"
        for client in clients:
            client.close()
        assert upstream.connections == 1


@pytest.fixture
def certificate(tmp_path: Path) -> Iterator[Path]:
    """A certificate of its own authority, for localhost, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "pem"
    pem.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    yield pem


@pytest.mark.parametrize(
    ("host", "trusted", "status"), [("localhost", True, 200), ("localhost", False, 502), ("127.0.0.1", True, 502)]
)
def test_an_https_upstream_is_verified(certificate, monkeypatch, host, trusted, status) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(OK)
        await writer.drain()
        writer.close()

    async def start() -> Started:
        return await asyncio.start_server(connection, "127.0.0.1", 0, ssl=context), nothing

    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with on_a_loop(start) as port, gateway(f"https://{host}:{port}") as gate, Raw(gate.port) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert client.answer().status == status
