"""What probes are told."""

from __future__ import annotations

import asyncio
from typing import Any

from gateway.edge.probes import Probes
from gateway.errors import StoreError
from gateway.policy.facts import Request
from tests.support.coroutines import in_a_loop

READY = Request("GET", b"/.gateway/readyz", b"/.gateway/readyz", b"", (), "localhost", "127.0.0.1", "id", 0.0)


@in_a_loop
async def test_stores_that_are_silent_are_waited_for_together() -> None:
    waiting = asyncio.Barrier(2)  # neither answers before both were asked

    async def silent() -> None:
        async with asyncio.timeout(5):
            await waiting.wait()
        raise StoreError("silent")

    async def well() -> None:
        pass

    said: list[Any] = []

    async def send(message: Any) -> None:
        said.append(message)

    probes = Probes({"state": silent, "other": well, "directory": silent}, lambda: False)
    assert await probes.answered(READY, send)
    assert (said[0]["status"], said[1]["body"].strip()) == (503, b"not ready: state, directory")
