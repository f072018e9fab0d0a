"""Connections to one Redis server, through redis-py. Nothing else here or above knows that library's connections.

Each carries one call at a time. One that was interrupted, has something to read before it was asked, or is at its end
is thrown away. A server is used only if it says, on every new connection, that it is a master: what a replica answers
may be older than what was revoked (law 6).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, cast

from redis.asyncio.connection import Connection, RedisSSLContext, SSLConnection
from redis.exceptions import BusyLoadingError, RedisError, ResponseError

from gateway.config.redis_urls import RedisAddress
from gateway.errors import StoreError

NAME = "stepup-gateway"
CLOSES_WITHIN = 1.0

BROKEN = (RedisError, OSError, RuntimeError)
"""Connections end so; the last is uvloop's, of one that has ended already."""

Command = tuple[str | bytes | int, ...]
Reply = Any
"""What a server answered: bytes, int, None, a list of these, or a ResponseError."""


class NotSent(StoreError):
    """For sure nothing was done: it is safe to ask again."""


class Broken(StoreError):
    """The connection broke off behind the question: nobody knows what was done."""


class Wire(Protocol):
    """What is used of redis-py's connections."""

    async def connect(self) -> None: ...
    async def disconnect(self, nowait: bool = ...) -> None: ...
    async def can_read(self) -> bool: ...
    async def send_packed_command(self, command: list[bytes], check_health: bool = ...) -> None: ...
    async def read_response(self, *, timeout: float | None = ...) -> Reply: ...  # noqa: ASYNC109 the library's
    def pack_commands(self, commands: Sequence[Command]) -> list[bytes]: ...


class Dialer:
    """Makes connections as an address says; not connected yet. Raises StoreError for certificates that do not load."""

    def __init__(self, address: RedisAddress) -> None:
        self._address = address
        self._secrets = [each for each in (address.password, address.sentinel_password) if each]
        self._tls = _tls(address) if address.tls else None

    def data(self, host: str, port: int) -> Wire:
        """To a server that keeps what the gateway remembers."""
        return self._wire(host, port, self._address.user, self._address.password, self._address.db)

    def sentinel(self, host: str, port: int) -> Wire:
        """To a sentinel."""
        return self._wire(host, port, self._address.sentinel_user, self._address.sentinel_password, 0)

    def said(self, error: BaseException) -> str:
        """What an error says, on one line and without a password. Some repeat what they were sent: that is cut off."""
        text = str(error).partition("with args beginning")[0].split("\n")[0]
        for secret in self._secrets:
            text = text.replace(secret, "…")
        text = text[:200]
        return f"{type(error).__name__}: {text}" if text else type(error).__name__

    def _wire(self, host: str, port: int, user: str | None, password: str | None, db: int) -> Wire:
        options: dict[str, Any] = {"host": host, "port": port, "username": user, "password": password, "db": db}
        options |= {"protocol": 2, "client_name": NAME, "driver_info": None}
        options |= {"socket_timeout": None, "socket_connect_timeout": None}  # the call has its own deadline
        if self._tls is None:
            return cast(Wire, Connection(**options))
        connection = SSLConnection(**options)
        connection.ssl_context = self._tls
        return cast(Wire, connection)


def _tls(address: RedisAddress) -> RedisSSLContext:
    """Made once: reading the system's authorities takes 20 ms. Where one is named, only that one is believed."""
    try:
        context = ssl.create_default_context(cafile=address.ca)
        if address.cert is not None:
            context.load_cert_chain(address.cert, address.key)
    except (OSError, ValueError) as error:
        raise StoreError(f"the certificates for Redis cannot be read: {error}") from error
    found = RedisSSLContext(cert_reqs=ssl.CERT_REQUIRED, check_hostname=True)
    found.context = context
    return found


class Node:
    """At most `most` connections to one server. `greet` looks at each new one."""

    def __init__(
        self, host: str, port: int, dialer: Dialer, most: int, greet: Callable[[Node, Wire], Awaitable[None]]
    ) -> None:
        self.host, self.port = host, port
        self.known: set[object] = set()  # scripts that it was sent
        self._dialer = dialer
        self._greet = greet
        self._places = asyncio.Semaphore(most)
        self._idle: list[Wire] = []
        self._dropped = 0
        self._closed = False

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    async def run(self, commands: Sequence[Command]) -> list[Reply]:
        """One reply for each command, all sent at once on one connection. Raises NotSent and Broken."""
        async with self._places:
            dropped = self._dropped
            wire = await self._connected()
            try:
                await self._send(wire, commands)
                replies = [await reply(wire) for _ in commands]
            except NotSent:
                await self.drop()
                await wire.disconnect(nowait=True)
                raise
            except BusyLoadingError as error:
                raise NotSent(f"Redis at {self} is still loading") from error
            except BROKEN as error:
                await self.drop()
                raise Broken(f"Redis at {self} broke off: {self._dialer.said(error)}") from error
            except BaseException:
                await wire.disconnect(nowait=True)
                raise
            if self._closed or dropped < self._dropped:
                await wire.disconnect(nowait=True)
            else:
                self._idle.append(wire)
            return replies

    async def dial(self) -> Wire:
        """A new connection, greeted, that the caller disconnects. Raises NotSent."""
        if self._closed:
            raise NotSent("the store is closed")
        wire = self._dialer.data(self.host, self.port)
        try:
            await wire.connect()
            await self._greet(self, wire)
        except BROKEN as error:
            await wire.disconnect(nowait=True)
            raise NotSent(f"Redis at {self} cannot be used: {self._dialer.said(error)}") from error
        except BaseException:
            await wire.disconnect(nowait=True)
            raise
        return wire

    async def drop(self) -> None:
        """Let go of all connections, of those under way when they come back."""
        self._dropped += 1
        idle, self._idle = self._idle, []
        for wire in idle:
            await wire.disconnect(nowait=True)

    async def close(self) -> None:
        """Those under way are closed as they come back."""
        self._closed = True
        idle, self._idle = self._idle, []
        for wire in idle:
            await hang_up(wire)

    async def _send(self, wire: Wire, commands: Sequence[Command]) -> None:
        try:
            await wire.send_packed_command(wire.pack_commands(commands), check_health=False)
        except RuntimeError as error:  # uvloop's: it was reset while it waited
            raise NotSent(f"Redis at {self} broke off: {self._dialer.said(error)}") from error

    async def _connected(self) -> Wire:
        while self._idle:
            wire = self._idle.pop()
            if not await wire.can_read():  # nothing was asked: it is the end, or an answer to somebody else
                return wire
            await wire.disconnect(nowait=True)
        return await self.dial()


async def reply(wire: Wire) -> Reply:
    """The next reply, an error as a value."""
    try:
        return await wire.read_response()
    except ResponseError as error:
        return error


async def hang_up(wire: Wire) -> None:
    """In good order, unless the other end takes too long."""
    try:
        async with asyncio.timeout(CLOSES_WITHIN):
            await wire.disconnect()
    except BROKEN:
        await wire.disconnect(nowait=True)


async def ask(wire: Wire, command: Command, within: float) -> Reply:
    """What one server says about the others, or the error why it does not, on a connection of its own."""
    try:
        async with asyncio.timeout(within):
            await wire.connect()
            await wire.send_packed_command(wire.pack_commands([command]), check_health=False)
            return await wire.read_response()
    except BROKEN as error:
        return error
    finally:
        await wire.disconnect(nowait=True)
