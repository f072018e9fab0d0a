"""What a OnceStore promises."""

from __future__ import annotations

import asyncio

import pytest

from gateway.stores.base import OnceStore, State

NOW = 1_000_000
END = NOW + 300


@pytest.fixture
def once(state: State) -> OnceStore:
    return state.once


@pytest.mark.parametrize("value", [b"value", b"", bytes(range(256))])
async def test_a_value_can_be_read_once(once: OnceStore, value: bytes) -> None:
    await once.put("key", value, now=NOW, expires_at=END)
    assert await once.pop("key", NOW) == value
    assert await once.pop("key", NOW) is None


async def test_of_many_readers_at_once_one_gets_it(once: OnceStore) -> None:
    await once.put("key", b"value", now=NOW, expires_at=END)
    read = await asyncio.gather(*(once.pop("key", NOW) for _ in range(8)))
    assert read.count(b"value") == 1
    assert read.count(None) == 7


@pytest.mark.parametrize(("at", "value"), [(END - 1, b"value"), (END, None), (END + 1, None)])
async def test_a_value_is_gone_when_its_time_is_over(once: OnceStore, at: int, value: bytes | None) -> None:
    await once.put("key", b"value", now=NOW, expires_at=END)
    assert await once.pop("key", at) == value


async def test_the_newest_value_of_a_key_stands(once: OnceStore) -> None:
    await once.put("key", b"first", now=NOW, expires_at=END)
    await once.put("key", b"second", now=NOW, expires_at=END + 10)
    assert await once.pop("key", END + 5) == b"second"


async def test_reading_one_key_leaves_the_others(once: OnceStore) -> None:
    await once.put("key", b"value", now=NOW, expires_at=END)
    assert await once.pop("Key", NOW) is None
    assert await once.pop("", NOW) is None
    assert await once.pop("key", NOW) == b"value"
