"""What waits is sealed for exactly one confirmation of one person, and comes out once."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from gateway.config.secrets import Keyring
from gateway.errors import StoreError
from gateway.flows.hold import Confirmations
from gateway.policy.facts import AuthEvent, Confirmation, HeldRequest
from gateway.stores.base import HoldLimits, State

NOW = 1_800_000_000
OLD, NEW = b"o" * 32, b"n" * 32
LIMITS = HoldLimits()
ASKED = Confirmation(
    id="one",
    app="notes",
    session="ref",
    subject="alice",
    routes=("change-email", "admin"),
    method="POST",
    target="/account/email?token=hush",
    shown=(("email", "hush@b.test"), ("note", "é ✓")),
    back="/account",
    created_at=NOW,
    expires_at=NOW + 600,
    held=True,
    declined="quota",
    events=(AuthEvent("password", NOW, ("pwd",)),),
    ticket="t",
    version=3,
)
HELD = HeldRequest(
    id="one",
    app="notes",
    session="ref",
    subject="alice",
    method="POST",
    target=b"/account/email?token=hush",
    headers=((b"content-type", b"text/plain"), (b"x-odd", b"\xff\xfe")),
    body=b"hush\0\xff" * 1000,
)


def test_the_sample_says_something_in_every_field() -> None:
    assert all(getattr(ASKED, field.name) != field.default for field in fields(Confirmation))


async def test_what_is_kept_comes_back_as_it_was_and_once(state: State) -> None:
    kept = Confirmations(state.confirmations, Keyring([OLD]))
    assert await kept.put(ASKED, HELD, LIMITS)
    assert await kept.get("one", NOW) == ASKED
    assert await kept.claim("one", "wrong", NOW) is False
    assert await kept.claim("one", "t", NOW) == HELD
    assert await kept.claim("one", "t", NOW) is False
    assert await kept.get("one", NOW) is None


async def test_nothing_of_it_is_readable_in_the_file(state: State, tmp_path: Path) -> None:
    await Confirmations(state.confirmations, Keyring([OLD])).put(ASKED, HELD, LIMITS)
    files = list(tmp_path.glob("state.db*"))
    assert files and all(b"hush" not in file.read_bytes() for file in files)


async def test_an_older_secret_still_opens_and_a_foreign_one_does_not(state: State) -> None:
    await Confirmations(state.confirmations, Keyring([OLD])).put(ASKED, HELD, LIMITS)
    assert await Confirmations(state.confirmations, Keyring([NEW, OLD])).get("one", NOW) == ASKED
    with pytest.raises(StoreError):
        await Confirmations(state.confirmations, Keyring([NEW])).get("one", NOW)


@pytest.mark.parametrize("other", [{"subject": "bob"}, {"app": "shop"}, {"id": "two"}])
async def test_what_was_sealed_for_one_opens_for_no_other(state: State, other: dict[str, Any]) -> None:
    kept = Confirmations(state.confirmations, Keyring([OLD]))
    await kept.put(ASKED, HELD, LIMITS)
    taken = await state.confirmations.claim("one", "t", NOW)
    assert taken is not None
    moved = replace(taken[0], **other)
    await state.confirmations.put(moved, taken[1], LIMITS)
    with pytest.raises(StoreError):
        await kept.get(moved.id, NOW)
    with pytest.raises(StoreError):
        await kept.claim(moved.id, "t", NOW)


async def test_a_row_that_makes_no_sense_is_a_broken_store(state: State) -> None:
    kept = Confirmations(state.confirmations, Keyring([OLD]))
    for nonsense in ("/account/email", "!", "", "AAAA"):
        await state.confirmations.put(replace(ASKED, target=nonsense), None, LIMITS)
        with pytest.raises(StoreError):
            await kept.get("one", NOW)


async def test_of_two_who_change_it_the_second_is_told(state: State) -> None:
    kept = Confirmations(state.confirmations, Keyring([OLD]))
    await kept.put(ASKED, None, LIMITS)
    assert await kept.update(replace(ASKED, ticket="a"), NOW)
    assert not await kept.update(replace(ASKED, ticket="b"), NOW)
    assert await kept.claim("one", "a", NOW) is True
