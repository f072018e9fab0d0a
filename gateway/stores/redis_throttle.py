"""Tries counted in Redis."""

from __future__ import annotations

from gateway.stores.base import Limit, Taken
from gateway.stores.redis_client import DURABLE, Redis
from gateway.stores.redis_values import made, script

# Numbers of time are kept as they were written: Lua would shorten them.
TAKE = script("""
local now, free = tonumber(ARGV[1]), tonumber(ARGV[2])
local kept = redis.call('HMGET', KEYS[1], 'tries', 'last', 'forget_at', 'last_but_one')
local tries, last = 0, ARGV[1]
if kept[1] and tonumber(kept[3]) > now then
    tries, last = tonumber(kept[1]), kept[2]
end
if tries >= free then
    local pause = math.min(tonumber(ARGV[3]) * 2 ^ math.min(tries - free, 60), tonumber(ARGV[4]))
    if tonumber(last) > now then -- the clock was set back: the wait begins now
        redis.call('HSET', KEYS[1], 'last', ARGV[1])
        if tonumber(kept[4]) > now then
            redis.call('HSET', KEYS[1], 'last_but_one', ARGV[1])
        end
        last = ARGV[1]
    end
    local wait = pause - math.max(now - tonumber(last), 0)
    if wait > 0 then
        return {math.ceil(wait), tries}
    end
end
redis.call('HSET', KEYS[1], 'tries', tries + 1, 'last', ARGV[1], 'last_but_one', last, 'forget_at', ARGV[5])
redis.call('PEXPIRE', KEYS[1], ARGV[6])
return {0, tries + 1}
""")
# The try that is given back made nobody wait either: the clock runs from the one before it.
GIVE_BACK = script("""
local kept = redis.call('HMGET', KEYS[1], 'tries', 'last_but_one')
if kept[1] then
    redis.call('HSET', KEYS[1], 'tries', math.max(tonumber(kept[1]) - 1, 0), 'last', kept[2])
end
""")


class RedisThrottle:
    """A ThrottleStore."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def take(self, key: str, now: float, limit: Limit) -> Taken:
        # Also a value is used for the first time here, and must not be once more after a failover: durable.
        told = await self._redis.eval(
            TAKE,
            [self._key(key)],
            *(repr(now), limit.free, limit.first_wait, limit.longest, repr(now + limit.window), limit.window * 1000),
            how=DURABLE,
        )
        return made(Taken, *told)

    async def give_back(self, key: str) -> None:
        await self._redis.eval(GIVE_BACK, [self._key(key)])

    async def forgive(self, key: str) -> None:
        await self._redis.run(self._key(key), "DEL", self._key(key))

    def _key(self, key: str) -> bytes:
        return self._redis.key("throttle", key)
