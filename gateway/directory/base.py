"""People and their credentials, as two small promises. Every method may raise `StoreError`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from gateway.policy.credentials import Credentials, Passkey, Password, Person, RecoveryCode, Totp


class People(Protocol):
    """Who there is."""

    async def add(self, person: Person) -> bool:
        """False, changing nothing, if the subject exists."""
        ...

    async def get(self, subject: str) -> Person | None: ...

    async def list(self) -> list[Person]:
        """Ordered by subject."""
        ...

    async def set_disabled(self, subject: str, disabled: bool) -> bool:
        """False if there is no such person."""
        ...

    async def delete(self, subject: str) -> bool:
        """With all credentials. False if there is no such person."""
        ...


class CredentialStore(Protocol):
    """What they can prove themselves with."""

    async def of(self, subject: str) -> Credentials:
        """Everything usable; an empty `Credentials` for an unknown subject."""
        ...

    async def owner(self, id: str) -> str | None:
        """The subject whose passkey that is: an answer without a user name carries nothing else."""
        ...

    async def set_password(self, subject: str, password: Password, *, expected: str | None) -> bool:
        """Store it if the stored hash equals `expected` (None: there is none). False otherwise."""
        ...

    async def add(self, subject: str, credential: Totp | Passkey) -> bool:
        """False if that id exists already, for anybody, or there is no such person."""
        ...

    async def remove(self, subject: str, id: str) -> bool:
        """A Totp or Passkey of this very subject."""
        ...

    async def advance(self, subject: str, id: str, counter: int, now: int) -> bool:
        """Note a use: TOTP's step must be greater than the stored one, atomically, else False.

        A passkey's sign count must be greater than the stored one, or both 0 (WebAuthn Level 3, 6.1.1).
        """
        ...

    async def replace_recovery_codes(self, subject: str, codes: tuple[RecoveryCode, ...]) -> None: ...

    async def use_recovery_code(self, subject: str, hash: str) -> bool:
        """Use it up, atomically. False if it is not there."""
        ...


class DirectoryLife(Protocol):
    async def ping(self) -> None:
        """Return if the directory answers; raise `StoreError` otherwise."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Directory:
    """The two together, and their life."""

    people: People
    credentials: CredentialStore
    life: DirectoryLife
    version: Callable[[], object] | None = None
    """Another one when anybody, in any process, has changed something; of an engine that can be asked without waiting.

    Raises StoreError. What changes between that and a read is seen by the read, and by the next look too.
    """
