"""Sessions in Redis: one record each, which alone says what is true, and two ways to it that only lead there.

- `session:{ref}` is the record: the hashes of the current id and of the one before, the session, when it was last seen.
- `token:{hash}` names the ref. The hash of an id belongs to one session for ever, so what was read of it stays true;
  whether that id still opens anything is said by the record.
- `subject:{hash}` names all sessions of a person. It is written before the record, is never shorter-lived, and loses
  a name only with the record: who ends a person's sessions finds them all.
"""

from __future__ import annotations

import asyncio
from hashlib import sha256

from gateway.policy.facts import Session
from gateway.stores.base import SUPERSEDED_GRACE
from gateway.stores.encoding import session_of, session_text
from gateway.stores.redis_client import ANYWAY, DURABLE, REPEAT, How, Redis
from gateway.stores.redis_node import Reply
from gateway.stores.redis_values import encoded, made, script

MANY = 8192
"""Ids and sessions whose ways are remembered."""

SLACK = 60_000
"""Milliseconds that records outlive their time, by the server's clock; the gateway judges by its own."""

DAY = 86_400_000
"""That the names of a person's sessions outlive these, at least."""

FIELDS = ("current", "superseded", "superseded_at", "session", "last_seen")

# A script is refused for want of memory at its first write only: that has to be the one that needs some. Expired names
# go by the server's clock, that of the records: no clock of a gateway can make one forgotten.
INDEX = script("""
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local known = redis.call('ZSCORE', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[1], math.max(now + ARGV[2], tonumber(known or 0)), ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
""")
CREATE = script("""
redis.call('HSET', KEYS[1], 'current', ARGV[1], 'subject', ARGV[2], 'session', ARGV[3], 'last_seen', ARGV[4])
redis.call('HDEL', KEYS[1], 'superseded', 'superseded_at')
redis.call('PEXPIRE', KEYS[1], ARGV[5])
""")
ROTATE = script("""
local kept = redis.call('HMGET', KEYS[1], 'current', 'subject')
if kept[1] ~= ARGV[1] or kept[2] ~= ARGV[2] then
    return 0
end
redis.call('HSET', KEYS[1], 'current', ARGV[3], 'superseded', ARGV[1], 'superseded_at', ARGV[4],
    'session', ARGV[5], 'last_seen', ARGV[6])
redis.call('PEXPIRE', KEYS[1], ARGV[7])
redis.pcall('PUBLISH', ARGV[8], ARGV[9])
return 1
""")
TOUCH = script("""
local kept = redis.call('HMGET', KEYS[1], 'last_seen', 'current')
if not kept[1] then
    return false
end
if tonumber(ARGV[1]) > tonumber(kept[1]) then
    redis.call('HSET', KEYS[1], 'last_seen', ARGV[1])
end
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return kept[2]
""")
LONGER = script("""
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then
    redis.call('PEXPIRE', KEYS[1], ARGV[1])
end
""")
REVOKE = script("""
local subject = redis.call('HGET', KEYS[1], 'subject')
if not subject or (ARGV[1] ~= '' and subject ~= ARGV[1]) then
    return false
end
redis.call('DEL', KEYS[1])
redis.pcall('PUBLISH', ARGV[2], ARGV[3])
return subject
""")


class RedisSessions:
    """A SessionStore."""

    def __init__(self, redis: Redis, channel: bytes) -> None:
        self._redis = redis
        self._channel = channel
        self._refs: dict[bytes, str] = {}
        self._subjects: dict[str, str] = {}

    async def create(self, token_hash: bytes, session: Session, *, keep_until: int) -> None:
        lifetime = _lifetime(session.last_seen, keep_until)
        subject = _hashed(session.subject)
        await self._index(subject, session.ref, lifetime, how=How(repeat=True, durable=True))
        record = self._record(session.ref)
        values = (token_hash, subject, session_text(session), session.last_seen, lifetime)
        await self._redis.eval(CREATE, [record], *values)
        await self._point(token_hash, session.ref, lifetime)
        self._remember(session.ref, subject)

    async def get(self, token_hash: bytes, now: int) -> Session | None:
        ref = self._refs.get(token_hash)
        if ref is None:
            pointer = self._pointer(token_hash)
            found = await self._redis.run(pointer, "GET", pointer, how=REPEAT)
            if found is None:
                return None
            ref = made(_text, found)
            if len(self._refs) >= MANY:
                self._refs.clear()
            self._refs[token_hash] = ref
        return made(_opened, await self._read(ref), ref, token_hash, now)

    async def rotate(self, old: bytes, new: bytes, session: Session, *, now: int, keep_until: int) -> bool:
        lifetime = _lifetime(now, keep_until)
        subject = _hashed(session.subject)
        await self._point(new, session.ref, lifetime)
        await self._index(subject, session.ref, lifetime)
        values = (old, subject, new, now, session_text(session), session.last_seen, lifetime)
        swap = (self._channel, encoded(session.ref))
        swapped = await self._redis.eval(ROTATE, [self._record(session.ref)], *values, *swap, how=DURABLE)
        return made(_yes, swapped)

    async def touch(self, ref: str, last_seen: int, *, keep_until: int) -> None:
        lifetime = _lifetime(last_seen, keep_until)
        subject = self._subjects.get(ref)
        if subject is None:
            record = self._record(ref)
            found = await self._redis.run(record, "HGET", record, "subject", how=REPEAT)
            if found is None:
                return
            subject = made(_text, found)
            self._remember(ref, subject)
        await self._index(subject, ref, lifetime)
        current = await self._redis.eval(TOUCH, [self._record(ref)], last_seen, lifetime, how=REPEAT)
        if current is not None:
            await self._redis.eval(LONGER, [self._pointer(current)], lifetime, how=REPEAT)

    async def revoke(self, *, ref: str | None = None, subject: str | None = None, keep: str | None = None) -> list[str]:
        if ref is not None:
            refs = [ref]
        elif subject is not None:
            refs = await self._of(subject)
        else:
            refs = []
        hashed = "" if subject is None else _hashed(subject)
        work = (self._end(each, hashed) for each in refs if each != keep)
        # All are tried before an error is one: as many as can be are ended.
        told = await asyncio.gather(*work, return_exceptions=True)
        for each in told:
            if isinstance(each, BaseException):
                raise each
        return [each for each in told if isinstance(each, str)]

    async def find(self, *, ref: str | None = None, subject: str | None = None) -> list[Session]:
        if ref is not None:
            found = [made(_session, await self._read(ref), ref)]
        elif subject is not None:
            refs = await self._of(subject)
            records = await asyncio.gather(*(self._read(each) for each in refs), return_exceptions=True)
            found = [made(_session, _raised(record), each) for record, each in zip(records, refs, strict=True)]
        else:
            every = self._redis.scan("session", lambda key: ("HMGET", key, *FIELDS))
            once = {key: record async for key, record in every}
            found = [made(_session, record, None) for record in once.values()]
        sessions = [each for each in found if each is not None and subject in (None, each.subject)]
        return sorted(sessions, key=lambda each: (-each.last_seen, each.ref))

    async def _end(self, ref: str, subject: str) -> str | None:
        values = (subject, self._channel, encoded(ref))
        owner = await self._redis.eval(REVOKE, [self._record(ref)], *values, how=ANYWAY)
        if owner is None:
            return None
        index = self._redis.key("subject", made(_text, owner))
        await self._redis.run(index, "ZREM", index, encoded(ref), how=REPEAT)
        return ref

    async def _index(self, subject: str, ref: str, lifetime: int, *, how: How = REPEAT) -> None:
        # Twice as long: a failover may forget that it was made longer. That the name is there it must not, for on a
        # cluster the record may be elsewhere, and stay.
        index = self._redis.key("subject", subject)
        longer = max(2 * lifetime, lifetime + DAY)
        await self._redis.eval(INDEX, [index], encoded(ref), longer, how=how)

    async def _of(self, subject: str) -> list[str]:
        index = self._redis.key("subject", _hashed(subject))
        found = await self._redis.run(index, "ZRANGE", index, 0, -1, how=REPEAT)
        return [made(_text, each) for each in found]

    async def _point(self, token_hash: bytes, ref: str, lifetime: int) -> None:
        pointer = self._pointer(token_hash)
        await self._redis.run(pointer, "SET", pointer, encoded(ref), "PX", lifetime, how=REPEAT)

    async def _read(self, ref: str) -> Reply:
        record = self._record(ref)
        return await self._redis.run(record, "HMGET", record, *FIELDS, how=REPEAT)

    def _remember(self, ref: str, subject: str) -> None:
        if len(self._subjects) >= MANY:
            self._subjects.clear()
        self._subjects[ref] = subject

    def _record(self, ref: str) -> bytes:
        return self._redis.key("session", ref)

    def _pointer(self, token_hash: bytes) -> bytes:
        return self._redis.key("token", token_hash.hex())


def _lifetime(now: int, keep_until: int) -> int:
    """Milliseconds. Relative: whose clock is right does not matter."""
    return max(keep_until - now, 0) * 1000 + SLACK


def _hashed(subject: str) -> str:
    """People's names may hold anything; keys do not."""
    return sha256(encoded(subject)).hexdigest()


def _opened(record: list[bytes | None], ref: str, token_hash: bytes, now: int) -> Session | None:
    """The session that a record holds, if that id opens it."""
    current, superseded, superseded_at = record[:3]
    if current == token_hash:
        return _session(record, ref)
    if superseded != token_hash or superseded_at is None:
        return None
    # A clock that is set back must not give the old id more time.
    in_grace = -SUPERSEDED_GRACE < now - int(superseded_at) < SUPERSEDED_GRACE
    return _session(record, ref, superseded=True) if in_grace else None


def _session(record: list[bytes | None], ref: str | None, *, superseded: bool = False) -> Session | None:
    text, last_seen = record[3:]
    if text is None or last_seen is None:
        return None
    session = session_of(text, int(last_seen), superseded=superseded)
    if ref not in (None, session.ref):
        raise ValueError("that is another session")
    return session


def _text(found: bytes) -> str:
    return found.decode(errors="surrogatepass")


def _yes(told: int) -> bool:
    return told == 1


def _raised(told: Reply) -> Reply:
    if isinstance(told, BaseException):
        raise told
    return told
