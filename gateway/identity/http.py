"""The one seam to the HTTP library, for calls the gateway itself makes.

What is used of it is its transport, which keeps no cookies, follows nothing, reads no proxy from the environment and
logs no address: two people's cookies cannot meet in it. Texts of the library's errors may quote an answer's fields, so
none of them goes on.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import zlib
from collections.abc import AsyncIterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx

from gateway.errors import UpstreamBroken, UpstreamTimeout, UpstreamUnreachable
from gateway.identity.text import decoded
from gateway.policy.facts import Headers
from gateway.policy.headers import Field

LONGEST_BODY = 1 << 20
"""Bytes of an answer that are read, before and after decompression."""

MOST_CONNECTIONS = 64

PACKED = frozenset({b"gzip", b"x-gzip", b"deflate"})
"""Content codings that can be unpacked here."""

logging.getLogger("httpcore").setLevel(logging.INFO)  # below that it writes down fields, cookies among them


@dataclass(frozen=True, slots=True)
class Deadlines:
    """In seconds: for a connection, for a whole answer, for a whole conversation."""

    connect: float = 5.0
    answer: float = 10.0
    conversation: float = 20.0


class Answer(NamedTuple):
    """Names of fields in lower case. `whole` is False where the body was longer than what is read."""

    status: int
    headers: Headers
    body: bytes
    whole: bool = True

    def field(self, name: bytes) -> bytes:
        """The first field of that lower-case name, b"" for none."""
        return next((value for key, value in self.headers if key == name), b"")

    @property
    def redirects(self) -> bool:
        return self.status in {301, 302, 303, 307, 308} and self.field(b"location") != b""

    @property
    def readable(self) -> bool:
        """Whether its body is in a coding that can be unpacked."""
        return self.field(b"content-encoding").strip().lower() in {b"", b"identity", *PACKED}

    @property
    def text(self) -> str:
        return decoded(self.body, self.field(b"content-type").decode("latin-1"))[0]


class Client:
    """Asks one app's server. Every call is on a connection of its own: a kept one may have been closed meanwhile, and
    what is sent here must not be sent twice."""

    def __init__(self, upstream: str, deadlines: Deadlines) -> None:
        self._url, self._deadlines = upstream, deadlines
        self._transport = httpx.AsyncHTTPTransport(
            verify=_tls(upstream),
            trust_env=False,
            limits=httpx.Limits(max_connections=MOST_CONNECTIONS, max_keepalive_connections=0),
        )

    async def ask(
        self, method: str, target: str, headers: Sequence[Field], body: bytes = b"", *, read: bool = True
    ) -> Answer:
        """`target` is in origin-form. Bodies of redirects are left alone, and all are where `read` is False.

        Raises UpstreamUnreachable, UpstreamBroken and UpstreamTimeout; of the first no byte was sent.
        """
        request = httpx.Request(
            method,
            self._url,
            headers=[*headers, (b"Connection", b"close")],
            content=body if body or method == "POST" else None,
            extensions={
                "target": target.encode("ascii"),
                "timeout": {"connect": self._deadlines.connect, "pool": self._deadlines.connect},
            },
        )
        try:
            async with asyncio.timeout(self._deadlines.answer):
                return await self._answer(request, read)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            raise UpstreamUnreachable(f"no connection to {self._url}") from None
        except (TimeoutError, httpx.TimeoutException):
            raise UpstreamTimeout("the app did not answer in time") from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, zlib.error):
            raise UpstreamBroken("the app's answer broke off, or was not HTTP") from None

    async def _answer(self, request: httpx.Request, read: bool) -> Answer:
        response = await self._transport.handle_async_request(request)
        try:
            headers = tuple((name.lower(), value) for name, value in response.headers.raw)
            found = Answer(response.status_code, headers, b"")
            if found.redirects or not read:
                return found
            body, whole = await _bounded(response.aiter_raw(), found.field(b"content-encoding"))
            return found._replace(body=body, whole=whole)
        finally:
            await response.aclose()

    async def close(self) -> None:
        await self._transport.aclose()


async def _bounded(blocks: AsyncIterable[bytes], coding: bytes) -> tuple[bytes, bool]:
    """The first LONGEST_BODY bytes, unpacked, and whether that is all. Raises zlib.error."""
    packed = coding.strip().lower() in PACKED
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32) if packed else None  # 32: either header
    body, seen = bytearray(), 0
    async for block in blocks:
        seen += len(block)
        body += unpacker.decompress(block, LONGEST_BODY + 1 - len(body)) if unpacker else block
        if len(body) > LONGEST_BODY or seen > LONGEST_BODY:
            return bytes(body[:LONGEST_BODY]), False
    return bytes(body), unpacker is None or unpacker.eof or not seen


def _tls(upstream: str) -> ssl.SSLContext:
    """Verifies an https upstream by the system's certificate store; for others nothing is loaded."""
    if urlsplit(upstream).scheme == "https":
        return ssl.create_default_context()
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
