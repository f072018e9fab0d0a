"""What other workers did, heard at once: the refs of sessions that ended or changed their id.

It is a courtesy. What a worker remembers of a session it forgets after a second anyway, and a sensitive request reads
the record.
"""

from __future__ import annotations

import asyncio

from gateway.errors import StoreError
from gateway.stores.base import Heard
from gateway.stores.redis_client import Redis
from gateway.stores.redis_node import BROKEN, Node, Wire

PULSE = 1.0
"""Seconds between two looks whether the other end is still there."""


async def listen(redis: Redis, channel: bytes, heard: Heard) -> None:
    """Until it is cancelled. After each loss `heard(None)`: anything may have happened meanwhile."""
    while True:
        try:
            wire, node = await redis.subscribed(channel)
        except StoreError:
            await asyncio.sleep(PULSE)
            continue
        try:
            heard(None)
            await _hear(redis, wire, node, heard)
        except (StoreError, *BROKEN):
            pass
        finally:
            await wire.disconnect(nowait=True)
        heard(None)
        await asyncio.sleep(PULSE)


async def _hear(redis: Redis, wire: Wire, node: Node, heard: Heard) -> None:
    """Returns when that server is the master no more, or says nothing."""
    asked = False
    while True:
        told = await wire.read_response(timeout=PULSE)
        match told:
            case None if asked or not await redis.is_master(node):
                return
            case None:
                await wire.send_packed_command(wire.pack_commands([("PING",)]), check_health=False)
            case [b"message", _, bytes(ref)]:
                heard(ref.decode(errors="surrogatepass"))
        asked = told is None
