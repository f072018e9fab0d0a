"""Answers the gateway gives itself: small, whole, never cached."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

Send = Callable[[Any], Awaitable[None]]
Fields = Sequence[tuple[bytes, bytes]]

NO_SNIFFING = (b"x-content-type-options", b"nosniff")
NEVER_CACHED = ((b"cache-control", b"no-store"), (b"vary", b"Cookie"))


async def answer(send: Send, status: int, body: bytes, content_type: bytes, fields: Fields = ()) -> None:
    """One whole response."""
    headers = [
        (b"content-type", content_type),
        (b"content-length", str(len(body)).encode()),
        NO_SNIFFING,
        *NEVER_CACHED,
        *fields,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def redirect(send: Send, location: str, fields: Fields = ()) -> None:
    """303: whatever it was, go on with a GET there. `location` is a path of ours."""
    await answer(send, 303, b"", b"text/plain", [(b"location", location.encode("latin-1")), *fields])


async def problem(send: Send, status: int, members: dict[str, object], fields: Fields = ()) -> None:
    """RFC 9457."""
    body = json.dumps({"status": status, **members}).encode()
    await answer(send, status, body, b"application/problem+json", fields)


async def text(send: Send, status: int, words: str) -> None:
    """For probes."""
    await answer(send, status, words.encode() + b"\n", b"text/plain; charset=utf-8")
