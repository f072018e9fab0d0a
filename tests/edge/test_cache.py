"""What was worked out a moment ago."""

from __future__ import annotations

from gateway.edge.cache import Cache


def test_what_is_asked_for_stays_and_what_nobody_asks_for_goes() -> None:
    cache: Cache[int, int] = Cache(10)
    cache.put(-1, 1)
    for number in range(1000):
        cache.put(number, number)
        assert cache.get(-1) == 1
        assert cache.get(number) == number
    assert cache.get(500) is None


def test_it_holds_no_more_than_two_generations() -> None:
    cache: Cache[int, int] = Cache(10)
    for number in range(1000):
        cache.put(number, number)
        cache.get(number - 7)
    held = sum(cache.get(number) is not None for number in range(1000))
    assert 10 <= held <= 20


def test_what_is_put_again_replaces_what_was_there() -> None:
    cache: Cache[str, int] = Cache(1)
    cache.put("a", 1)
    cache.put("b", 2)
    cache.put("a", 3)
    assert cache.get("a") == 3
