"""Confirmations and the requests they hold, sealed on their way to the store and opened on their way back.

Encrypted with a key that is not in the store, and bound to confirmation, app and subject: the body of a password form
holds two passwords, and what the page shows of a request is a part of it (law 5).
"""

from __future__ import annotations

import base64
import json
import struct
from dataclasses import replace
from json.encoder import encode_basestring_ascii as quoted

from gateway.config.secrets import Keyring
from gateway.errors import StoreError
from gateway.policy.facts import Confirmation, HeldRequest
from gateway.stores.base import ConfirmationStore, HoldLimits

REQUEST, PAGE = "held request", "confirm page"


class Confirmations:
    """A ConfirmationStore's promises, for confirmations in clear. StoreError for what does not open."""

    def __init__(self, store: ConfirmationStore, keyring: Keyring) -> None:
        self._store = store
        self._keyring = keyring

    async def put(self, confirmation: Confirmation, held: HeldRequest | None, limits: HoldLimits) -> bool:
        """False when a quota is full."""
        sealed = None if held is None else self._keyring.seal(REQUEST, _bytes(held), _bound(confirmation))
        return await self._store.put(self._closed(confirmation), sealed, limits)

    async def get(self, id: str, now: int) -> Confirmation | None:
        """None when unknown, claimed, dropped or expired."""
        found = await self._store.get(id, now)
        return None if found is None else self._opened(found)

    async def update(self, confirmation: Confirmation, now: int) -> bool:
        """False when somebody else changed it meanwhile."""
        return await self._store.update(self._closed(confirmation), now)

    async def claim(self, id: str, ticket: str, now: int) -> HeldRequest | bool:
        """Take it out, once: what it holds, or True if that is nothing. False when `ticket` is not its own, or used."""
        claimed = await self._store.claim(id, ticket, now)
        if claimed is None:
            return False
        confirmation, sealed = claimed
        return sealed is None or _request(confirmation, self._open(REQUEST, sealed, confirmation))

    async def claimed(self, id: str, now: int) -> Confirmation | None:
        """What was claimed not long ago, and has not come back."""
        found = await self._store.claimed(id, now)
        return None if found is None else self._opened(found)

    async def drop(self, id: str) -> None:
        """With what it holds."""
        await self._store.drop(id=id)

    def _closed(self, confirmation: Confirmation) -> Confirmation:
        """`target` stands for both of what describes the request. Not by `replace`, which takes as long as sealing."""
        its = confirmation
        shown = json.dumps(its.shown) if its.shown else "[]"
        sealed = self._keyring.seal(PAGE, f"[{quoted(its.target)}, {shown}]".encode(), _bound(its))
        return Confirmation(
            its.id,
            its.app,
            its.session,
            its.subject,
            its.routes,
            its.method,
            base64.b64encode(sealed).decode(),
            (),
            its.back,
            its.created_at,
            its.expires_at,
            its.held,
            its.declined,
            its.events,
            its.ticket,
            its.version,
        )

    def _opened(self, confirmation: Confirmation) -> Confirmation:
        try:
            sealed = base64.b64decode(confirmation.target)
        except ValueError as error:
            raise StoreError("a confirmation does not open") from error
        target, shown = json.loads(self._open(PAGE, sealed, confirmation))
        return replace(confirmation, target=target, shown=tuple((name, value) for name, value in shown))

    def _open(self, purpose: str, sealed: bytes, confirmation: Confirmation) -> bytes:
        plain = self._keyring.open(purpose, sealed, _bound(confirmation))
        if plain is None:
            raise StoreError("a confirmation does not open")
        return plain


def _bytes(held: HeldRequest) -> bytes:
    fields = [f"[{quoted(name.decode('latin-1'))}, {quoted(value.decode('latin-1'))}]" for name, value in held.headers]
    target = quoted(held.target.decode("latin-1"))
    head = f'{{"method": {quoted(held.method)}, "target": {target}, "headers": [{", ".join(fields)}]}}'.encode()
    return struct.pack(">I", len(head)) + head + held.body


def _request(confirmation: Confirmation, plain: bytes) -> HeldRequest:
    (length,) = struct.unpack_from(">I", plain)
    head = json.loads(plain[4 : 4 + length])
    return HeldRequest(
        confirmation.id,
        confirmation.app,
        confirmation.session,
        confirmation.subject,
        head["method"],
        head["target"].encode("latin-1"),
        tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in head["headers"]),
        plain[4 + length :],
    )


def _bound(confirmation: Confirmation) -> bytes:
    return "\0".join((confirmation.id, confirmation.app, confirmation.subject)).encode()
