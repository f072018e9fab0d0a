"""Confirmations in Redis: one record each, and what is counted of them.

- `confirmation:{id}` holds all of one, the sealed request too: it is read without that, and taken out whole, at once.
- `pending:{session}` counts what a session has open, `{held}` what all hold. Room is taken there before the record is
  written, and given back when it is gone; where that fails it is free again when the time is over. So there may be less
  room than there is, for a while, and never more. Time is the server's here: no gateway's clock makes room.
"""

from __future__ import annotations

from dataclasses import replace

from gateway.errors import StoreError
from gateway.policy.facts import Confirmation
from gateway.stores.base import HoldLimits
from gateway.stores.encoding import confirmation_of, confirmation_text
from gateway.stores.redis_client import ANYWAY, DURABLE, REPEAT, Redis
from gateway.stores.redis_values import encoded, made, script

SLACK = 10_000
"""Milliseconds that a record outlives its time, by the server's clock; the gateway judges by its own."""

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
# Each value is "until:size", "until:-" for what holds nothing.
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
    else
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
RELEASE = script("""
local kept = redis.call('HGET', KEYS[2], ARGV[1])
if kept then
    redis.call('ZREM', KEYS[1], ARGV[1])
    redis.call('HDEL', KEYS[2], ARGV[1])
    redis.call('DECRBY', KEYS[3], string.match(kept, '%d+'))
end
""")
HELD = script("""
local count, bytes = 0, 0
for _, each in ipairs(redis.call('HVALS', KEYS[1])) do
    local size, expires_at = string.match(each, '(%d+):(-?%d+)')
    if tonumber(expires_at) > tonumber(ARGV[1]) then
        count, bytes = count + 1, bytes + tonumber(size)
    end
end
return {count, bytes}
""")
PUT = script("""
redis.call('HSET', KEYS[1], 'facts', ARGV[1], 'session', ARGV[2], 'ticket', ARGV[3], 'version', ARGV[4],
    'expires_at', ARGV[5], 'sealed', ARGV[7] or '')
if not ARGV[7] then
    redis.call('HDEL', KEYS[1], 'sealed')
end
redis.call('PEXPIRE', KEYS[1], ARGV[6])
""")
UPDATE = script("""
local kept = redis.call('HMGET', KEYS[1], 'version', 'expires_at')
if kept[1] ~= ARGV[1] or tonumber(kept[2]) <= tonumber(ARGV[2]) then
    return 0
end
redis.call('HSET', KEYS[1], 'version', ARGV[3], 'ticket', ARGV[4], 'facts', ARGV[5], 'expires_at', ARGV[6])
redis.call('PEXPIRE', KEYS[1], ARGV[7])
return 1
""")
CLAIM = script("""
local kept = redis.call('HMGET', KEYS[1], 'ticket', 'expires_at', 'facts', 'sealed')
if not kept[1] or kept[1] == '' or kept[1] ~= ARGV[1] or tonumber(kept[2]) <= tonumber(ARGV[2]) then
    return false
end
redis.call('DEL', KEYS[1])
return {kept[3], kept[4]}
""")
DROP = script("""
local session = redis.call('HGET', KEYS[1], 'session')
redis.call('DEL', KEYS[1])
return session
""")


class RedisConfirmations:
    """A ConfirmationStore."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._held = [redis.key("held", "all") + part for part in (b":until", b":size", b":total")]

    async def put(self, confirmation: Confirmation, sealed: bytes | None, limits: HoldLimits) -> bool:
        id = encoded(confirmation.id)
        lifetime = max(confirmation.expires_at - confirmation.created_at, 0) * 1000
        pending = self._pending(confirmation.session)
        size = "-" if sealed is None else str(len(sealed))
        most = (limits.pending, limits.per_session, limits.session_bytes)
        before = await self._redis.eval(RESERVE, [pending], id, size, lifetime, *most, SLACK, how=REPEAT)
        if before is None:
            return False
        if sealed is not None:
            values = (id, size, lifetime, confirmation.expires_at, limits.total_bytes, SLACK)
            if not await self._redis.eval(HOLD, self._held, *values, how=REPEAT):
                await self._undo(pending, id, before)
                return False
        facts = (confirmation_text(confirmation), encoded(confirmation.session), encoded(confirmation.ticket))
        record = (*facts, confirmation.version, confirmation.expires_at, lifetime + SLACK)
        await self._redis.eval(PUT, [self._record(confirmation.id)], *record, *([] if sealed is None else [sealed]))
        if sealed is None and before and not before.endswith(b":-"):
            await self._redis.eval(RELEASE, self._held, id, how=REPEAT)
        return True

    async def get(self, id: str, now: int) -> Confirmation | None:
        record = self._record(id)
        facts, expires_at = await self._redis.run(record, "HMGET", record, "facts", "expires_at", how=REPEAT)
        if facts is None or made(int, expires_at) <= now:
            return None
        return made(confirmation_of, facts)

    async def update(self, confirmation: Confirmation, now: int) -> bool:
        facts = confirmation_text(replace(confirmation, version=confirmation.version + 1))
        lifetime = max(confirmation.expires_at - now, 0) * 1000 + SLACK
        values = (confirmation.version, now, confirmation.version + 1, encoded(confirmation.ticket), facts)
        changed = await self._redis.eval(
            UPDATE, [self._record(confirmation.id)], *values, confirmation.expires_at, lifetime
        )
        return made(bool, changed)

    async def claim(self, id: str, ticket: str, now: int) -> tuple[Confirmation, bytes | None] | None:
        found = await self._redis.eval(CLAIM, [self._record(id)], encoded(ticket), now, how=DURABLE)
        if found is None:
            return None
        facts, sealed = made(tuple, found)
        confirmation = made(confirmation_of, facts)
        try:
            await self._release(id, confirmation.session)
        except StoreError:
            pass  # it is theirs all the same; the room is free again when the time is over
        return confirmation, sealed

    async def drop(self, *, id: str | None = None, session: str | None = None) -> None:
        ids = [] if id is None else [encoded(id)]
        if session is not None:
            pending = self._pending(session)
            ids += await self._redis.run(pending, "HKEYS", pending, how=REPEAT)
        for each in ids:
            name = each.decode(errors="surrogatepass")
            owner = await self._redis.eval(DROP, [self._record(name)], how=ANYWAY)
            if owner is not None:
                await self._release(name, owner.decode(errors="surrogatepass"))

    async def held(self, now: int) -> tuple[int, int]:
        count, size = made(tuple, await self._redis.eval(HELD, self._held[1:2], now, how=REPEAT))
        return count, size

    async def _release(self, id: str, session: str) -> None:
        pending = self._pending(session)
        await self._redis.run(pending, "HDEL", pending, encoded(id), how=REPEAT)
        await self._redis.eval(RELEASE, self._held, encoded(id), how=REPEAT)

    async def _undo(self, pending: bytes, id: bytes, before: bytes) -> None:
        if before:
            await self._redis.run(pending, "HSET", pending, id, before, how=REPEAT)
        else:
            await self._redis.run(pending, "HDEL", pending, id, how=REPEAT)

    def _record(self, id: str) -> bytes:
        return self._redis.key("confirmation", id)

    def _pending(self, session: str) -> bytes:
        return self._redis.key("pending", session)
