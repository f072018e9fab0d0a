"""Values read once, in Redis."""

from __future__ import annotations

import struct

from gateway.stores.redis_client import DURABLE, Redis
from gateway.stores.redis_values import made


class RedisOnce:
    """A OnceStore. Before each value stands when it expires, by the clock of whoever asks."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def put(self, key: str, value: bytes, *, now: int, expires_at: int) -> None:
        place = self._redis.key("once", key)
        lifetime = max(expires_at - now, 0) * 1000 + 1
        await self._redis.run(place, "SET", place, struct.pack(">q", expires_at) + value, "PX", lifetime)

    async def pop(self, key: str, now: int) -> bytes | None:
        place = self._redis.key("once", key)
        kept = await self._redis.run(place, "GETDEL", place, how=DURABLE)
        return None if kept is None else made(_value, kept, now)


def _value(kept: bytes, now: int) -> bytes | None:
    (expires_at,) = struct.unpack_from(">q", kept)
    return kept[8:] if expires_at > now else None
