"""The running gateway: one configuration at work, replaced when the file changes. Each worker has one."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import itertools
import multiprocessing
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from gateway.assembly import Assembly, complain
from gateway.audit import Audit
from gateway.config.apart import again, load
from gateway.config.settings import Settings
from gateway.config.values import written
from gateway.config.watch import Watch
from gateway.edge.express import Express
from gateway.edge.render import Renderer
from gateway.edge.worker import Worker
from gateway.errors import ConfigError, StoreError
from gateway.metrics.counts import Counts
from gateway.metrics.reporting import Reporter

CONFIG = "GATEWAY_CONFIG"
"""Environment variable that tells the workers which file to read."""

WATCH = "GATEWAY_WATCH"
"""And another that tells them whether to read it again by themselves."""

METRICS = "GATEWAY_METRICS"
"""And where to leave their numbers; without it nobody asks."""

M_MMAP_THRESHOLD = -3  # malloc.h
LARGE = 1 << 20
"""Bytes."""


class Gateway:
    """The ASGI app. SIGHUP reads the file again; one that is bad changes nothing.

    `settings` are those of the file; without them it reads it. `watch` was there before they were.
    """

    def __init__(self, path: Path, settings: Settings | None = None, *, watch: Watch | None = None) -> None:
        self._path = path
        self._watch = watch
        self._audit = Audit(sys.stdout.buffer)
        self._renderer = Renderer()
        self._counts = Counts()
        settings = load(path) if settings is None else settings
        self.worker = Worker(settings.limits, settings.drain)
        self._now = self._assembled(settings)
        self._counts.loaded(_clock())
        self._listening = settings.listen, settings.admin
        self._retired: list[Assembly] = []
        self._asked = asyncio.Event()  # to read the file again
        self._reloaded = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            assembly = self._now
            assembly.under_way += 1
            try:
                await assembly.gatekeeper(scope, receive, send)
            finally:
                assembly.under_way -= 1

    @property
    def express(self) -> Express:
        """The lane of the configuration at work."""
        return self._now.express

    def _assembled(self, settings: Settings, before: Assembly | None = None) -> Assembly:
        return Assembly(settings, self._audit, self._renderer, self._counts, self.worker, before)

    async def _reload(self) -> None:
        """Put the file as it is now to work, or say why not. Requests under way finish on the old one."""
        if self._watch is not None:
            self._watch.take()
        try:
            report = await asyncio.to_thread(again, self._path)
            fresh = self._assembled(report.good(), self._now)
        except Exception as error:  # whatever it is: what runs is better than nothing
            expected = isinstance(error, ConfigError | StoreError)
            self._counts.not_reloaded()
            said = f"\n{error}" if expected else f" {type(error).__name__}: {error}"
            complain(f"not reloaded, the last good configuration goes on:{said}")
            return
        self._retired.append(self._now)
        self._now = fresh
        self.worker.limits, self.worker.drain = fresh.settings.limits, fresh.settings.drain
        self._reloaded.set()
        self._counts.reloaded(_clock())
        for line in report.warnings:
            complain(f"warning: {line}")
        listen, admin = self._listening
        if fresh.settings.listen != listen:
            complain(f"goes on listening on {written(*listen)}: another address needs a restart")
        if fresh.settings.admin != admin:
            where = f"are still at {written(*admin)}" if admin else "are still off"
            complain(f"metrics {where}: another address needs a restart")
        complain(f"reloaded {self._path}")

    async def _lifespan(self, receive: Any, send: Any) -> None:
        await receive()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._asked.set)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
        gc.collect()
        gc.freeze()  # what stands here stays; looking through it again and again was a fifth of a request
        gc.set_threshold(20_000, 50, 100)
        _give_back()
        async with asyncio.TaskGroup() as tasks:
            lasting = self._housekeeping(), self._listen(), self._reload_when_asked()
            background = [tasks.create_task(each) for each in lasting]
            if METRICS in os.environ:
                reporter = Reporter(self._counts, Path(os.environ[METRICS]), lambda: self._now.vitals, _clock)
                background.append(tasks.create_task(reporter.run()))
            await send({"type": "lifespan.startup.complete"})
            await receive()
            for task in background:
                task.cancel()
        await self._release(every=True)
        await self._now.close()
        self._audit.flush()
        await send({"type": "lifespan.shutdown.complete"})

    async def _housekeeping(self) -> None:
        """Once a second write down activity; once a minute delete what has expired."""
        for second in itertools.count(1):
            await asyncio.sleep(1)
            _end_if_orphaned()
            await self._release()
            if self._watch is not None and self._watch.due():
                self._asked.set()
            try:
                await self._now.sessions.flush()
                if second % 60 == 0:
                    await self._now.state.life.purge(int(_clock()))
            except StoreError as error:
                complain(f"the state store does not answer: {error}")

    async def _reload_when_asked(self) -> None:
        while True:
            await self._asked.wait()
            self._asked.clear()
            await self._reload()

    async def _listen(self) -> None:
        """Forget what is remembered of a session when another worker ends it; on the state that is at work."""
        while True:
            self._reloaded.clear()
            async with asyncio.TaskGroup() as tasks:
                listening = tasks.create_task(self._now.state.life.listen(self._heard))
                await self._reloaded.wait()
                listening.cancel()

    def _heard(self, ref: str | None) -> None:
        self._now.sessions.forget(ref)

    async def _release(self, *, every: bool = False) -> None:
        """Close configurations that were replaced, once their last request is over."""
        for assembly in tuple(self._retired):
            if every or not (assembly.under_way or assembly.express.under_way):
                self._retired.remove(assembly)
                await assembly.close(self._now, *self._retired)


def _give_back() -> None:
    """Memory that starting took and serving does not need, to the system; and from now on whatever is large, at once.

    With GNU's C library (malloc_trim(3), mallopt(3)), which else would keep more the more was freed.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim") and hasattr(libc, "mallopt"):
        libc.mallopt(M_MMAP_THRESHOLD, LARGE)
        libc.malloc_trim(0)


def _clock() -> float:
    return time.time()  # noqa: TID251


def _end_if_orphaned() -> None:
    """A worker whose supervisor was killed would keep the port from the next one, and nobody could tell it to end."""
    supervisor = multiprocessing.parent_process()
    if supervisor is not None and not supervisor.is_alive():
        os.kill(os.getpid(), signal.SIGTERM)


def from_environment() -> Gateway:
    """What each of several workers runs."""
    path = Path(os.environ[CONFIG])
    return Gateway(path, watch=Watch(path) if WATCH in os.environ else None)
