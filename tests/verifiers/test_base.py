"""Law 8: a factor cannot vouch for itself."""

from __future__ import annotations

import pytest

from gateway.verifiers.base import enrolled_before


@pytest.mark.parametrize(
    ("created_at", "signed_in_at", "counts"),
    [
        (99, 100, True),
        (100, 100, False),  # the same second: which came first is not known
        (101, 100, False),
        (101, None, True),  # signing in
    ],
)
def test_what_was_enrolled_after_the_sign_in_does_not_count(
    created_at: int, signed_in_at: int | None, counts: bool
) -> None:
    assert enrolled_before(created_at, signed_in_at) is counts
