"""An app that is reached by TLS is who it says it is, or is not asked."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.policy.facts import Reason
from gateway.policy.login import Declined
from tests.edge.servers import Started, nothing, on_a_loop, read_request
from tests.edge.test_upstream import certificate
from tests.identity.shop import ADDRESS, PASSWORD, identity

__all__ = ["certificate"]

ANSWER = b"HTTP/1.1 429 Busy\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture
def port(certificate: Path) -> Iterator[int]:
    """An https server that takes no more tries."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(ANSWER)
        writer.close()

    async def start() -> Started:
        return await asyncio.start_server(connection, "127.0.0.1", 0, ssl=context), nothing

    with on_a_loop(start) as opened:
        yield opened


@pytest.mark.parametrize(
    ("host", "trusted", "reason"),
    [
        ("localhost", True, Reason.APP_LOCKED),
        ("localhost", False, Reason.APP_DOWN),
        ("127.0.0.1", True, Reason.APP_DOWN),
    ],
)
def test_an_https_app_is_verified(
    port: int, certificate: Path, monkeypatch: pytest.MonkeyPatch, host: str, trusted: bool, reason: Reason
) -> None:
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    app = identity(f"https://{host}:{port}")
    told = asyncio.run(app.sign_in("alice", PASSWORD, address=ADDRESS))
    assert told == Declined(reason, False)
