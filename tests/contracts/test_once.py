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


async def test_those_who_agree_at_once_all_get_what_one_of_them_brought(once: OnceStore) -> None:
    brought = [b"%d" % number for number in range(8)]
    kept = await asyncio.gather(*(once.agree("key", value, now=NOW, expires_at=END) for value in brought))
    assert set(kept) == {kept[0]} and kept[0] in brought
    assert await once.agree("key", b"later", now=END - 1, expires_at=END + 300) == kept[0]
    assert await once.agree("another", b"value", now=NOW, expires_at=END) == b"value"


async def test_what_was_agreed_lasts_its_own_time_and_is_agreed_anew_after_it(once: OnceStore) -> None:
    await once.agree("key", b"first", now=NOW, expires_at=END)
    await once.agree("key", b"second", now=NOW + 1, expires_at=END + 300)
    assert await once.agree("key", b"third", now=END, expires_at=END + 10) == b"third"
    assert await once.pop("key", END + 9) == b"third"
    assert await once.agree("key", b"fourth", now=END, expires_at=END + 10) == b"fourth"


async def test_reading_one_key_leaves_the_others(once: OnceStore) -> None:
    await once.put("key", b"value", now=NOW, expires_at=END)
    assert await once.pop("Key", NOW) is None
    assert await once.pop("", NOW) is None
    assert await once.pop("key", NOW) == b"value"
