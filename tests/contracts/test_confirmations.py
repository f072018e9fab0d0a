"""What a ConfirmationStore promises."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from gateway.policy.facts import AuthEvent, Confirmation
from gateway.stores.base import CLAIMED_KNOWN, ConfirmationStore, HoldLimits, State

NOW = 1_000_000
END = NOW + 600
LIMITS = HoldLimits()
PLAIN = Confirmation("c", "notes", "ref-a", "ada", ("r",), "POST", "/x", (), "/", NOW, END)
FULL = Confirmation(
    id="c",
    app="notes",
    session="ref-a",
    subject="ada",
    routes=("change-email", "admin"),
    method="POST",
    target="/account/e-mail?\xff=%00",
    shown=(("email", "ada@example.com"), ("email", "«ädä»\n\0\ud800")),
    back="/",
    created_at=NOW,
    expires_at=END,
    held=True,
    declined="too-large",
    events=(AuthEvent("password", NOW, ("pwd",)), AuthEvent("totp", NOW + 1, ("otp", "user"))),
    ticket="t" * 64,
    version=3,
)


@pytest.fixture
def confirmations(state: State) -> ConfirmationStore:
    return state.confirmations


@pytest.mark.parametrize("confirmation", [PLAIN, FULL])
async def test_a_confirmation_comes_back_as_it_was_stored(
    confirmations: ConfirmationStore, confirmation: Confirmation
) -> None:
    assert await confirmations.put(confirmation, b"sealed", LIMITS)
    assert await confirmations.get("c", NOW) == confirmation
    assert await confirmations.get("C", NOW) is None


@pytest.mark.parametrize(("at", "found"), [(NOW, True), (END - 1, True), (END, False), (END + 1, False)])
async def test_a_confirmation_is_gone_when_its_time_is_over(
    confirmations: ConfirmationStore, at: int, found: bool
) -> None:
    asked = replace(PLAIN, ticket="t")
    await confirmations.put(asked, b"sealed", LIMITS)
    assert (await confirmations.get("c", at) == asked) is found
    assert await confirmations.update(asked, at) is found
    assert (await confirmations.claim("c", "t", at) is not None) is found


async def test_an_update_is_stored_with_the_next_version(confirmations: ConfirmationStore) -> None:
    await confirmations.put(PLAIN, None, LIMITS)
    assert await confirmations.update(replace(FULL, version=0), NOW)
    assert await confirmations.get("c", NOW) == replace(FULL, version=1)


@pytest.mark.parametrize("version", [0, 2])
async def test_an_update_of_another_version_changes_nothing(confirmations: ConfirmationStore, version: int) -> None:
    await confirmations.put(PLAIN, None, LIMITS)
    assert await confirmations.update(replace(PLAIN, ticket="first"), NOW)
    assert not await confirmations.update(replace(PLAIN, ticket="second", version=version), NOW)
    assert await confirmations.get("c", NOW) == replace(PLAIN, ticket="first", version=1)


async def test_of_many_updates_at_once_one_wins(confirmations: ConfirmationStore) -> None:
    await confirmations.put(PLAIN, None, LIMITS)
    won = await asyncio.gather(*(confirmations.update(replace(PLAIN, ticket=f"{n}"), NOW) for n in range(8)))
    assert won.count(True) == 1
    assert await confirmations.get("c", NOW) == replace(PLAIN, ticket=f"{won.index(True)}", version=1)


async def test_an_update_makes_nothing_that_is_not_there(confirmations: ConfirmationStore) -> None:
    assert not await confirmations.update(PLAIN, NOW)
    assert await confirmations.get("c", NOW) is None


async def test_an_update_can_make_its_time_longer_also_of_what_it_holds(confirmations: ConfirmationStore) -> None:
    await confirmations.put(PLAIN, b"sealed", LIMITS)
    longer = replace(PLAIN, ticket="t", expires_at=END + 600)
    await confirmations.update(longer, NOW)
    assert await confirmations.get("c", END + 599) == replace(longer, version=1)
    assert await confirmations.claim("c", "t", END + 599) == (replace(longer, version=1), b"sealed")


async def test_an_update_can_make_its_time_shorter(confirmations: ConfirmationStore) -> None:
    await confirmations.put(PLAIN, None, LIMITS)
    await confirmations.update(replace(PLAIN, expires_at=NOW + 5), NOW)
    assert await confirmations.get("c", NOW + 5) is None


@pytest.mark.parametrize("sealed", [b"\0sealed\xff" * 1000, b"", None])
async def test_a_claimed_request_comes_with_its_sealed_bytes(
    confirmations: ConfirmationStore, sealed: bytes | None
) -> None:
    await confirmations.put(PLAIN, sealed, LIMITS)
    await confirmations.update(replace(PLAIN, ticket="t"), NOW)
    assert await confirmations.claim("c", "t", NOW) == (replace(PLAIN, ticket="t", version=1), sealed)


async def test_a_claimed_request_cannot_be_claimed_again(confirmations: ConfirmationStore) -> None:
    await confirmations.put(replace(PLAIN, ticket="t"), b"sealed", LIMITS)
    assert await confirmations.claim("c", "t", NOW) is not None
    assert await confirmations.claim("c", "t", NOW) is None
    assert await confirmations.get("c", NOW) is None
    assert not await confirmations.update(replace(PLAIN, ticket="t"), NOW)


@pytest.mark.parametrize("at", [NOW, NOW + CLAIMED_KNOWN - 1])
async def test_that_a_held_request_was_claimed_is_known_for_longer_than_it_would_have_lived(
    confirmations: ConfirmationStore, at: int
) -> None:
    asked = replace(FULL, ticket="t", expires_at=NOW + 1)
    await confirmations.put(asked, b"sealed", LIMITS)
    assert await confirmations.claimed("c", NOW) is None
    await confirmations.claim("c", "t", NOW)
    assert await confirmations.claimed("c", at) == asked
    assert await confirmations.claimed("C", at) is None


async def test_what_was_claimed_is_known_for_a_while_only(confirmations: ConfirmationStore) -> None:
    await confirmations.put(replace(PLAIN, ticket="t"), b"sealed", LIMITS)
    await confirmations.claim("c", "t", NOW)
    assert await confirmations.claimed("c", NOW + CLAIMED_KNOWN) is None


async def test_of_one_that_held_nothing_nothing_is_known(confirmations: ConfirmationStore) -> None:
    await confirmations.put(replace(PLAIN, ticket="t"), None, LIMITS)
    assert await confirmations.claim("c", "t", NOW) is not None
    assert await confirmations.claimed("c", NOW) is None


@pytest.mark.parametrize("forgotten", [{"id": "c"}, {"session": "ref-a"}])
async def test_what_was_claimed_is_forgotten_when_it_is_dropped(
    confirmations: ConfirmationStore, forgotten: dict[str, str]
) -> None:
    await confirmations.put(replace(PLAIN, ticket="t"), b"sealed", LIMITS)
    await confirmations.claim("c", "t", NOW)
    await confirmations.drop(**forgotten)
    assert await confirmations.claimed("c", NOW) is None


async def test_what_was_claimed_and_comes_back_can_be_claimed_again(confirmations: ConfirmationStore) -> None:
    await confirmations.put(replace(PLAIN, ticket="t"), b"sealed", LIMITS)
    await confirmations.claim("c", "t", NOW)
    again = replace(PLAIN, ticket="u")
    assert await confirmations.put(again, b"sealed", LIMITS)
    assert await confirmations.claimed("c", NOW) is None
    assert await confirmations.claim("c", "t", NOW) is None
    assert await confirmations.claim("c", "u", NOW) == (again, b"sealed")
    assert await confirmations.claimed("c", NOW) == again


async def test_what_was_claimed_counts_in_no_quota(confirmations: ConfirmationStore) -> None:
    limits = HoldLimits(pending=1, per_session=1, session_bytes=9, total_bytes=9)
    for id in "abc":
        assert await confirmations.put(replace(PLAIN, id=id, ticket="t"), bytes(9), limits)
        assert await confirmations.claim(id, "t", NOW) is not None


async def test_of_many_claims_at_once_one_wins(confirmations: ConfirmationStore) -> None:
    await confirmations.put(replace(PLAIN, ticket="t"), b"sealed", LIMITS)
    claims = await asyncio.gather(*(confirmations.claim("c", "t", NOW) for _ in range(8)))
    assert len([claim for claim in claims if claim is not None]) == 1


@pytest.mark.parametrize(
    ("stored", "asked"),
    [("", ""), ("", "t"), ("t", ""), ("t", "T"), ("t", "t "), ("tt", "t"), ("t", "%"), ("t", "\0")],
)
async def test_a_wrong_ticket_claims_nothing_and_spoils_nothing(
    confirmations: ConfirmationStore, stored: str, asked: str
) -> None:
    confirmation = replace(PLAIN, ticket=stored)
    await confirmations.put(confirmation, b"sealed", LIMITS)
    assert await confirmations.claim("c", asked, NOW) is None
    assert await confirmations.get("c", NOW) == confirmation


@pytest.mark.parametrize(
    ("forgotten", "left"),
    [
        ({"id": "a1"}, {"a2", "b1"}),
        ({"session": "a"}, {"b1"}),
        ({"id": "unknown"}, {"a1", "a2", "b1"}),
        ({"session": "unknown"}, {"a1", "a2", "b1"}),
        ({}, {"a1", "a2", "b1"}),
    ],
)
async def test_what_is_dropped_is_gone_with_what_it_held(
    confirmations: ConfirmationStore, forgotten: dict[str, str], left: set[str]
) -> None:
    for id in ("a1", "a2", "b1"):
        await confirmations.put(replace(PLAIN, id=id, session=id[0], ticket="t"), b"sealed", LIMITS)
    await confirmations.drop(**forgotten)
    assert {id for id in ("a1", "a2", "b1") if await confirmations.get(id, NOW)} == left
    assert {id for id in ("a1", "a2", "b1") if await confirmations.claim(id, "t", NOW)} == left


@pytest.mark.parametrize("claimed", [True, False])
async def test_what_was_handed_to_another_session_outlives_the_end_of_the_one_before(
    confirmations: ConfirmationStore, claimed: bool
) -> None:
    asked = replace(PLAIN, ticket="t")
    await confirmations.put(asked, b"sealed", LIMITS)
    if claimed:
        assert await confirmations.claim("c", "t", NOW) is not None
    mine = replace(asked, session="ref-b")
    await confirmations.put(mine, b"sealed again", LIMITS)
    await confirmations.drop(session="ref-a")
    assert await confirmations.held(NOW) == (1, len(b"sealed again"))
    assert await confirmations.claim("c", "t", NOW) == (mine, b"sealed again")


async def test_the_same_id_again_replaces_confirmation_and_request(confirmations: ConfirmationStore) -> None:
    await confirmations.put(replace(PLAIN, ticket="t"), b"first", LIMITS)
    again = replace(PLAIN, target="/y", ticket="t")
    await confirmations.put(again, b"second", LIMITS)
    assert await confirmations.claim("c", "t", NOW) == (again, b"second")


async def test_replaced_by_one_that_holds_nothing_it_holds_nothing(confirmations: ConfirmationStore) -> None:
    asked = replace(PLAIN, ticket="t")
    await confirmations.put(asked, b"first", LIMITS)
    await confirmations.put(asked, None, LIMITS)
    assert await confirmations.claim("c", "t", NOW) == (asked, None)


# Limits of 3 requests and 100 bytes for a session, 150 bytes for all. Each row: what is there, as (session, bytes,
# lifetime), and then whether session "a" may have a new one of so many bytes.
@pytest.mark.parametrize(
    ("there", "size", "kept"),
    [
        ([], 100, True),
        ([], 101, False),
        ([("a", 60, 600)], 40, True),
        ([("a", 60, 600)], 41, False),
        ([("a", 1, 600)] * 2, 1, True),
        ([("a", 1, 600)] * 3, 1, False),
        ([("a", 1, 600)] * 3, 0, False),
        ([("b", 1, 600)] * 3, 100, True),
        ([("b", 90, 600)], 60, True),
        ([("b", 90, 600)], 61, False),
        ([("a", 60, 600), ("b", 60, 600)], 30, True),
        ([("a", 60, 600), ("b", 60, 600)], 31, False),
        ([("a", 60, 0), ("b", 90, 0)], 100, True),  # expired
        ([("a", None, 600)] * 9, 100, True),  # asked, but nothing held
    ],
)
async def test_what_is_held_has_its_limits(
    confirmations: ConfirmationStore, there: list[tuple[str, int | None, int]], size: int, kept: bool
) -> None:
    limits = HoldLimits(per_session=3, session_bytes=100, total_bytes=150)
    for n, (session, held, lifetime) in enumerate(there):
        before = replace(PLAIN, id=f"before {n}", session=session, expires_at=NOW + lifetime)
        assert await confirmations.put(before, None if held is None else bytes(held), limits)
    mine = replace(PLAIN, session="a")
    assert await confirmations.put(mine, bytes(size), limits) is kept
    assert await confirmations.get("c", NOW) == (mine if kept else None)


async def test_one_that_holds_nothing_needs_no_room_but_a_session_has_only_so_many(
    confirmations: ConfirmationStore,
) -> None:
    limits = HoldLimits(pending=2, per_session=0, session_bytes=0, total_bytes=0)
    assert await confirmations.put(PLAIN, None, limits)
    assert await confirmations.put(replace(PLAIN, id="d"), None, limits)
    assert not await confirmations.put(replace(PLAIN, id="e"), None, limits)
    assert await confirmations.put(PLAIN, None, limits)
    assert await confirmations.put(replace(PLAIN, id="f", session="another"), None, limits)
    assert await confirmations.get("c", NOW) == PLAIN
    assert await confirmations.get("e", NOW) is None


@pytest.mark.parametrize(("size", "kept"), [(100, True), (101, False)])
async def test_what_is_replaced_leaves_its_room_and_stays_when_the_new_one_is_too_large(
    confirmations: ConfirmationStore, size: int, kept: bool
) -> None:
    limits = HoldLimits(per_session=1, session_bytes=100, total_bytes=100)
    first, second = replace(PLAIN, ticket="1"), replace(PLAIN, ticket="2")
    await confirmations.put(first, b"first", limits)
    assert await confirmations.put(second, bytes(size), limits) is kept
    assert await confirmations.get("c", NOW) == (second if kept else first)


async def test_what_was_claimed_or_dropped_leaves_its_room(confirmations: ConfirmationStore) -> None:
    limits = HoldLimits(per_session=2, session_bytes=100, total_bytes=100)
    await confirmations.put(replace(PLAIN, id="claimed", ticket="t"), bytes(50), limits)
    await confirmations.put(replace(PLAIN, id="dropped"), bytes(50), limits)
    assert not await confirmations.put(PLAIN, bytes(100), limits)
    await confirmations.claim("claimed", "t", NOW)
    await confirmations.drop(id="dropped")
    assert await confirmations.put(PLAIN, bytes(100), limits)


async def test_what_is_held_now_is_counted(confirmations: ConfirmationStore) -> None:
    assert await confirmations.held(NOW) == (0, 0)
    for id, session, sealed, lifetime in [
        ("a", "ada", bytes(50), 600),
        ("b", "ada", b"", 600),
        ("c", "ben", bytes(7), 300),
        ("d", "ben", None, 600),
    ]:
        asked = replace(PLAIN, id=id, session=session, ticket="t", expires_at=NOW + lifetime)
        assert await confirmations.put(asked, sealed, LIMITS)
    assert await confirmations.held(NOW) == (3, 57)
    assert await confirmations.held(NOW + 300) == (2, 50)
    await confirmations.claim("a", "t", NOW)
    await confirmations.drop(session="ben")
    assert await confirmations.held(NOW) == (1, 0)
    await confirmations.put(replace(PLAIN, id="b", session="ada"), None, LIMITS)
    assert await confirmations.held(NOW) == (0, 0)


async def test_what_has_no_room_is_not_counted(confirmations: ConfirmationStore) -> None:
    limits = HoldLimits(total_bytes=100)
    assert await confirmations.put(PLAIN, bytes(90), limits)
    for n in range(3):
        assert not await confirmations.put(replace(PLAIN, id=f"{n}"), bytes(11), limits)
    assert await confirmations.held(NOW) == (1, 90)
    assert await confirmations.put(replace(PLAIN, id="d"), bytes(10), limits)
