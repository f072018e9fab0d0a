"""A few connections, made when they are needed, and the knowledge whether the server answers.

The rules of this file:

- One piece of work has a connection to itself. It goes back after work that succeeded, or that lost a race and was
  undone; after anything else it is ended, because nobody knows what is left in it.
- Nobody waits for long for those before them: work that finds no free connection in a second gives up.
- Whoever finds that the server does not answer finds it for all. Until it does again, one a second tries, and all
  others are told at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from asyncpg import Connection

from gateway.errors import StoreError
from gateway.postgresql.seam import BROKEN, CONFLICT, said

SIZE = 8
TURN = 1.0
"""Seconds that work waits, at most, for a connection of others to become free."""

PAUSE = 1.0
"""Seconds between two who try whether the server answers again."""

IDLE = 60.0
"""Seconds after which an unused connection is ended: what stands between may have forgotten it without a word."""

T = TypeVar("T")


class Pool:
    """`connect` gives a connection that can be used. It raises one of BROKEN, or StoreError.

    `complain` hears, once, what is wrong, and when it is over.
    """

    def __init__(self, connect: Callable[[], Awaitable[Connection]], complain: Callable[[str], None]) -> None:
        self._connect = connect
        self._complain = complain
        self._idle: list[tuple[Connection, float]] = []
        self._turns = asyncio.Semaphore(SIZE)
        self._closed = False
        self._why = ""
        self._try_at = 0.0

    async def run(self, work: Callable[[Connection], Awaitable[T]], until: float) -> T:
        """What `work` returns or raises; TimeoutError when the loop's clock says `until`; StoreError while down."""
        tries = self._admitted()
        try:
            async with asyncio.timeout(TURN):
                await self._turns.acquire()
        except TimeoutError:
            raise StoreError("PostgreSQL: all connections are busy") from None
        try:
            if self._why and not tries:
                raise StoreError(self._why)
            async with asyncio.timeout_at(until):
                return await self._use(await self._taken(), work)
        except TimeoutError as error:
            self._went_down(error)
            raise
        finally:
            self._turns.release()

    def renew(self) -> None:
        """End what is idle: it leads to a server that is gone, or is no primary any more."""
        while self._idle:
            self._idle.pop()[0].terminate()

    async def close(self) -> None:
        """What is under way is finished first."""
        self._closed = True
        while self._idle:
            connection, _ = self._idle.pop()
            try:
                await connection.close(timeout=PAUSE)
            except BROKEN:
                connection.terminate()

    def _admitted(self) -> bool:
        """Whether this is who tries next; StoreError for those who need not."""
        if self._closed:
            raise StoreError("PostgreSQL: the directory was closed")
        if not self._why:
            return False
        now = asyncio.get_running_loop().time()
        if now < self._try_at:
            raise StoreError(self._why)
        self._try_at = now + PAUSE
        return True

    async def _taken(self) -> Connection:
        now = asyncio.get_running_loop().time()
        while self._idle:
            connection, since = self._idle.pop()
            if not connection.is_closed() and now - since < IDLE:
                return connection
            connection.terminate()
        try:
            connection = await self._connect()
        except (*BROKEN, StoreError) as error:
            self._went_down(error)
            raise StoreError(self._why) from None
        self._answered()
        return connection

    async def _use(self, connection: Connection, work: Callable[[Connection], Awaitable[T]]) -> T:
        try:
            done = await work(connection)
        except BaseException as error:
            if not isinstance(error, CONFLICT) or connection.is_in_transaction():
                connection.terminate()
            else:
                self._give_back(connection)
            raise
        self._answered()
        self._give_back(connection)
        return done

    def _give_back(self, connection: Connection) -> None:
        if self._closed or connection.is_closed():
            connection.terminate()
        else:
            self._idle.append((connection, asyncio.get_running_loop().time()))

    def _answered(self) -> None:
        if self._why:
            self._why = ""
            self._complain("PostgreSQL: it answers again")

    def _went_down(self, error: BaseException) -> None:
        why = str(error) if isinstance(error, StoreError) else f"PostgreSQL: {said(error)}"
        if why != self._why:
            self._complain(why)
        self._why = why
        self._try_at = asyncio.get_running_loop().time() + PAUSE
        self.renew()
