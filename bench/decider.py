"""The least decision service that the peers can ask: who has a cookie may pass. Run by uvicorn, from `peers`."""

from __future__ import annotations

from typing import Any

YES = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-length", b"0"), (b"x-auth-user", b"alice")],
}
NO = {"type": "http.response.start", "status": 401, "headers": [(b"content-length", b"0")]}
END = {"type": "http.response.body"}


async def app(scope: Any, receive: Any, send: Any) -> None:
    known = any(name == b"cookie" for name, _ in scope["headers"])
    await send(YES if known else NO)
    await send(END)
