"""What a CredentialStore promises."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from gateway.directory.base import CredentialStore, Directory
from gateway.errors import StoreError
from gateway.policy.credentials import Credentials, Passkey, Password, Person, RecoveryCode, Totp

NOW = 1_000_000
LATER = NOW + 60
PASSWORD = Password("$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA", NOW, NOW)
TOTP = Totp("t1", "Phone «alt»", b"\0sealed\xff", NOW, last_step=100, last_used_at=NOW)
PASSKEY = Passkey("p1", "Key", "notes.example.com", b"\0key\xff", 7, True, ("usb", "internal"), NOW, NOW + 1)
CODES = (RecoveryCode("0a", NOW), RecoveryCode("0b", NOW))


@pytest.fixture
def credentials(runner: asyncio.Runner, directory: Directory) -> CredentialStore:
    """Those of a directory where Ada and Ben are known."""
    for subject in ("ada", "ben"):
        runner.run(directory.people.add(Person(subject, subject.title(), NOW)))
    return directory.credentials


async def test_everything_comes_back_as_it_was_stored(credentials: CredentialStore) -> None:
    newer = replace(TOTP, id="t0", created_at=NOW + 1, last_step=-1, last_used_at=None)
    plain = replace(PASSKEY, id="p0", backed_up=False, transports=(), sign_count=2**32 - 1, last_used_at=None)
    assert await credentials.set_password("ada", PASSWORD, expected=None)
    for credential in (newer, TOTP, PASSKEY, plain):
        assert await credentials.add("ada", credential)
    await credentials.replace_recovery_codes("ada", CODES)
    assert await credentials.of("ada") == Credentials("ada", PASSWORD, (TOTP, newer), (plain, PASSKEY), CODES)
    assert await credentials.of("ben") == Credentials("ben")


async def test_nobody_has_nothing_and_is_given_nothing(credentials: CredentialStore) -> None:
    assert not await credentials.set_password("nobody", PASSWORD, expected=None)
    assert not await credentials.set_password("nobody", PASSWORD, expected=PASSWORD.hash)
    assert not await credentials.add("nobody", TOTP)
    assert not await credentials.add("nobody", PASSKEY)
    assert not await credentials.use_recovery_code("nobody", "0a")
    assert await credentials.of("nobody") == Credentials("nobody")


@pytest.mark.parametrize(
    ("stored", "expected", "done"),
    [(None, None, True), ("old", "old", True), ("old", None, False), ("old", "OLD", False), (None, "old", False)],
)
async def test_a_password_is_stored_only_in_place_of_the_expected_one(
    credentials: CredentialStore, stored: str | None, expected: str | None, done: bool
) -> None:
    before = None if stored is None else Password(stored, NOW, NOW)
    if before is not None:
        await credentials.set_password("ada", before, expected=None)
    after = Password("new", NOW, LATER)
    assert await credentials.set_password("ada", after, expected=expected) is done
    assert (await credentials.of("ada")).password == (after if done else before)
    assert (await credentials.of("ben")).password is None


@pytest.mark.parametrize("credential", [TOTP, PASSKEY, replace(TOTP, id="p1"), replace(PASSKEY, id="t1")])
@pytest.mark.parametrize("subject", ["ada", "ben"])
async def test_an_id_is_taken_whoever_has_it(
    credentials: CredentialStore, subject: str, credential: Totp | Passkey
) -> None:
    await credentials.add("ada", TOTP)
    await credentials.add("ada", PASSKEY)
    assert not await credentials.add(subject, credential)
    assert await credentials.of("ada") == Credentials("ada", None, (TOTP,), (PASSKEY,))
    assert await credentials.of("ben") == Credentials("ben")


@pytest.mark.parametrize(("id", "owner"), [("p1", "ada"), ("p2", "ben"), ("P1", None), ("", None), ("t1", None)])
async def test_a_passkey_tells_whose_it_is(credentials: CredentialStore, id: str, owner: str | None) -> None:
    await credentials.add("ada", PASSKEY)
    await credentials.add("ada", TOTP)
    await credentials.add("ben", replace(PASSKEY, id="p2"))
    assert await credentials.owner(id) == owner


@pytest.mark.parametrize(
    ("subject", "id", "removed"),
    [("ada", "t1", True), ("ada", "p1", True), ("ben", "t1", False), ("ben", "p1", False), ("ada", "x", False)],
)
async def test_only_its_owner_removes_a_credential(
    credentials: CredentialStore, subject: str, id: str, removed: bool
) -> None:
    await credentials.add("ada", TOTP)
    await credentials.add("ada", PASSKEY)
    assert await credentials.remove(subject, id) is removed
    left = await credentials.of("ada")
    assert {each.id for each in (*left.totps, *left.passkeys)} == {"t1", "p1"} - ({id} if removed else set())
    assert not await credentials.remove("ben", id)


@pytest.mark.parametrize(
    ("subject", "id", "step", "accepted"),
    [
        ("ada", "t1", 101, True),
        ("ada", "t1", 102, True),
        ("ada", "t1", 100, False),
        ("ada", "t1", 99, False),
        ("ada", "t2", 101, False),
        ("ben", "t1", 101, False),
    ],
)
async def test_a_totp_step_must_be_later_than_all_before(
    credentials: CredentialStore, subject: str, id: str, step: int, accepted: bool
) -> None:
    await credentials.add("ada", TOTP)
    assert await credentials.advance(subject, id, step, LATER) is accepted
    used = replace(TOTP, last_step=step, last_used_at=LATER)
    assert (await credentials.of("ada")).totps == ((used if accepted else TOTP),)


@pytest.mark.parametrize(
    ("stored", "count", "accepted"),
    [(7, 8, True), (7, 2**32 - 1, True), (7, 7, False), (7, 6, False), (7, 0, False), (0, 0, True), (0, 1, True)],
)
async def test_a_sign_count_must_grow_unless_there_is_none(
    credentials: CredentialStore, stored: int, count: int, accepted: bool
) -> None:
    passkey = replace(PASSKEY, sign_count=stored)
    await credentials.add("ada", passkey)
    assert not await credentials.advance("ben", "p1", count, LATER)
    assert await credentials.advance("ada", "p1", count, LATER) is accepted
    used = replace(passkey, sign_count=count, last_used_at=LATER)
    assert (await credentials.of("ada")).passkeys == ((used if accepted else passkey),)


async def test_a_totp_step_used_many_times_at_once_works_once(credentials: CredentialStore) -> None:
    await credentials.add("ada", TOTP)
    accepted = await asyncio.gather(*(credentials.advance("ada", "t1", 101, LATER) for _ in range(8)))
    assert accepted.count(True) == 1


async def test_a_recovery_code_works_once_and_for_its_owner(credentials: CredentialStore) -> None:
    await credentials.replace_recovery_codes("ada", CODES)
    assert not await credentials.use_recovery_code("ben", "0a")
    assert not await credentials.use_recovery_code("ada", "0A")
    used = await asyncio.gather(*(credentials.use_recovery_code("ada", "0a") for _ in range(8)))
    assert used.count(True) == 1
    assert (await credentials.of("ada")).recovery_codes == CODES[1:]


async def test_new_recovery_codes_void_the_old_ones(credentials: CredentialStore) -> None:
    await credentials.replace_recovery_codes("ben", CODES)
    await credentials.replace_recovery_codes("ada", CODES)
    await credentials.replace_recovery_codes("ada", (RecoveryCode("0c", LATER), RecoveryCode("0b", LATER)))
    assert not await credentials.use_recovery_code("ada", "0a")
    assert (await credentials.of("ada")).recovery_codes == (RecoveryCode("0b", LATER), RecoveryCode("0c", LATER))
    await credentials.replace_recovery_codes("ada", ())
    assert (await credentials.of("ada")).recovery_codes == ()
    assert (await credentials.of("ben")).recovery_codes == CODES


async def test_recovery_codes_that_cannot_all_be_stored_leave_the_old_ones(credentials: CredentialStore) -> None:
    await credentials.replace_recovery_codes("ada", CODES)
    with pytest.raises(StoreError):
        await credentials.replace_recovery_codes("ada", (RecoveryCode("0c", LATER), RecoveryCode("0c", LATER)))
    assert (await credentials.of("ada")).recovery_codes == CODES
    with pytest.raises(StoreError):
        await credentials.replace_recovery_codes("nobody", CODES)
