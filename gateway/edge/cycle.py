"""An answer that the gateway gives itself, to a request that came whole: what uvicorn's cycle is, without its checks.

Whoever answers does so at once and whole, with a Content-Length.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Sequence
from typing import Any, Protocol

from gateway.edge.writing import head
from gateway.policy.headers import Field

BROKEN: tuple[Field, ...] = (
    (b"content-type", b"text/plain; charset=utf-8"),
    (b"content-length", b"21"),
)


class Done:
    """The cycle of a connection that nothing is under way on. It holds nothing, so that what was under way is free."""

    __slots__ = ()  # one for all connections: nothing can be set
    waiting_for_100_continue = disconnected = False
    response_started = response_complete = keep_alive = True

    @property
    def message_event(self) -> Done:
        return self

    def set(self) -> None:
        """Nobody waits."""


DONE = Done()


class Client(Protocol):
    """The connection that it goes to."""

    def write(self, data: bytes) -> bool: ...

    def fields(self) -> list[Field]:
        """That stand in each answer."""
        ...

    def answered(self, cycle: Cycle) -> None:
        """All of it has been written."""
        ...


class Cycle:
    """To anything but a HEAD. `set` is called when the client is gone."""

    __slots__ = (
        *("_client", "_gone", "_headers", "_status", "disconnected", "keep_alive"),
        *("response_complete", "response_started"),
    )
    waiting_for_100_continue = False

    def __init__(self, client: Client, *, keep_alive: bool) -> None:
        self.keep_alive = keep_alive
        self.disconnected = False
        self.response_started = False
        self.response_complete = False
        self._client = client
        self._status = 0
        self._headers: Sequence[Field] = ()
        self._gone: asyncio.Event | None = None

    @property
    def message_event(self) -> Cycle:
        """uvicorn tells a cycle by its event that the client is gone."""
        return self

    def set(self) -> None:
        if self._gone is not None:
            self._gone.set()

    async def run(self, answering: Awaitable[None]) -> None:
        """The task. Whoever answers does so by `receive` and `send`."""
        try:
            await answering
            if not (self.response_complete or self.disconnected):
                raise RuntimeError("nothing was answered")
        except BaseException as error:  # as uvicorn does
            logging.getLogger("uvicorn.error").error("Exception in ASGI application\n", exc_info=error)
            self.keep_alive = False
            await self.send({"status": 500, "headers": BROKEN, "type": "http.response.start"})
            await self.send({"body": b"Internal Server Error", "type": "http.response.body"})

    async def receive(self) -> Any:
        """There is no more to come."""
        self._gone = asyncio.Event()
        if not self.disconnected:
            await self._gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self._status, self._headers = message["status"], message["headers"]
        elif not (self.disconnected or self.response_complete):
            self.response_started = self.response_complete = True
            start = head(self._status, self._client.fields(), self._headers, keep_alive=self.keep_alive, chunked=False)
            self._client.write(start + message["body"])
            self._client.answered(self)
