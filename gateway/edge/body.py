"""The body of a request, read no further than somebody needs, and still whole for the upstream (law 12)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from gateway.errors import ClientGone, ClientSlow

Message = Any
Receive = Callable[[], Awaitable[Message]]


class Body:
    """Wraps `receive`. What was read ahead is given again by `receive` here, before the rest.

    `within` so many seconds all that is wanted must have come. The server itself looks after the first piece, so that
    a body that came at once, or none, costs no timer.
    """

    __slots__ = ("_begun", "_more", "_read", "_receive", "_replayed", "_size", "_until", "_within")

    def __init__(self, receive: Receive, within: float | None = None) -> None:
        self._receive = receive
        self._within = within
        self._until: float | None = None
        self._begun = False
        self._read: list[bytes] = []
        self._size = 0
        self._more = True
        self._replayed = 0

    @classmethod
    def of(cls, body: bytes, receive: Receive) -> Body:
        """One that was read long ago; `receive` still tells when the client leaves."""
        made = cls(receive)
        made._keep({"body": body})
        return made

    async def whole(self, limit: int) -> bytes | None:
        """All of it, or None if it is longer than `limit` bytes. Raises ClientGone if it never ends, and ClientSlow."""
        if self._more and not self._begun:
            self._begun = True
            if self._within is not None:
                self._until = asyncio.get_running_loop().time() + self._within
            await self._next()
        if self._more and self._size <= limit:
            try:
                async with asyncio.timeout_at(self._until):
                    while self._more and self._size <= limit:
                        await self._next()
            except TimeoutError:
                raise ClientSlow from None
        return None if self._size > limit else b"".join(self._read)

    async def _next(self) -> None:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        self._keep(message)

    def _keep(self, message: Message) -> None:
        chunk: bytes = message.get("body", b"")
        if chunk:
            self._read.append(bytes(chunk))
            self._size += len(chunk)
        self._more = message.get("more_body", False)

    async def receive(self) -> Message:
        """ASGI's `receive`, from the first byte."""
        if self._replayed < len(self._read):
            chunk = self._read[self._replayed]
            self._read[self._replayed] = b""
            self._replayed += 1
            return {"type": "http.request", "body": chunk, "more_body": self._more or self._replayed < len(self._read)}
        if not self._more and not self._read:
            self._read.append(b"")
            self._replayed = 1
            return {"type": "http.request", "body": b"", "more_body": False}
        return await self._receive()
