"""A worker looks at itself and at its stores, once a second, and writes down what it counted."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gateway.errors import StoreError
from gateway.metrics.counts import Counts
from gateway.metrics.snapshots import Writer

PATIENCE = 2.0
"""Seconds after which a store that has not answered counts as down."""

PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Vitals:
    """What to look at, in one configuration. `pings` by store, each raises StoreError when it does not answer."""

    pings: Mapping[str, Callable[[], Awaitable[None]]]
    held: Callable[[int], Awaitable[tuple[int, int]]]  # at a time: how many requests are held, and their bytes
    levels: Mapping[str, Callable[[], int]]  # by metric


class Reporter:
    """`vitals` are those of the configuration at work; `clock` is in seconds since the epoch."""

    def __init__(self, counts: Counts, folder: Path, vitals: Callable[[], Vitals], clock: Callable[[], float]) -> None:
        self._counts = counts
        self._writer = Writer(folder)
        self._vitals = vitals
        self._clock = clock

    async def run(self) -> None:
        """Until it is cancelled, with a last word. A store that does not answer keeps nothing waiting but its gauge."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for store in self._vitals().pings:
                    tasks.create_task(self._watch(store))
                while True:
                    self._look()
                    await asyncio.to_thread(self._write, self._writer.text(self._counts))
                    await asyncio.sleep(1)
        finally:
            self._write(self._writer.text(self._counts))

    async def _watch(self, store: str) -> None:
        while True:
            self._counts.gauges["gateway_store_up", store] = float(await self._answers(store))
            if store == "state":
                await self._weigh()
            await asyncio.sleep(1)

    async def _answers(self, store: str) -> bool:
        try:
            async with asyncio.timeout(PATIENCE):
                await self._vitals().pings[store]()
        except (StoreError, TimeoutError):
            return False
        return True

    async def _weigh(self) -> None:
        """What cannot be known is not said."""
        keys = ("gateway_held_requests",), ("gateway_held_bytes",)
        try:
            async with asyncio.timeout(PATIENCE):
                found = await self._vitals().held(int(self._clock()))
        except (StoreError, TimeoutError):
            for key in keys:
                self._counts.gauges.pop(key, None)
        else:
            self._counts.gauges.update(zip(keys, found, strict=True))

    def _look(self) -> None:
        gauges = self._counts.gauges
        gauges.update({(metric,): level() for metric, level in self._vitals().levels.items()})
        with suppress(OSError):  # Linux alone has it
            pages = int(Path("/proc/self/statm").read_bytes().split()[1])
            gauges["gateway_workers_resident_bytes",] = pages * PAGE

    def _write(self, text: str) -> None:
        with suppress(OSError):  # the disk is full, or the supervisor gone: numbers must not stop requests
            self._writer.write(text)
