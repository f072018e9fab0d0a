"""The running gateway: one configuration at work, replaced when the file changes, in one process or several."""

from __future__ import annotations

import asyncio
import gc
import itertools
import multiprocessing
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors.multiprocess import Multiprocess

from gateway.assembly import Assembly, complain
from gateway.audit import Audit
from gateway.config.load import check, load
from gateway.config.settings import Settings
from gateway.edge.render import Renderer
from gateway.edge.server import serve_config
from gateway.errors import ConfigError, GatewayError, StoreError
from gateway.metrics.answering import answering
from gateway.metrics.counts import Counts
from gateway.metrics.reporting import Reporter

CONFIG = "GATEWAY_CONFIG"
"""Environment variable that tells the workers which file to read."""

METRICS = "GATEWAY_METRICS"
"""Environment variable that tells the workers where to leave their numbers; without it nobody asks."""

DRAIN = 60.0
"""Seconds that requests under way have to finish on a configuration that was replaced."""


class Gateway:
    """The ASGI app. SIGHUP reads the file again; one that is bad changes nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._audit = Audit(sys.stdout.buffer)
        self._renderer = Renderer()
        self._counts = Counts()
        self._now = Assembly(load(path, env=os.environ), self._audit, self._renderer, self._counts)
        self._counts.loaded(_clock())
        self._listening = self._now.settings.listen, self._now.settings.admin
        self._retired: list[tuple[Assembly, float]] = []
        self._reloaded = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            await self._now.gatekeeper(scope, receive, send)

    def reload(self) -> None:
        """Put the file as it is now to work, or say why not. Requests under way finish on the old one."""
        report = check(self._path, env=os.environ)
        try:
            fresh = Assembly(report.good(), self._audit, self._renderer, self._counts, self._now)
        except (ConfigError, StoreError) as error:
            self._counts.not_reloaded()
            complain(f"not reloaded, the last good configuration goes on:\n{error}")
            return
        self._retired.append((self._now, asyncio.get_running_loop().time() + DRAIN))
        self._now = fresh
        self._reloaded.set()
        for line in report.warnings:
            complain(f"warning: {line}")
        self._counts.reloaded(_clock())
        listen, admin = self._listening
        if fresh.settings.listen != listen:
            complain(f"goes on listening on {_written(*listen)}: another address needs a restart")
        if fresh.settings.admin != admin:
            where = f"are still at {_written(*admin)}" if admin else "are still off"
            complain(f"metrics {where}: another address needs a restart")
        complain(f"reloaded {self._path}")

    async def _lifespan(self, receive: Any, send: Any) -> None:
        await receive()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self.reload)
        gc.collect()
        gc.freeze()  # what stands here stays; looking through it again and again was a fifth of a request
        gc.set_threshold(20_000, 50, 100)
        async with asyncio.TaskGroup() as tasks:
            background = [tasks.create_task(self._housekeeping()), tasks.create_task(self._listen())]
            if METRICS in os.environ:
                reporter = Reporter(self._counts, Path(os.environ[METRICS]), lambda: self._now.vitals, _clock)
                background.append(tasks.create_task(reporter.run()))
            await send({"type": "lifespan.startup.complete"})
            await receive()
            for task in background:
                task.cancel()
        await self._release(float("inf"))
        await self._now.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _housekeeping(self) -> None:
        """Once a second write down activity; once a minute delete what has expired."""
        for second in itertools.count(1):
            await asyncio.sleep(1)
            _end_if_orphaned()
            await self._release(asyncio.get_running_loop().time())
            try:
                await self._now.sessions.flush()
                if second % 60 == 0:
                    await self._now.state.life.purge(int(_clock()))
            except StoreError as error:
                complain(f"the state store does not answer: {error}")

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

    async def _release(self, until: float) -> None:
        """Close configurations whose last requests have had their time."""
        for assembly, when in tuple(self._retired):
            if when <= until:
                self._retired.remove((assembly, when))
                await assembly.close(self._now, *(other for other, _ in self._retired))


def _clock() -> float:
    return time.time()  # noqa: TID251


def _end_if_orphaned() -> None:
    """A worker whose supervisor was killed would keep the port from the next one, and nobody could tell it to end."""
    supervisor = multiprocessing.parent_process()
    if supervisor is not None and not supervisor.is_alive():
        os.kill(os.getpid(), signal.SIGTERM)


def from_environment() -> Gateway:
    """What each worker runs."""
    return Gateway(Path(os.environ[CONFIG]))


class Workers(Multiprocess):
    """Several workers; SIGHUP makes each of them read the file again, instead of starting them anew."""

    def handle_hup(self) -> None:
        for process in self.processes:
            if process.pid is not None:
                os.kill(process.pid, signal.SIGHUP)


class Server(uvicorn.Server):
    """One worker. A signal that ended it in good order is not raised again: the exit status is 0."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        with super().capture_signals():
            yield
            self._captured_signals.clear()


def serve(path: Path, workers: int) -> int:
    """Run until a signal ends it. The exit status. Raises ConfigError, and GatewayError if it cannot listen."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until a worker hears it, the file is read anyway
    settings = load(path, env=os.environ)
    os.environ[CONFIG] = str(path.resolve())
    listening = _listen(*settings.listen)
    listening.set_inheritable(True)
    apps = ", ".join(f"{app.name} ({app.origin})" for app in settings.apps)
    complain(f"listening on {_written(*settings.listen)} for {apps}")
    with _metrics(settings, workers):
        return _run(listening, workers)


@contextmanager
def _metrics(settings: Settings, workers: int) -> Iterator[None]:
    """Answered until the end of the block, if they are to be."""
    os.environ.pop(METRICS, None)
    if settings.admin is None:
        yield
        return
    with answering(_listen(*settings.admin), version=metadata.version("stepup-gateway"), workers=workers) as folder:
        os.environ[METRICS] = str(folder)
        complain(f"metrics at http://{_written(*settings.admin)}/metrics")
        yield


def _run(listening: socket.socket, workers: int) -> int:
    app = "gateway.app:from_environment"
    config = uvicorn.Config(app, factory=True, workers=workers, log_level="warning", **serve_config())
    if workers > 1:
        supervisor = Workers(config, sockets=[listening])
        supervisor.run()
        return 1 if any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes) else 0
    server = Server(config)
    server.run(sockets=[listening])
    return 0 if server.started else 1


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise GatewayError(f"cannot listen on {_written(host, port)}: {error.strerror}") from error
    return listening


def _written(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
