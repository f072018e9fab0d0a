"""What checks one kind of credential.

A verifier decides from values and returns what has to be written down; it owns no store. Whether a one-time proof had
been used before is settled by the caller, who applies `Verified.spend` to the directory, atomically, and treats a
refusal as a wrong answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from gateway.policy.credentials import Credentials
from gateway.policy.facts import AuthEvent, Reason


@dataclass(frozen=True, slots=True)
class Site:
    """The app as browsers know it. Never taken from a request."""

    rp_id: str  # host
    rp_name: str
    origin: str


@dataclass(frozen=True, slots=True)
class SpendCounter:
    """Advance the counter of credential `id` (a TOTP step, a signature count); it must be new."""

    id: str
    counter: int


@dataclass(frozen=True, slots=True)
class SpendRecoveryCode:
    hash: str


@dataclass(frozen=True, slots=True)
class Rehash:
    """The password was right; store this newer hash in place of `old`. Not being able to is no failure."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Verified:
    """A right answer. It counts only after `spend` went through."""

    event: AuthEvent
    credential: str  # id of the credential, "" for a password or a recovery code
    spend: SpendCounter | SpendRecoveryCode | Rehash | None = None


@dataclass(frozen=True, slots=True)
class Unsettled:
    """Not accepted, and not for being wrong: somebody else who had to be asked did not say, or named another person.

    `guessed`: the try stays counted all the same.
    """

    reason: Reason
    guessed: bool = True


@dataclass(frozen=True, slots=True)
class Started:
    """What the page needs (JSON for the browser) and what the gateway must keep, once, until the answer comes."""

    options: str = ""
    secret: bytes = b""


class Verifier(Protocol):
    """`since` is when the session signed in: nothing that was enrolled later is accepted (law 8); None at sign-in."""

    name: str

    def usable(self, credentials: Credentials, site: Site, since: int | None) -> bool:
        """Whether this person could answer at all."""
        ...

    def start(self, credentials: Credentials, site: Site, since: int | None) -> Started:
        """Begin. Verifiers that ask a plain question return an empty `Started`."""
        ...

    async def check(
        self,
        credentials: Credentials,
        answer: Mapping[str, str],
        site: Site,
        *,
        secret: bytes,
        since: int | None,
        now: int,
        address: str = "",
    ) -> Verified | Unsettled | None:
        """None for a wrong answer, whatever was wrong with it. `answer` holds the fields of the form, `address` is
        where it came from.

        Raises Busy.
        """
        ...


def enrolled_before(created_at: int, since: int | None) -> bool:
    """Law 8. The very second of the sign-in counts as after it: nothing tells which came first."""
    return since is None or created_at < since
