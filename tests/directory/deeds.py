"""Everything that can be done with a directory, and a person to do it to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from gateway.directory import postgresql, sqlite
from gateway.directory.base import Directory
from gateway.policy.credentials import Passkey, Password, Person, RecoveryCode, Totp

NOW = 1_000_000
ADA = Person("ada", "Ada", NOW)
PASSWORD = Password("$argon2id$", NOW, NOW)
TOTP = Totp("t", "Phone", b"sealed", NOW)
PASSKEY = Passkey("p", "Key", "notes.example.com", b"key", 0, False, ("usb",), NOW)
CODES = (RecoveryCode("0a", NOW),)

WRITES: list[Callable[[Directory], Awaitable[object]]] = [
    lambda directory: directory.people.add(ADA),
    lambda directory: directory.people.set_disabled("ada", True),
    lambda directory: directory.people.delete("ada"),
    lambda directory: directory.credentials.set_password("ada", PASSWORD, expected=None),
    lambda directory: directory.credentials.set_password("ada", PASSWORD, expected="$argon2id$"),
    lambda directory: directory.credentials.add("ada", TOTP),
    lambda directory: directory.credentials.remove("ada", "t"),
    lambda directory: directory.credentials.advance("ada", "t", 1, NOW),
    lambda directory: directory.credentials.replace_recovery_codes("ada", CODES),
    lambda directory: directory.credentials.use_recovery_code("ada", "0a"),
]
READS: list[Callable[[Directory], Awaitable[object]]] = [
    lambda directory: directory.life.ping(),
    lambda directory: directory.people.get("ada"),
    lambda directory: directory.people.list(),
    lambda directory: directory.credentials.of("ada"),
    lambda directory: directory.credentials.owner("p"),
]


async def fill(directory: Directory) -> None:
    """Ada, with one of each."""
    await directory.people.add(ADA)
    await directory.credentials.set_password("ada", PASSWORD, expected=None)
    await directory.credentials.add("ada", TOTP)
    await directory.credentials.add("ada", PASSKEY)
    await directory.credentials.replace_recovery_codes("ada", CODES)


def opened_at(place: str) -> Directory:
    """`place` is an address, as routes.toml has it."""
    if place.startswith("sqlite:"):
        return sqlite.open_directory(place.removeprefix("sqlite:"))
    return postgresql.open_directory(place)
