"""The room that confirmations take up in Redis: what a session has open, and what all hold.

- `pending:{session}` counts what a session has open, `{held}` what all hold. Room is taken there before the record is
  written, and given back when it is gone; where that fails it is free again when the time is over. So there may be less
  room than there is, for a while, and never more. Time is the server's here: no gateway's clock makes room.
"""

from __future__ import annotations

from gateway.policy.facts import Confirmation
from gateway.stores.base import CLAIMED_KNOWN, HoldLimits
from gateway.stores.redis_client import REPEAT, Redis
from gateway.stores.redis_values import encoded, made, script

SLACK = 10_000
"""Milliseconds that what is counted outlives its time, by the server's clock; the gateway judges by its own."""

FEW = 1000
"""Held requests that are looked at one by one when they are counted; of more, some may have expired just now."""

# A script is refused for want of memory at its first write only: that has to be the one that needs some.
NOW = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function longer(key, lifetime)
    if redis.call('PTTL', key) < lifetime then
        redis.call('PEXPIRE', key, lifetime)
    end
end
"""
# Each value is "until:size", "until:-" for what holds nothing, "until:+" for what was claimed and counts no more.
RESERVE = script(
    NOW
    + """
local id, size, lifetime = ARGV[1], ARGV[2], tonumber(ARGV[3])
local pending, held, bytes, before = 0, 0, 0, ''
local all, over = redis.call('HGETALL', KEYS[1]), {}
for n = 1, #all, 2 do
    local until_, of = string.match(all[n + 1], '(%d+):(.+)')
    if all[n] == id then
        before = all[n + 1]
    elseif tonumber(until_) <= now then
        over[#over + 1] = all[n]
    elseif of ~= '+' then
        pending = pending + 1
        if of ~= '-' then
            held, bytes = held + 1, bytes + tonumber(of)
        end
    end
end
if pending >= tonumber(ARGV[4]) then
    return false
end
if size ~= '-' and (held >= tonumber(ARGV[5]) or bytes + tonumber(size) > tonumber(ARGV[6])) then
    return false
end
redis.call('HSET', KEYS[1], id, string.format('%.0f:%s', now + lifetime, size))
for _, each in ipairs(over) do
    redis.call('HDEL', KEYS[1], each)
end
longer(KEYS[1], lifetime + tonumber(ARGV[7]))
return before
"""
)
# Until when each holds its room, how much, and all in all; the three come and go together.
HOLD = script(
    NOW
    + """
local id, size, lifetime = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local whole = redis.call('EXISTS', KEYS[1], KEYS[2], KEYS[3]) == 3
local total = whole and tonumber(redis.call('GET', KEYS[3])) or 0
local function of(each)
    return whole and tonumber(string.match(redis.call('HGET', KEYS[2], each) or '0:', '%d+')) or 0
end
local over = whole and redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now) or {}
for _, each in ipairs(over) do
    if each ~= id then
        total = total - of(each)
    end
end
local all = total - of(id) + size
if all > tonumber(ARGV[5]) then
    return 0
end
redis.call('SET', KEYS[3], all, 'KEEPTTL')
if not whole then
    redis.call('DEL', KEYS[1], KEYS[2])
end
for _, each in ipairs(over) do
    redis.call('ZREM', KEYS[1], each)
    redis.call('HDEL', KEYS[2], each)
end
redis.call('ZADD', KEYS[1], now + lifetime, id)
redis.call('HSET', KEYS[2], id, ARGV[2] .. ':' .. ARGV[4])
for _, key in ipairs(KEYS) do
    longer(key, lifetime + tonumber(ARGV[6]))
end
return 1
"""
)
KEEP_PENDING = script(
    NOW
    + """
local kept = redis.call('HGET', KEYS[1], ARGV[1])
if not kept then
    return
end
local lifetime = tonumber(ARGV[2])
local of = ARGV[4] or string.match(kept, ':(.+)')
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f:%s', now + lifetime, of))
longer(KEYS[1], lifetime + tonumber(ARGV[3]))
"""
)
KEEP_HELD = script(
    NOW
    + """
local kept = redis.call('HGET', KEYS[2], ARGV[1])
if not kept then
    return
end
local lifetime = tonumber(ARGV[2])
redis.call('ZADD', KEYS[1], now + lifetime, ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], string.match(kept, '%d+') .. ':' .. ARGV[4])
for _, key in ipairs(KEYS) do
    longer(key, lifetime + tonumber(ARGV[3]))
end
"""
)
RELEASE = script("""
local kept = redis.call('HGET', KEYS[2], ARGV[1])
if kept then
    redis.call('ZREM', KEYS[1], ARGV[1])
    redis.call('HDEL', KEYS[2], ARGV[1])
    redis.call('DECRBY', KEYS[3], string.match(kept, '%d+'))
end
""")
HELD = script("""
local count, bytes = redis.call('HLEN', KEYS[1]), tonumber(redis.call('GET', KEYS[2]) or 0)
if count > tonumber(ARGV[2]) then
    return {count, bytes}
end
count, bytes = 0, 0
for _, each in ipairs(redis.call('HVALS', KEYS[1])) do
    local size, expires_at = string.match(each, '(%d+):(-?%d+)')
    if tonumber(expires_at) > tonumber(ARGV[1]) then
        count, bytes = count + 1, bytes + tonumber(size)
    end
end
return {count, bytes}
""")


class Room:
    """A call for each thing that happens to a confirmation."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._held = [redis.key("held", "all") + part for part in (b":until", b":size", b":total")]

    async def take(self, confirmation: Confirmation, sealed: bytes | None, limits: HoldLimits) -> bytes | None:
        """For one that is put; what the same id had before, b"" if nothing. None when a quota is full."""
        id, lifetime = encoded(confirmation.id), lifetime_of(confirmation)
        pending = self._pending(confirmation.session)
        size = "-" if sealed is None else str(len(sealed))
        most = (limits.pending, limits.per_session, limits.session_bytes)
        before = await self._redis.eval(RESERVE, [pending], id, size, lifetime, *most, SLACK, how=REPEAT)
        if before is None or sealed is None:
            return None if before is None else made(bytes, before)
        values = (id, size, lifetime, confirmation.expires_at, limits.total_bytes, SLACK)
        if await self._redis.eval(HOLD, self._held, *values, how=REPEAT):
            return made(bytes, before)
        if before:
            await self._redis.run(pending, "HSET", pending, id, before, how=REPEAT)
        else:
            await self._redis.run(pending, "HDEL", pending, id, how=REPEAT)
        return None

    async def keep(self, confirmation: Confirmation, now: int) -> None:
        """For one that lives longer than it was to."""
        id, lifetime = encoded(confirmation.id), max(confirmation.expires_at - now, 0) * 1000
        await self._redis.eval(KEEP_PENDING, [self._pending(confirmation.session)], id, lifetime, SLACK, how=REPEAT)
        await self._redis.eval(KEEP_HELD, self._held, id, lifetime, SLACK, confirmation.expires_at, how=REPEAT)

    async def claimed(self, id: str, session: str) -> None:
        """For one that counts no more, and is known a while yet."""
        lifetime = CLAIMED_KNOWN * 1000
        values = (encoded(id), lifetime, SLACK, "+")
        await self._redis.eval(KEEP_PENDING, [self._pending(session)], *values, how=REPEAT)
        await self.empty(id)

    async def gone(self, id: str, session: str) -> None:
        """For one that was dropped."""
        pending = self._pending(session)
        await self._redis.run(pending, "HDEL", pending, encoded(id), how=REPEAT)
        await self.empty(id)

    async def empty(self, id: str) -> None:
        """For one that holds nothing any more."""
        await self._redis.eval(RELEASE, self._held, encoded(id), how=REPEAT)

    async def ids(self, session: str) -> list[str]:
        """Of all that a session has, claimed or not."""
        pending = self._pending(session)
        found = await self._redis.run(pending, "HKEYS", pending, how=REPEAT)
        return [made(_text, each) for each in found]

    async def held(self, now: int) -> tuple[int, int]:
        """How many requests all hold, and their bytes."""
        count, size = made(tuple, await self._redis.eval(HELD, self._held[1:], now, FEW, how=REPEAT))
        return count, size

    def _pending(self, session: str) -> bytes:
        return self._redis.key("pending", session)


def lifetime_of(confirmation: Confirmation) -> int:
    """Milliseconds."""
    return max(confirmation.expires_at - confirmation.created_at, 0) * 1000


def _text(found: bytes) -> str:
    return found.decode(errors="surrogatepass")
