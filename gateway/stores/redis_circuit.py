"""Whether something is known to fail, so that nobody waits for what will not come."""

from __future__ import annotations

from gateway.errors import StoreError

AGAIN = 1.0
"""Seconds until what failed is tried again, by one call."""


class Circuit:
    """For one server: that it answers; that its replicas follow. Times are those of the event loop."""

    def __init__(self) -> None:
        self._why = ""
        self._try_at = 0.0
        self._worked_at = 0.0

    def enter(self, now: float) -> None:
        """Raises StoreError while there is no use in trying."""
        if self._why:
            if now < self._try_at:
                raise StoreError(self._why)
            self._try_at = now + AGAIN

    def open(self, now: float) -> bool:
        """Whether there is no use in trying."""
        return bool(self._why) and now < self._try_at

    def worked(self, now: float) -> None:
        self._why = ""
        self._worked_at = now

    def failed(self, error: StoreError, began: float, now: float) -> None:
        """Not if another call worked meanwhile: then only this one was slow."""
        if self._worked_at <= began:
            self._why = str(error)
            self._try_at = now + AGAIN
