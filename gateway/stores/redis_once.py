"""Values read once, in Redis."""

from __future__ import annotations

import struct

from gateway.stores.redis_client import DURABLE, REPEAT, Redis
from gateway.stores.redis_values import made, script

AGREE = script("""
local kept = redis.call('GET', KEYS[1])
if kept and struct.unpack('>i8', kept) > tonumber(ARGV[2]) then
    return kept
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
return ARGV[1]
""")


class RedisOnce:
    """A OnceStore. Before each value stands when it expires, by the clock of whoever asks."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def put(self, key: str, value: bytes, *, now: int, expires_at: int) -> None:
        place = self._redis.key("once", key)
        lifetime = max(expires_at - now, 0) * 1000 + 1
        await self._redis.run(place, "SET", place, struct.pack(">q", expires_at) + value, "PX", lifetime)

    async def agree(self, key: str, value: bytes, *, now: int, expires_at: int) -> bytes:
        place = self._redis.key("once", key)
        lifetime = max(expires_at - now, 0) * 1000 + 1
        values = (struct.pack(">q", expires_at) + value, now, lifetime)
        return made(_agreed, await self._redis.eval(AGREE, [place], *values, how=REPEAT))

    async def pop(self, key: str, now: int) -> bytes | None:
        place = self._redis.key("once", key)
        kept = await self._redis.run(place, "GETDEL", place, how=DURABLE)
        return None if kept is None else made(_value, kept, now)


def _agreed(kept: bytes) -> bytes:
    return kept[8:]


def _value(kept: bytes, now: int) -> bytes | None:
    (expires_at,) = struct.unpack_from(">q", kept)
    return kept[8:] if expires_at > now else None
