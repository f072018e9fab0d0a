"""The state in Redis or Valkey: the four stores together, and their life. Every key has an expiry."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from gateway.config import redis_urls
from gateway.errors import StoreError
from gateway.stores.base import Heard, State
from gateway.stores.redis_client import REPEAT, How, Redis
from gateway.stores.redis_confirmations import RedisConfirmations
from gateway.stores.redis_listening import PULSE, listen
from gateway.stores.redis_once import RedisOnce
from gateway.stores.redis_sessions import RedisSessions
from gateway.stores.redis_throttle import RedisThrottle
from gateway.stores.redis_values import encoded
from gateway.timing import Timed, untimed

REMEMBERED = 60_000
"""Milliseconds that what a ping wrote is kept."""


def open_state(address: str, *, complain: Callable[[str], None], timed: Timed = untimed) -> State:
    """Make it ready, without a connection yet. Raises StoreError for an address that is none, and for certificates
    that do not load."""
    try:
        parsed = redis_urls.parse(address)
    except ValueError as error:
        raise StoreError(f"the address of the state store {error}") from None
    redis = Redis(parsed, complain, timed)
    channel = encoded(f"{parsed.prefix}sessions")
    return State(
        RedisSessions(redis, channel),
        RedisConfirmations(redis),
        RedisThrottle(redis),
        RedisOnce(redis),
        RedisLife(redis, channel, complain),
    )


class RedisLife:
    """A StateLife."""

    def __init__(self, redis: Redis, channel: bytes, complain: Callable[[str], None]) -> None:
        self._redis = redis
        self._channel = channel
        self._complain = complain

    async def ping(self) -> None:
        await self._written(REPEAT)

    async def purge(self, now: int) -> None:
        """The engine does it itself."""

    async def listen(self, heard: Heard) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(listen(self._redis, self._channel, heard))
            tasks.create_task(self._pulse())

    async def close(self) -> None:
        await self._redis.close()

    async def _written(self, how: How) -> None:
        for key in await self._redis.masters("ping"):
            await self._redis.run(key, "SET", key, b"", "PX", REMEMBERED, how=how)
            if await self._redis.run(key, "GET", key, how=REPEAT) != b"":
                raise StoreError("Redis does not give back what it was given")

    async def _pulse(self) -> None:
        """A master that was replaced or cut off is noticed within a second or two, though nobody asks it for anything:
        the next call looks where the master is. What is wrong is said once."""
        said = ""
        while True:
            await asyncio.sleep(PULSE)
            try:
                await self._written(How(repeat=True, durable=True))
            except StoreError as error:
                if not said:
                    said = f"{error}"
                    self._complain(f"the state store cannot be relied on: {said}")
            else:
                if said:
                    self._complain("the state store can be relied on again")
                said = ""
