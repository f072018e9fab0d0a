"""What all connections of one worker share: its limits, and whether it is about to end.

Deadlines cost a request nothing: connections only note when something moved, and are looked at once a second.
"""

from __future__ import annotations

import asyncio
from typing import Protocol, cast

from uvicorn.server import ServerState

from gateway.config.settings import Limits


class Connection(Protocol):
    """One client, speaking HTTP or a websocket's protocol. `now` is the loop's time."""

    transport: asyncio.Transport

    def look(self, now: float) -> None:
        """Is it late? Then say so and close."""
        ...

    def leave(self, now: float) -> None:
        """The worker ends: close as soon as nothing is under way."""
        ...

    def cut(self) -> None:
        """Its time is over."""
        ...


class Worker(ServerState):
    """`limits` and `drain` are those of the configuration that is at work now."""

    def __init__(self, limits: Limits, drain: float) -> None:
        super().__init__()
        self.limits = limits
        self.drain = drain  # seconds
        self.draining = False
        self.websockets = 0

    @property
    def open(self) -> tuple[Connection, ...]:
        """All connections there are."""
        return cast("tuple[Connection, ...]", tuple(self.connections))

    def look(self, now: float) -> None:
        """Called once a second."""
        for connection in self.open:
            connection.look(now)
