"""A body is read no further than somebody needs, and is still whole for the app."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest

from gateway.edge.body import Body, Receive
from gateway.errors import ClientGone, ClientSlow
from tests.support.coroutines import in_a_loop

END = {"type": "http.disconnect"}


def arriving(*pieces: bytes, whole: bool = True) -> Receive:
    """A client that sends these, and leaves afterwards."""
    last = len(pieces) - 1 if whole else -1
    messages = iter([{"type": "http.request", "body": piece, "more_body": n != last} for n, piece in enumerate(pieces)])

    async def receive() -> Any:
        return next(messages, END)

    return receive


async def rest(body: Body) -> tuple[bytes, bool]:
    """What the app gets, and whether the client had not left before its end."""
    data = b""
    while True:
        message = await body.receive()
        if message["type"] == "http.disconnect":
            return data, False
        data += message["body"]
        if not message["more_body"]:
            return data, True


@pytest.mark.parametrize("pieces", [(b"",), (b"abc",), (b"a", b"b", b"c"), (b"", b"abc", b""), (b"abcde", b"f")])
@in_a_loop
async def test_what_was_read_is_still_there_for_the_app(pieces: Iterable[bytes]) -> None:
    body = Body(arriving(*pieces))
    for limit in (3, 100, 0):
        said = await body.whole(limit)
        assert said == (b"".join(pieces) if len(b"".join(pieces)) <= limit else None)
    assert await rest(body) == (b"".join(pieces), True)


@in_a_loop
async def test_a_body_that_nobody_read_arrives_as_it_comes() -> None:
    assert await rest(Body(arriving(b"a", b"b"))) == (b"ab", True)


@in_a_loop
async def test_no_more_is_read_than_tells_that_it_is_too_large() -> None:
    asked = 0

    async def endless() -> Any:
        nonlocal asked
        asked += 1
        return {"type": "http.request", "body": bytes(1000), "more_body": True}

    assert await Body(endless).whole(2500) is None
    assert asked == 3


@in_a_loop
async def test_half_a_body_is_no_body() -> None:
    with pytest.raises(ClientGone):
        await Body(arriving(b"half", whole=False)).whole(100)
    body = Body(arriving(b"much too long", b"half", whole=False))
    assert await body.whole(5) is None
    assert await rest(body) == (b"much too longhalf", False)


@in_a_loop
async def test_all_of_what_is_wanted_has_to_come_in_time_but_not_what_follows() -> None:
    async def trickling() -> Any:
        await asyncio.sleep(0.06)
        return {"type": "http.request", "body": b"a", "more_body": True}

    with pytest.raises(ClientSlow):
        await Body(trickling, 0.3).whole(100)
    body = Body(trickling, 0.3)
    assert await body.whole(2) is None
    assert [(await body.receive())["body"] for _ in range(8)] == [b"a"] * 8


@in_a_loop
async def test_a_body_from_long_ago_ends_and_the_client_of_today_is_still_heard() -> None:
    body = Body.of(b"kept", arriving(b""))
    assert await body.whole(100) == b"kept"
    assert await rest(body) == (b"kept", True)
    assert (await body.receive())["type"] == "http.request"
    assert await body.receive() == END
