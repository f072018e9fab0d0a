"""Guessing is slow: one throttle for sign-in and confirm, per subject and per address (law 10)."""

from __future__ import annotations

import unicodedata
from ipaddress import ip_address, ip_network

from gateway.config.secrets import Keyring
from gateway.stores.base import Limit, Taken, ThrottleStore

SUBJECT = Limit(free=5, first_wait=30, longest=900, window=3600)
ADDRESS = Limit(free=30, first_wait=30, longest=900, window=3600)
SESSION = Limit(free=1000, window=86400)
TOO_MANY = 10
"""Wrong answers in a row that end a session."""


class Throttle:
    """Counts before anything is looked at."""

    def __init__(self, store: ThrottleStore, keyring: Keyring) -> None:
        self._store = store
        self._keyring = keyring

    async def take(self, subject: str, address: str, now: float, *, named: str = "") -> int:
        """Seconds to wait; 0: go ahead, this try is counted. `named` is whose password it is, if not `subject`'s: else
        whoever gives their own now and then could go on guessing another's."""
        by_address = await self._store.take(network(address), now, ADDRESS)
        wait = by_address.wait
        for each in (subject, named):
            if each and not wait:
                wait = (await self._store.take(self._name(each), now, SUBJECT)).wait
        return wait

    async def no_guess(self, subject: str, address: str, *, named: str = "") -> None:
        """That try was right, and is uncounted; the wrong ones before it still stand until everything was right.

        Else the password's owner could guess five codes, give the password again, and guess five more.
        """
        await self._store.give_back(network(address))
        for each in filter(None, (subject, named)):
            await self._store.give_back(self._name(each))

    async def right(self, subject: str, session: str = "") -> None:
        """All that was asked has been shown: the count starts anew."""
        await self._store.forgive(self._name(subject))
        if session:
            await self._store.forgive(f"session:{session}")

    async def wrong(self, session: str, now: float) -> bool:
        """The answer was wrong; whether that was one too many for this session."""
        return (await self._store.take(f"session:{session}", now, SESSION)).tries >= TOO_MANY

    async def first_use(self, value: str, now: float, lifetime: int) -> bool:
        """Whether a value that carries its own proof is used for the first time within its lifetime."""
        return await self._store.take(f"used:{value}", now, Limit(free=1, window=lifetime)) == Taken(0, 1)

    def _name(self, subject: str) -> str:
        """Hashed: people type their password where the name belongs, and the store must not learn it (law 5).

        All spellings of a name share one count, also those that some apps take for different people.
        """
        spelled = unicodedata.normalize("NFKC", subject).casefold()
        return "subject:" + self._keyring.digest("throttle", spelled.encode(errors="replace"))


def network(address: str) -> str:
    """Whose address it is: an IPv6 customer has at least 2^64 addresses (RFC 6177); they count as one."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return f"address:{address}"
    if parsed.version == 6:
        return f"address:{parsed.ipv4_mapped or ip_network((parsed, 64), strict=False)}"
    return f"address:{parsed}"
