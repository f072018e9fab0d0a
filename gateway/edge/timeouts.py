"""How long an app may take."""

from __future__ import annotations

from gateway.policy.facts import fact


@fact
class Timeouts:
    """In seconds."""

    connect: float = 5.0
    first_byte: float = 60.0  # from the end of the request to the head of the answer
    between: float = 60.0  # between two pieces, either way
