"""What a People promises."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.directory.base import Directory, People
from gateway.policy.credentials import Credentials, Passkey, Password, Person, RecoveryCode, Totp

NOW = 1_000_000
ADA = Person("ada", "Ada «Countess» Lovelace", NOW)
BEN = Person("ben", "Ben", NOW + 1, disabled=True)


@pytest.fixture
def people(directory: Directory) -> People:
    return directory.people


async def test_a_person_comes_back_as_they_were_added(people: People) -> None:
    for person in (BEN, ADA):
        assert await people.add(person)
        assert await people.get(person.subject) == person
    assert await people.list() == [ADA, BEN]


@pytest.mark.parametrize("other", ["", "Ada", "ad", "ada ", "ada\0", "%"])
async def test_nobody_else_answers_to_a_name(people: People, other: str) -> None:
    await people.add(ADA)
    assert await people.get(other) is None


async def test_a_subject_can_be_added_once(people: People) -> None:
    await people.add(ADA)
    assert not await people.add(replace(ADA, display_name="Eve"))
    assert await people.list() == [ADA]


async def test_a_person_is_disabled_and_enabled(people: People) -> None:
    await people.add(ADA)
    for disabled in (True, True, False):
        assert await people.set_disabled("ada", disabled)
        assert await people.get("ada") == replace(ADA, disabled=disabled)
    assert not await people.set_disabled("nobody", True)


async def test_a_deleted_person_takes_all_their_credentials_along(directory: Directory) -> None:
    credentials = directory.credentials
    for person in (ADA, BEN):
        name = person.subject
        await directory.people.add(person)
        await credentials.set_password(name, Password("$argon2id$", NOW, NOW), expected=None)
        await credentials.add(name, Totp(f"{name}-t", "Phone", b"sealed", NOW))
        await credentials.add(name, Passkey(f"{name}-p", "Key", "notes.example.com", b"key", 0, False, (), NOW))
        await credentials.replace_recovery_codes(name, (RecoveryCode("0a", NOW),))
    bens = await credentials.of("ben")
    assert await directory.people.delete("ada")
    assert not await directory.people.delete("ada")
    assert await directory.people.list() == [BEN]
    await directory.people.add(ADA)
    assert await credentials.of("ada") == Credentials("ada")
    assert await credentials.owner("ada-p") is None
    assert await credentials.of("ben") == bens
