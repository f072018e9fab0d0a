"""A session lives while it is used, and no longer than it may."""

from __future__ import annotations

import pytest

from gateway.config.settings import SessionLife
from gateway.flows.sessions import Found, Sessions, new_token
from gateway.policy.facts import AuthEvent, Session
from gateway.stores.base import SUPERSEDED_GRACE, State

NOW = 1_800_000_000
LIFE = SessionLife(idle=600, absolute=7200)
PASSWORD = AuthEvent("password", NOW, ("pwd",))


async def opened(sessions: Sessions, subject: str = "alice", now: int = NOW) -> tuple[bytes, Session]:
    return await sessions.open("notes", subject, (PASSWORD,), address="192.0.2.1", agent="Firefox/1", now=now)


async def found(sessions: Sessions, token: bytes, now: int) -> Found:
    hit = await sessions.find(token, "notes", now)
    assert hit is not None
    return hit


async def test_a_session_is_found_by_its_id_on_its_own_app_only(state: State) -> None:
    sessions = Sessions(state, LIFE)
    token, session = await opened(sessions)
    assert (await found(sessions, token, NOW)).session == session
    assert await sessions.find(token, "shop", NOW) is None


@pytest.mark.parametrize("token", [b"", b"A" * 42, b"A" * 44, b"A" * 43 + b"=", b"\xff" * 43, b"A" * 43])
async def test_what_is_no_id_of_ours_finds_nothing(state: State, token: bytes) -> None:
    assert await Sessions(state, LIFE).find(token, "notes", NOW) is None


async def test_an_id_is_256_bits_and_never_the_same(state: State) -> None:
    assert len({new_token() for _ in range(1000)}) == 1000
    assert len(new_token()) == 43


@pytest.mark.parametrize(
    ("after", "alive"), [(0, True), (600, True), (601, False), (7200, False), (-5, True), (-6, False)]
)
async def test_it_runs_out_when_it_is_not_used_and_when_the_clock_is_odd(state: State, after: int, alive: bool) -> None:
    sessions = Sessions(state, LIFE)
    token, session = await opened(sessions)
    assert (await found(sessions, token, NOW + after)).alive is alive
    assert await sessions.alive(session, NOW + after) is alive


async def test_use_keeps_it_alive_but_not_for_ever(state: State) -> None:
    sessions = Sessions(state, LIFE)
    token, session = await opened(sessions)
    for now in range(NOW + 500, NOW + 7200, 500):
        here = await found(sessions, token, now)
        assert here.alive and await sessions.alive(session, now)
        sessions.touch(here.session, now)
        await sessions.flush()
    sessions.touch(session, NOW + 7100)
    assert not (await found(sessions, token, NOW + 7201)).alive
    assert not await sessions.alive(session, NOW + 7201)
    assert await sessions.of("alice", NOW + 7201) == []


async def test_activity_not_yet_written_down_counts(state: State) -> None:
    sessions = Sessions(state, LIFE)
    token, session = await opened(sessions)
    sessions.touch(session, NOW + 590)
    assert (await found(sessions, token, NOW + 900)).alive
    assert await sessions.alive(session, NOW + 900)
    assert [each.last_seen for each in await sessions.of("alice", NOW + 900)] == [NOW + 590]


async def test_renewing_makes_a_new_id_and_the_old_one_says_so_for_a_moment(state: State) -> None:
    sessions = Sessions(state, LIFE)
    old, session = await opened(sessions)
    renewed = await sessions.renew(await found(sessions, old, NOW), (PASSWORD,), NOW)
    assert renewed is not None
    token, after = renewed
    assert token != old and after.ref == session.ref and not after.superseded
    assert (await found(sessions, old, NOW + SUPERSEDED_GRACE - 1)).session.superseded
    assert await sessions.find(old, "notes", NOW + SUPERSEDED_GRACE) is None


async def test_of_two_who_renew_one_is_first_and_an_old_id_renews_nothing(state: State) -> None:
    sessions = Sessions(state, LIFE)
    old, _ = await opened(sessions)
    before = await found(sessions, old, NOW)
    assert await sessions.renew(before, (), NOW) is not None
    assert await sessions.renew(before, (), NOW) is None
    assert await sessions.renew(await found(sessions, old, NOW), (), NOW) is None


async def test_an_ended_session_is_not_renewed_and_not_brought_back_by_activity(state: State) -> None:
    sessions = Sessions(state, LIFE)
    token, session = await opened(sessions)
    before = await found(sessions, token, NOW)
    sessions.touch(session, NOW + 300)
    assert await Sessions(state, LIFE).end(ref=session.ref) == [session.ref]
    await sessions.flush()
    assert await sessions.renew(before, (), NOW) is None
    assert await sessions.find(token, "notes", NOW) is None
    assert not await sessions.alive(session, NOW)


async def test_all_of_a_persons_sessions_end_but_the_one_to_keep(state: State) -> None:
    sessions = Sessions(state, LIFE)
    mine = [(await opened(sessions))[1] for _ in range(3)]
    _, bobs = await opened(sessions, "bob")
    assert set(await sessions.end(subject="alice", keep=mine[0].ref)) == {mine[1].ref, mine[2].ref}
    assert [await sessions.alive(each, NOW) for each in (*mine, bobs)] == [True, False, False, True]


async def test_what_was_read_a_moment_ago_serves_for_a_second_and_not_longer(state: State) -> None:
    sessions = Sessions(state, LIFE)
    token, session = await opened(sessions)
    assert await sessions.recent(token, "notes", NOW + 0.0) is not None
    await Sessions(state, LIFE).end(ref=session.ref)
    assert await sessions.find(token, "notes", NOW) is None
    assert await sessions.recent(token, "notes", NOW + 0.9) is not None
    assert await sessions.recent(token, "shop", NOW + 0.9) is None
    assert await sessions.recent(token, "notes", NOW + 1.0) is None


async def test_only_the_newest_event_of_each_verifier_is_kept(state: State) -> None:
    sessions = Sessions(state, LIFE)
    token, _ = await opened(sessions)
    later = AuthEvent("password", NOW + 9, ("pwd",))
    renewed = await sessions.renew(await found(sessions, token, NOW), (later, PASSWORD), NOW + 9)
    assert renewed is not None and renewed[1].events == (later,)
