"""People and what they can prove themselves with. Frozen, like `facts`.

Secrets appear only as what the directory stores: a password as its Argon2 string, an authenticator's secret sealed,
a recovery code as a hash.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Person:
    """`subject` is the stable id: for the local directory the canonical user name, else `of_app`."""

    subject: str
    display_name: str
    created_at: int
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class Password:
    """`created_at` is when this person first had a password: a change that proved the old one keeps it (law 8)."""

    hash: str
    created_at: int
    changed_at: int


@dataclass(frozen=True, slots=True)
class Totp:
    """An authenticator app. `last_step` is the newest RFC 6238 time step ever accepted, -1 for none."""

    id: str
    label: str
    sealed_secret: bytes
    created_at: int
    last_step: int = -1
    last_used_at: int | None = None


@dataclass(frozen=True, slots=True)
class Passkey:
    """A WebAuthn credential; `id` is base64url of the credential id, `rp_id` the host it belongs to."""

    id: str
    label: str
    rp_id: str
    public_key: bytes
    sign_count: int
    backed_up: bool
    transports: tuple[str, ...]
    created_at: int
    last_used_at: int | None = None


@dataclass(frozen=True, slots=True)
class RecoveryCode:
    """One of a sheet of codes that stand in for the authenticator; `hash` is hex."""

    hash: str
    created_at: int


@dataclass(frozen=True, slots=True)
class Credentials:
    """All that one person has. What has been used up or removed is not in it."""

    subject: str
    password: Password | None = None
    totps: tuple[Totp, ...] = ()
    passkeys: tuple[Passkey, ...] = ()
    recovery_codes: tuple[RecoveryCode, ...] = ()
    disabled: bool = False  # by the operator; then there is nothing else in it


def of_app(app: str, name: str) -> str:
    """The subject of somebody who signs in to an app of their own name for it. No name in the directory has a colon."""
    return f"{app}:{name}"


def name_of(subject: str) -> str:
    """What people and the app itself call them."""
    return subject.partition(":")[2] or subject


def app_of(subject: str) -> str:
    """The app whose own people they are one of, "" for those of the directory."""
    app, colon, _ = subject.partition(":")
    return app if colon else ""
