"""What is known to fail is tried once a second, and by one."""

from __future__ import annotations

import pytest

from gateway.errors import StoreError
from gateway.stores.redis_circuit import AGAIN, Circuit

DOWN = StoreError("it does not answer")


def enters(circuit: Circuit, now: float) -> bool:
    try:
        circuit.enter(now)
    except StoreError as error:
        assert str(error) == str(DOWN)
        return False
    return True


def test_nothing_is_known_to_fail_at_first() -> None:
    assert enters(Circuit(), 0.0)
    assert not Circuit().open(0.0)


def test_after_a_failure_nobody_tries_for_a_while_and_then_one_does() -> None:
    circuit = Circuit()
    circuit.failed(DOWN, began=10, now=12)
    assert circuit.open(12.5)
    assert [enters(circuit, 12 + AGAIN * share) for share in (0, 0.5, 0.99)] == [False] * 3
    assert [enters(circuit, 12 + AGAIN) for _ in range(3)] == [True, False, False]
    assert enters(circuit, 12 + 2 * AGAIN)


def test_one_that_works_opens_it_for_all() -> None:
    circuit = Circuit()
    circuit.failed(DOWN, began=10, now=12)
    circuit.worked(12.1)
    assert [enters(circuit, 12.2) for _ in range(3)] == [True] * 3


@pytest.mark.parametrize(("began", "fails"), [(9, False), (10.5, True), (11, True)])
def test_who_was_slow_while_another_one_worked_says_nothing(began: float, fails: bool) -> None:
    circuit = Circuit()
    circuit.worked(10.5)
    circuit.failed(DOWN, began=began, now=12)
    assert circuit.open(12.5) is fails
