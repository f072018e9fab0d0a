"""What a SessionStore promises."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from hashlib import sha256

import pytest

from gateway.policy.facts import AuthEvent, Session
from gateway.stores.base import SUPERSEDED_GRACE, SessionStore, State

NOW = 1_000_000
KEEP = NOW + 1000
PASSWORD = AuthEvent("password", NOW, ("pwd",))
TOTP = AuthEvent("totp", NOW + 50, ("otp", "user"))
ADA = Session("ref-a", "notes", "ada", NOW, NOW, (PASSWORD,), "192.0.2.7", "Mozilla/5.0 «naïve»")


def key(name: str) -> bytes:
    return sha256(name.encode()).digest()


@pytest.fixture
def sessions(state: State) -> SessionStore:
    return state.sessions


async def test_a_session_comes_back_as_it_was_stored(sessions: SessionStore) -> None:
    session = replace(ADA, events=(PASSWORD, TOTP))
    await sessions.create(key("a"), session, keep_until=KEEP)
    assert await sessions.get(key("a"), NOW) == session


async def test_a_session_without_address_and_events_comes_back_too(sessions: SessionStore) -> None:
    bare = Session("ref-b", "notes", "ben", NOW, NOW, ())
    await sessions.create(key("b"), bare, keep_until=KEEP)
    assert await sessions.get(key("b"), NOW) == bare


@pytest.mark.parametrize("other", [key("b"), key("a")[:-1], key("a") + b"\0", b"", b"a"])
async def test_nothing_else_finds_a_session(sessions: SessionStore, other: bytes) -> None:
    await sessions.create(key("a"), ADA, keep_until=KEEP)
    assert await sessions.get(other, NOW) is None


async def test_purging_spares_a_session_until_its_time_is_over(state: State) -> None:
    await state.sessions.create(key("a"), ADA, keep_until=KEEP)
    await state.life.purge(KEEP)
    assert await state.sessions.get(key("a"), KEEP) == ADA


async def test_after_rotation_the_new_id_finds_the_new_session(sessions: SessionStore) -> None:
    await sessions.create(key("old"), ADA, keep_until=KEEP)
    confirmed = replace(ADA, events=(PASSWORD, TOTP), last_seen=NOW + 50, address="192.0.2.8", agent="curl")
    assert await sessions.rotate(key("old"), key("new"), confirmed, now=NOW + 50, keep_until=KEEP)
    assert await sessions.get(key("new"), NOW + 50) == confirmed


@pytest.mark.parametrize(
    ("seconds_later", "found"),
    [(0, True), (SUPERSEDED_GRACE - 1, True), (SUPERSEDED_GRACE, False), (SUPERSEDED_GRACE + 1, False)],
)
async def test_the_old_id_finds_it_marked_superseded_for_its_grace_only(
    sessions: SessionStore, seconds_later: int, found: bool
) -> None:
    await sessions.create(key("old"), ADA, keep_until=KEEP)
    confirmed = replace(ADA, events=(PASSWORD, TOTP))
    await sessions.rotate(key("old"), key("new"), confirmed, now=NOW, keep_until=KEEP)
    assert await sessions.get(key("old"), NOW + seconds_later) == (
        replace(confirmed, superseded=True) if found else None
    )


async def test_the_id_before_the_last_but_one_is_gone_at_once(sessions: SessionStore) -> None:
    await sessions.create(key("1"), ADA, keep_until=KEEP)
    await sessions.rotate(key("1"), key("2"), ADA, now=NOW, keep_until=KEEP)
    await sessions.rotate(key("2"), key("3"), ADA, now=NOW, keep_until=KEEP)
    assert await sessions.get(key("1"), NOW) is None
    assert await sessions.get(key("2"), NOW) == replace(ADA, superseded=True)
    assert await sessions.get(key("3"), NOW) == ADA


@pytest.mark.parametrize("not_current", ["old", "never"])
async def test_only_the_current_id_can_be_rotated(sessions: SessionStore, not_current: str) -> None:
    await sessions.create(key("old"), ADA, keep_until=KEEP)
    await sessions.rotate(key("old"), key("new"), ADA, now=NOW, keep_until=KEEP)
    forged = replace(ADA, subject="mallory")
    assert not await sessions.rotate(key(not_current), key("forged"), forged, now=NOW, keep_until=KEEP)
    assert await sessions.get(key("forged"), NOW) is None
    assert await sessions.find() == [ADA]


async def test_of_many_rotations_at_once_one_wins(sessions: SessionStore) -> None:
    await sessions.create(key("old"), ADA, keep_until=KEEP)
    won = await asyncio.gather(
        *(sessions.rotate(key("old"), key(f"new {n}"), ADA, now=NOW, keep_until=KEEP) for n in range(8))
    )
    assert won.count(True) == 1
    found = [await sessions.get(key(f"new {n}"), NOW) for n in range(8)]
    assert [session is not None for session in found] == won


async def test_activity_moves_last_seen_forward_and_never_back(sessions: SessionStore) -> None:
    await sessions.create(key("a"), ADA, keep_until=KEEP)
    for seen, expected in [(NOW + 60, NOW + 60), (NOW + 30, NOW + 60), (NOW + 61, NOW + 61)]:
        await sessions.touch("ref-a", seen, keep_until=KEEP)
        assert await sessions.get(key("a"), NOW) == replace(ADA, last_seen=expected)


async def test_activity_keeps_a_session_longer_and_never_shorter(state: State) -> None:
    await state.sessions.create(key("a"), ADA, keep_until=KEEP)
    await state.sessions.touch("ref-a", NOW, keep_until=KEEP + 60)
    await state.sessions.touch("ref-a", NOW, keep_until=KEEP - 60)
    await state.life.purge(KEEP + 60)
    assert await state.sessions.get(key("a"), NOW) is not None


async def test_activity_does_not_bring_a_revoked_session_back(sessions: SessionStore) -> None:
    await sessions.create(key("a"), ADA, keep_until=KEEP)
    await sessions.revoke(ref="ref-a")
    await sessions.touch("ref-a", NOW + 60, keep_until=KEEP)
    assert await sessions.get(key("a"), NOW) is None
    assert await sessions.find() == []


async def test_a_revoked_session_is_found_by_no_id_it_ever_had(sessions: SessionStore) -> None:
    await sessions.create(key("old"), ADA, keep_until=KEEP)
    await sessions.rotate(key("old"), key("new"), ADA, now=NOW, keep_until=KEEP)
    assert await sessions.revoke(ref="ref-a") == ["ref-a"]
    assert await sessions.get(key("new"), NOW) is None
    assert await sessions.get(key("old"), NOW) is None
    assert not await sessions.rotate(key("new"), key("newer"), ADA, now=NOW, keep_until=KEEP)
    assert await sessions.revoke(ref="ref-a") == []


@pytest.mark.parametrize(
    ("whom", "ended"),
    [
        ({"ref": "ada-1"}, {"ada-1"}),
        ({"subject": "ada"}, {"ada-1", "ada-2"}),
        ({"subject": "ada", "keep": "ada-2"}, {"ada-1"}),
        ({"subject": "ada", "keep": "ben-1"}, {"ada-1", "ada-2"}),
        ({"subject": "ADA"}, set()),
        ({"ref": "ada-1", "subject": "ada"}, {"ada-1"}),
        ({"ref": "ada-1", "subject": "ben"}, set()),  # law 7
        ({"ref": "ada-1", "keep": "ada-1"}, set()),
        ({"ref": "nobody"}, set()),
        ({"keep": "ada-1"}, set()),
        ({}, set()),
    ],
)
async def test_revoking_ends_whom_it_names_and_nobody_else(
    sessions: SessionStore, whom: dict[str, str], ended: set[str]
) -> None:
    everyone = {"ada-1", "ada-2", "ben-1"}
    for ref in everyone:
        await sessions.create(key(ref), replace(ADA, ref=ref, subject=ref[:3]), keep_until=KEEP)
    assert set(await sessions.revoke(**whom)) == ended
    assert {session.ref for session in await sessions.find()} == everyone - ended


async def test_sessions_are_listed_latest_seen_first(sessions: SessionStore) -> None:
    for ref, subject, seen in [("1", "ada", 20), ("2", "ben", 30), ("3", "ada", 40), ("4", "ada", 10)]:
        session = replace(ADA, ref=ref, subject=subject, last_seen=NOW + seen)
        await sessions.create(key(ref), session, keep_until=NOW)  # expired ones are listed too
    assert [session.ref for session in await sessions.find(subject="ada")] == ["3", "1", "4"]
    assert [session.ref for session in await sessions.find()] == ["3", "2", "1", "4"]
    assert await sessions.find(subject="nobody") == []


@pytest.mark.parametrize(
    ("whom", "found"),
    [
        ({"ref": "ada-1"}, ["ada-1"]),
        ({"ref": "ada-1", "subject": "ada"}, ["ada-1"]),
        ({"ref": "ada-1", "subject": "ben"}, []),
        ({"ref": "ada-3"}, []),
        ({"ref": ""}, []),
        ({"subject": "ada"}, ["ada-1", "ada-2"]),
    ],
)
async def test_one_session_is_found_by_its_name(sessions: SessionStore, whom: dict[str, str], found: list[str]) -> None:
    for ref in ("ada-1", "ada-2", "ben-1"):
        await sessions.create(key(ref), replace(ADA, ref=ref, subject=ref[:3]), keep_until=KEEP)
    assert [session.ref for session in await sessions.find(**whom)] == found


async def test_its_name_finds_a_session_whatever_its_id_is_by_now(sessions: SessionStore) -> None:
    await sessions.create(key("old"), ADA, keep_until=KEEP)
    confirmed = replace(ADA, events=(PASSWORD, TOTP))
    await sessions.rotate(key("old"), key("new"), confirmed, now=NOW, keep_until=KEEP)
    assert await sessions.find(ref="ref-a") == [confirmed]


async def test_an_old_id_gets_no_more_time_from_a_clock_that_is_set_back(sessions: SessionStore) -> None:
    await sessions.create(key("old"), ADA, keep_until=KEEP)
    await sessions.rotate(key("old"), key("new"), ADA, now=NOW, keep_until=KEEP)
    assert await sessions.get(key("old"), NOW - 3600) is None
    assert await sessions.get(key("new"), NOW - 3600) == ADA
