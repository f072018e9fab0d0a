"""Answers that the gateway gives itself, without a cycle of the server's."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.edge.answers import problem, redirect
from gateway.edge.cycle import Cycle
from gateway.policy.headers import Field
from tests.support.coroutines import in_a_loop

DATE = (b"date", b"now")


class Line:
    """A connection that keeps what is written to it."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.closed: bool | None = None

    def write(self, data: bytes) -> bool:
        self.written.append(data)
        return True

    def fields(self) -> list[Field]:
        return [DATE]

    def answered(self, cycle: Cycle) -> None:
        self.closed = not cycle.keep_alive


async def told(app: Any, *, keep_alive: bool = True) -> Line:
    line = Line()
    cycle = Cycle(line, keep_alive=keep_alive)
    await cycle.run(app({"type": "http"}, cycle.receive, cycle.send))
    return line


@in_a_loop
async def test_an_answer_leaves_in_one_piece() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await problem(send, 401, {"title": "no"})

    line = await told(app)
    (said,) = line.written
    assert said.startswith(b"HTTP/1.1 401 Unauthorized\r\ndate: now\r\ncontent-type: application/problem+json\r\n")
    assert said.endswith(b'\r\n\r\n{"status": 401, "title": "no"}') and b"connection" not in said
    assert line.closed is False


@in_a_loop
async def test_who_wants_no_more_is_told_that_it_is_the_last() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await redirect(send, "/there")

    line = await told(app, keep_alive=False)
    assert line.written[0].endswith(b"location: /there\r\nconnection: close\r\n\r\n") and line.closed


@in_a_loop
async def test_what_nobody_expected_is_a_500_and_the_end_of_the_connection(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise KeyError("surprise")

    line = await told(app)
    assert line.written[0].startswith(b"HTTP/1.1 500 Internal Server Error\r\n") and line.closed
    assert b"surprise" not in line.written[0] and line.written[0].count(b"connection: close") == 1
    assert "surprise" in caplog.text


@in_a_loop
async def test_who_answers_nothing_leaves_nobody_waiting() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        pass

    line = await told(app)
    assert line.written[0].startswith(b"HTTP/1.1 500 Internal Server Error\r\n") and line.closed


@in_a_loop
async def test_whoever_waits_for_more_of_the_request_hears_when_the_client_is_gone() -> None:
    line, heard = Line(), []
    cycle = Cycle(line, keep_alive=True)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        heard.append(await receive())
        await redirect(send, "/there")

    task = asyncio.ensure_future(cycle.run(app({"type": "http"}, cycle.receive, cycle.send)))
    await asyncio.sleep(0.01)
    assert heard == []
    cycle.disconnected = True  # so the server says it
    cycle.message_event.set()
    await task
    assert heard == [{"type": "http.disconnect"}] and line.written == []
