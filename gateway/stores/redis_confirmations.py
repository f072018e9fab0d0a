"""Confirmations in Redis: one record each. Who has room for one is settled in `redis_room`.

`confirmation:{id}` holds all of it, the sealed request too: it is read without that, and taken out whole, at once. What
was claimed leaves its facts there for a while: it expires at 0 then, and nobody finds it but `claimed`.
"""

from __future__ import annotations

from dataclasses import replace

from gateway.errors import StoreError
from gateway.policy.facts import Confirmation
from gateway.stores.base import CLAIMED_KNOWN, HoldLimits
from gateway.stores.encoding import confirmation_of, confirmation_text
from gateway.stores.redis_client import ANYWAY, DURABLE, REPEAT, Redis
from gateway.stores.redis_room import SLACK, Room, lifetime_of
from gateway.stores.redis_values import encoded, made, script

PUT = script("""
redis.call('HSET', KEYS[1], 'facts', ARGV[1], 'session', ARGV[2], 'ticket', ARGV[3], 'version', ARGV[4],
    'expires_at', ARGV[5], 'sealed', ARGV[7] or '')
redis.call('HDEL', KEYS[1], 'claimed_until')
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
return tonumber(ARGV[6]) > tonumber(kept[2]) and 2 or 1
""")
CLAIM = script("""
local kept = redis.call('HMGET', KEYS[1], 'ticket', 'expires_at', 'facts', 'sealed')
if not kept[1] or kept[1] == '' or kept[1] ~= ARGV[1] or tonumber(kept[2]) <= tonumber(ARGV[2]) then
    return false
end
if kept[4] then
    redis.call('HDEL', KEYS[1], 'sealed')
    redis.call('HSET', KEYS[1], 'ticket', '', 'expires_at', 0, 'claimed_until', ARGV[3])
    redis.call('PEXPIRE', KEYS[1], ARGV[4])
else
    redis.call('DEL', KEYS[1])
end
return {kept[3], kept[4]}
""")
DROP = script("""
local session = redis.call('HGET', KEYS[1], 'session')
if ARGV[1] and session ~= ARGV[1] then
    return false
end
redis.call('DEL', KEYS[1])
return session
""")

LONGER = 2
"""What UPDATE says where it has made it live longer."""


class RedisConfirmations:
    """A ConfirmationStore."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._room = Room(redis)

    async def put(self, confirmation: Confirmation, sealed: bytes | None, limits: HoldLimits) -> bool:
        before = await self._room.take(confirmation, sealed, limits)
        if before is None:
            return False
        facts = (confirmation_text(confirmation), encoded(confirmation.session), encoded(confirmation.ticket))
        record = (*facts, confirmation.version, confirmation.expires_at, lifetime_of(confirmation) + SLACK)
        await self._redis.eval(PUT, [self._record(confirmation.id)], *record, *([] if sealed is None else [sealed]))
        if sealed is None and before and not before.endswith((b":-", b":+")):
            await self._room.empty(confirmation.id)
        return True

    async def get(self, id: str, now: int) -> Confirmation | None:
        return await self._found(id, "expires_at", now)

    async def update(self, confirmation: Confirmation, now: int) -> bool:
        facts = confirmation_text(replace(confirmation, version=confirmation.version + 1))
        lifetime = max(confirmation.expires_at - now, 0) * 1000 + SLACK
        values = (confirmation.version, now, confirmation.version + 1, encoded(confirmation.ticket), facts)
        record = self._record(confirmation.id)
        changed = made(int, await self._redis.eval(UPDATE, [record], *values, confirmation.expires_at, lifetime))
        if changed == LONGER:
            await self._room.keep(confirmation, now)
        return changed > 0

    async def claim(self, id: str, ticket: str, now: int) -> tuple[Confirmation, bytes | None] | None:
        values = (encoded(ticket), now, now + CLAIMED_KNOWN, CLAIMED_KNOWN * 1000 + SLACK)
        found = await self._redis.eval(CLAIM, [self._record(id)], *values, how=DURABLE)
        if found is None:
            return None
        facts, sealed = made(tuple, found)
        confirmation = made(confirmation_of, facts)
        try:
            await (self._room.gone if sealed is None else self._room.claimed)(id, confirmation.session)
        except StoreError:
            pass  # it is theirs all the same; the room is free again when the time is over
        return confirmation, sealed

    async def claimed(self, id: str, now: int) -> Confirmation | None:
        return await self._found(id, "claimed_until", now)

    async def drop(self, *, id: str | None = None, session: str | None = None) -> None:
        if id is not None:
            await self._drop(id)
        if session is not None:
            for each in await self._room.ids(session):
                await self._drop(each, encoded(session))  # it may be another session's by now

    async def held(self, now: int) -> tuple[int, int]:
        return await self._room.held(now)

    async def _drop(self, id: str, *session: bytes) -> None:
        owner = await self._redis.eval(DROP, [self._record(id)], *session, how=ANYWAY)
        if owner is not None:
            await self._room.gone(id, owner.decode(errors="surrogatepass"))

    async def _found(self, id: str, until: str, now: int) -> Confirmation | None:
        record = self._record(id)
        facts, lives = await self._redis.run(record, "HMGET", record, "facts", until, how=REPEAT)
        if facts is None or lives is None or made(int, lives) <= now:
            return None
        return made(confirmation_of, facts)

    def _record(self, id: str) -> bytes:
        return self._redis.key("confirmation", id)
