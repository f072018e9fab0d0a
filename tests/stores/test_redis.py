"""The state in Redis: what only this implementation can show."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from redis.crc import key_slot

from gateway.errors import StoreError
from gateway.policy.facts import AuthEvent, Confirmation, Session
from gateway.stores.base import HoldLimits, Limit, State
from gateway.stores.redis import open_state
from tests.support.certificates import certificates
from tests.support.redis_servers import Nodes, Server, server

NOW = 1_000_000
KEY = b"a" * 32
ADA = Session("ref-a", "notes", "ada", NOW, NOW, (AuthEvent("password", NOW, ("pwd",)),))
ASKED = Confirmation("c", "notes", "ref-a", "ada", ("r",), "POST", "/", (), "/", NOW, NOW + 100, ticket="t")
EVENT = '{"verifier": "password", "auth_time": 1, "amr": ["pwd"]}'
SECRET = "hush hush"


@pytest.fixture
def url(redis_server: Server) -> str:
    return redis_server.url()


@pytest.fixture
def state(runner: asyncio.Runner, url: str) -> Iterator[State]:
    opened = open_state(url, complain=pytest.fail)
    yield opened
    runner.run(opened.life.close())


@pytest.fixture
def prefix(url: str) -> str:
    return url.partition("prefix=")[2]


async def everything(state: State) -> None:
    """Something of each kind, and what failed attempts leave behind."""
    await state.life.ping()
    await state.sessions.create(KEY, ADA, keep_until=NOW + 1000)
    await state.sessions.create(b"c" * 32, replace(ADA, ref="ref-c"), keep_until=NOW - 1000)
    assert await state.sessions.rotate(KEY, b"b" * 32, ADA, now=NOW, keep_until=NOW + 1000)
    assert not await state.sessions.rotate(KEY, b"d" * 32, ADA, now=NOW, keep_until=NOW + 1000)
    await state.sessions.touch("ref-a", NOW + 9, keep_until=NOW + 2000)
    await state.sessions.touch("nobody", NOW + 9, keep_until=NOW + 2000)
    limits = HoldLimits(per_session=1)
    assert await state.confirmations.put(ASKED, b"sealed", limits)
    assert not await state.confirmations.put(replace(ASKED, id="d"), b"sealed", limits)
    assert await state.confirmations.put(replace(ASKED, id="e"), None, limits)
    assert await state.confirmations.put(replace(ASKED, id="f", expires_at=NOW), b"sealed", HoldLimits())
    assert not await state.confirmations.put(replace(ASKED, id="g", session="h"), b"x" * 9, HoldLimits(total_bytes=8))
    assert await state.confirmations.update(replace(ASKED, expires_at=ASKED.expires_at + 100), NOW)
    assert await state.confirmations.put(replace(ASKED, id="h", session="i", ticket="t"), b"sealed", limits)
    assert await state.confirmations.claim("h", "t", NOW) is not None
    await state.throttle.take("ada", NOW + 0.5, Limit())
    await state.throttle.give_back("ada")
    await state.throttle.give_back("ben")
    await state.once.put("key", b"value", now=NOW, expires_at=NOW + 100)
    await state.once.agree("agreed", b"value", now=NOW, expires_at=NOW + 100)
    await state.once.put("late", b"value", now=NOW, expires_at=NOW)


async def test_every_key_has_an_expiry(state: State, redis_server: Server, prefix: str) -> None:
    await everything(state)
    keys = redis_server.say("KEYS", f"{prefix}*")
    kinds = {key.removeprefix(prefix.encode()).partition(b":")[0].decode() for key in keys}
    assert kinds == {"ping", "session", "token", "subject", "confirmation", "pending", "held", "throttle", "once"}
    left = {key: redis_server.say("PTTL", key) for key in keys}
    assert {key: ms for key, ms in left.items() if ms == -1 or ms > 3 * 86_400_000} == {}  # -2: it is gone already
    assert {key for key in keys if b"{" not in key} == set()


async def test_a_touched_session_is_found_by_its_person_as_long_as_it_lives(
    state: State, redis_server: Server, prefix: str
) -> None:
    week = NOW + 7 * 86400
    await state.sessions.create(KEY, ADA, keep_until=NOW + 10)
    await state.sessions.touch("ref-a", NOW, keep_until=week)
    (subject,) = redis_server.say("KEYS", f"{prefix}subject:*")
    (record,) = redis_server.say("KEYS", f"{prefix}session:*")
    (token,) = redis_server.say("KEYS", f"{prefix}token:*")
    left = {key: redis_server.say("PTTL", key) for key in (subject, record, token)}
    assert left[subject] > left[record] > 6 * 86_400_000 and left[token] > 6 * 86_400_000
    seconds, micro = redis_server.say("TIME")
    score = float(redis_server.say("ZSCORE", subject, "ref-a"))
    assert score - (int(seconds) * 1000 + int(micro) / 1000) > left[record]
    await state.sessions.touch("ref-a", NOW, keep_until=NOW + 10)
    assert float(redis_server.say("ZSCORE", subject, "ref-a")) >= score
    assert redis_server.say("PTTL", record) > 6 * 86_400_000


async def test_names_of_a_person_that_ran_out_are_forgotten(state: State, redis_server: Server, prefix: str) -> None:
    await state.sessions.create(KEY, ADA, keep_until=NOW + 10)
    (subject,) = redis_server.say("KEYS", f"{prefix}subject:*")
    redis_server.say("ZADD", subject, 1, "ran-out")
    await state.sessions.create(b"b" * 32, replace(ADA, ref="ref-b"), keep_until=NOW + 10)
    assert set(redis_server.say("ZRANGE", subject, 0, -1)) == {b"ref-a", b"ref-b"}


async def test_a_clock_that_is_wrong_makes_no_room_and_forgets_no_session(state: State) -> None:
    limits = HoldLimits(per_session=1, total_bytes=100)
    await state.sessions.create(KEY, ADA, keep_until=NOW + 1000)
    assert await state.confirmations.put(ASKED, bytes(100), limits)
    years = 10**9
    later = replace(ASKED, id="d", created_at=NOW + years, expires_at=NOW + years + 100)
    assert not await state.confirmations.put(later, b"", limits)
    assert not await state.confirmations.put(replace(later, session="another"), b"x", limits)
    await state.sessions.create(b"b" * 32, replace(ADA, ref="ref-b", last_seen=NOW + years), keep_until=NOW + years)
    assert sorted(await state.sessions.revoke(subject="ada")) == ["ref-a", "ref-b"]


async def test_a_read_of_a_session_that_was_read_before_is_one_question(state: State, redis_server: Server) -> None:
    await state.sessions.create(KEY, ADA, keep_until=NOW + 1000)
    await state.sessions.get(KEY, NOW)
    before = _calls(redis_server)
    for _ in range(10):
        assert await state.sessions.get(KEY, NOW) == ADA
    after = _calls(redis_server)
    assert {name: count - before.get(name, 0) for name, count in after.items() if name != "info"} == (
        {name: 10 if name == "hmget" else 0 for name in after if name != "info"}
    )


def _calls(redis_server: Server) -> dict[str, int]:
    told = redis_server.say("INFO", "commandstats")
    return {name.removeprefix("cmdstat_"): each["calls"] for name, each in told.items()}


@pytest.mark.parametrize(
    "written",
    [
        "",
        "{",
        "null",
        "7",
        "[]",
        '{"ref": "ref-a"}',
        '{"ref": "ref-b", "app": "notes", "subject": "ada", "signed_in_at": 1, "events": []}',
        f'{{"ref": "ref-a", "app": "notes", "subject": "ada", "signed_in_at": 1, "events": [{EVENT}], "more": 1}}',
        *(
            f'{{"ref": "ref-a", "app": "notes", "subject": "ada", "signed_in_at": {at}, "events": [{event}]}}'
            for at, event in [
                ("true", EVENT),
                ("1e9", EVENT),
                ("1", EVENT.replace("1", "NaN")),
                ("1", EVENT.replace("1", "true")),
                ("1", EVENT.replace("verifier", "name")),
                ("1", "7"),
            ]
        ),
    ],
)
async def test_a_session_that_does_not_parse_is_an_error_and_no_session(
    state: State, redis_server: Server, prefix: str, written: str
) -> None:
    await state.sessions.create(KEY, ADA, keep_until=NOW + 1000)
    redis_server.say("HSET", f"{prefix}session:{{ref-a}}", "session", written)
    for read in (state.sessions.get(KEY, NOW), state.sessions.find(ref="ref-a"), state.sessions.find(subject="ada")):
        with pytest.raises(StoreError):
            await read


@pytest.mark.parametrize("facts", ["", "{}", "[]", "null", '{"routes": [], "shown": [], "events": []}'])
async def test_a_confirmation_that_does_not_parse_is_an_error(
    state: State, redis_server: Server, prefix: str, facts: str
) -> None:
    await state.confirmations.put(ASKED, b"sealed", HoldLimits())
    redis_server.say("HSET", f"{prefix}confirmation:{{c}}", "facts", facts)
    with pytest.raises(StoreError):
        await state.confirmations.get("c", NOW)
    with pytest.raises(StoreError):
        await state.confirmations.claim("c", "t", NOW)


USES: list[Callable[[State], Awaitable[object]]] = [
    lambda state: state.sessions.get(KEY, NOW),
    lambda state: state.sessions.find(),
    lambda state: state.sessions.rotate(KEY, b"b" * 32, ADA, now=NOW, keep_until=NOW),
    lambda state: state.sessions.revoke(ref="ref-a"),
    lambda state: state.confirmations.get("c", NOW),
    lambda state: state.confirmations.claim("c", "t", NOW),
    lambda state: state.throttle.take("ada", NOW, Limit()),
    lambda state: state.once.pop("key", NOW),
]


async def test_a_key_of_another_kind_is_an_error(state: State, redis_server: Server, prefix: str) -> None:
    await everything(state)
    for key in redis_server.say("KEYS", f"{prefix}*"):
        redis_server.say("DEL", key)
        redis_server.say("SADD", key, "x")
    for use in USES:
        with pytest.raises(StoreError):
            await use(state)


async def test_a_value_too_short_to_be_one_is_an_error(state: State, redis_server: Server, prefix: str) -> None:
    redis_server.say("SET", f"{prefix}once:{{key}}", b"short")
    with pytest.raises(StoreError):
        await state.once.pop("key", NOW)


@pytest.mark.parametrize("text", ["", "}", "{", "{}", "a}b{c", "\ud800", "\0", "ä" * 300])
async def test_any_text_is_a_name(state: State, text: str) -> None:
    session = replace(ADA, ref=f"r{text}", subject=text)
    await state.sessions.create(KEY, session, keep_until=NOW + 1000)
    assert await state.sessions.get(KEY, NOW) == session
    assert await state.sessions.find(subject=text) == [session]
    asked = replace(ASKED, id=text, session=text)
    assert await state.confirmations.put(asked, b"sealed", HoldLimits())
    assert await state.confirmations.get(text, NOW) == asked
    assert (await state.throttle.take(text, NOW, Limit())).tries == 1
    await state.once.put(text, b"value", now=NOW, expires_at=NOW + 1)
    assert await state.once.pop(text, NOW) == b"value"
    await state.confirmations.drop(session=text)
    assert await state.confirmations.get(text, NOW) is None
    assert await state.sessions.revoke(subject=text) == [session.ref]


async def test_what_is_kept_together_is_of_one_slot(redis_cluster: Nodes) -> None:
    url = redis_cluster.url("&replicas=0")
    state = open_state(url, complain=pytest.fail)
    await everything(state)
    keys = [key for each in redis_cluster.servers for key in each.say("KEYS", f"{url.split('=')[1].split('&')[0]}*")]
    held = {key_slot(key) for key in keys if b":held:" in key}
    assert len(held) == 1 and len({key_slot(key) for key in keys}) > 5
    assert all(each.say("DBSIZE") > 0 for each in redis_cluster.servers)
    await state.life.close()


@pytest.mark.parametrize("policy", ["noeviction", "allkeys-lru", "volatile-ttl"])
async def test_the_operator_is_told_once_what_could_be_forgotten(tmp_path: Path, policy: str) -> None:
    told: list[str] = []
    with server(tmp_path, "--maxmemory-policy", policy) as own:
        state = open_state(own.url(), complain=told.append)
        await asyncio.gather(*(state.sessions.get(KEY, NOW) for _ in range(5)))
        await state.life.close()
    assert len(told) == (policy != "noeviction")
    assert all(f"maxmemory-policy {policy}" in words and "noeviction" in words for words in told)


async def test_what_the_gateway_needs_may_be_all_that_its_user_may_do(tmp_path: Path) -> None:
    rules = (Path(__file__).parents[2] / "docs" / "deploy.md").read_text()
    rule = next(line for line in rules.splitlines() if line.startswith("user gateway "))
    (tmp_path / "acl").write_text(f"user default on nopass +@all ~* &*\n{rule.replace('PASSWORD', 'hush')}\n")
    with server(tmp_path / "own", "--aclfile", str(tmp_path / "acl")) as own:
        heard: list[str | None] = []
        state = open_state(f"redis://gateway:hush@{own.place}", complain=pytest.fail)
        listening = asyncio.ensure_future(state.life.listen(heard.append))
        async with asyncio.timeout(10):
            while not heard:
                await asyncio.sleep(0.01)
        await everything(state)
        assert await state.sessions.find(ref="ref-a") == (await state.sessions.find(subject="ada"))[:1]
        assert len(await state.sessions.find()) == 2
        assert await state.confirmations.held(NOW) == (1, 6)
        assert await state.confirmations.claim("c", "t", NOW)
        await state.confirmations.drop(session="ref-a")
        assert await state.once.pop("key", NOW) == b"value"
        await state.throttle.forgive("ada")
        await state.sessions.revoke(subject="ada")
        async with asyncio.timeout(10):
            while "ref-a" not in heard:
                await asyncio.sleep(0.01)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await state.life.close()
        assert own.say("ACL", "LOG") == []


async def test_with_tls_only_the_server_that_is_meant_is_spoken_to(tmp_path: Path) -> None:
    ours = certificates(tmp_path / "ours")
    others = certificates(tmp_path / "others")
    tls = ("--port", "0", "--tls-cert-file", str(ours.cert), "--tls-key-file", str(ours.key))
    tls += ("--tls-ca-cert-file", str(ours.ca), "--tls-auth-clients", "yes", "--requirepass", SECRET)
    options = {"ssl": True, "ssl_ca_certs": str(ours.ca), "ssl_certfile": str(ours.cert), "ssl_keyfile": str(ours.key)}
    with server(
        tmp_path / "own", *tls, "--tls-port", "PORT", "--bind", "127.0.0.1", "127.0.0.2", password=SECRET, **options
    ) as own:
        mine = f"cert={ours.cert}&key={ours.key}"
        address = f"rediss://:hush%20hush@{own.place}?{mine}"
        state = open_state(f"{address}&ca={ours.ca}", complain=pytest.fail)
        await everything(state)
        assert (await state.sessions.get(b"b" * 32, NOW)) is not None
        await state.life.close()
        for unknown in (
            f"{address}&ca={others.ca}",
            address,
            f"{address}&ca={ours.ca}".replace("127.0.0.1", "127.0.0.2"),
        ):
            assert "certificate" in await refused(unknown)
        await refused(f"rediss://:hush%20hush@{own.place}?ca={ours.ca}")
        await refused(f"redis://:hush%20hush@{own.place}")
        await refused(f"rediss://{own.place}?{mine}&ca={ours.ca}")
        assert "invalid username-password" in await refused(f"rediss://:wr0ng@{own.place}?{mine}&ca={ours.ca}")


async def refused(url: str) -> str:
    """What is said of it, and that no password is."""
    state = open_state(url, complain=pytest.fail)
    with pytest.raises(StoreError) as told:
        await state.life.ping()
    await state.life.close()
    errors: list[BaseException] = [told.value]
    while (cause := errors[-1].__cause__ or errors[-1].__context__) is not None:
        errors.append(cause)
    said = " ".join(str(error) for error in errors)
    assert "hush" not in said and "wr0ng" not in said
    return said


@pytest.mark.parametrize("address", ["redis://", "redis://:hush@h:x", "redis+sentinel://h", "redis://h?tiemout=hush"])
def test_an_address_that_is_none_is_an_error_that_does_not_repeat_it(address: str) -> None:
    with pytest.raises(StoreError) as told:
        open_state(address, complain=pytest.fail)
    assert "hush" not in str(told.value)


def test_certificates_that_do_not_load_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    with pytest.raises(StoreError, match="certificates"):
        open_state(f"rediss://h?ca={tmp_path / 'ca.pem'}", complain=pytest.fail)
