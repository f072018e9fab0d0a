"""Whether a server is known to be down, so that nobody waits for what will not come."""

from __future__ import annotations

from gateway.errors import StoreError

AGAIN = 1.0
"""Seconds until a server that did not answer is tried again, by one call."""


class Circuit:
    """Whether a server is known to be down."""

    def __init__(self) -> None:
        self._down: StoreError | None = None
        self._try_at = 0.0
        self._heard = 0.0

    def enter(self, now: float) -> None:
        """Raises StoreError while there is no use in asking."""
        if self._down is None:
            return
        if now < self._try_at:
            raise StoreError(f"{self._down}") from self._down
        self._try_at = now + AGAIN

    def worked(self, now: float) -> None:
        self._down = None
        self._heard = now

    def failed(self, error: StoreError, began: float, now: float) -> None:
        """Not if another call was answered meanwhile: then only this one was slow."""
        if self._heard <= began:
            self._down = error
            self._try_at = now + AGAIN
