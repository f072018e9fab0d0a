"""The running gateway: one configuration at work, replaced when the file changes, in one process or several."""

from __future__ import annotations

import asyncio
import gc
import itertools
import multiprocessing
import os
import resource
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple, cast

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import multiprocess

from gateway.assembly import Assembly, complain
from gateway.audit import Audit
from gateway.config.load import check, load
from gateway.config.settings import Settings
from gateway.config.watch import Watch
from gateway.edge.render import Renderer
from gateway.edge.server import SPARE, serve_config
from gateway.edge.serving import Server, deafen
from gateway.edge.worker import Worker
from gateway.errors import ConfigError, GatewayError, StoreError

CONFIG = "GATEWAY_CONFIG"
"""Environment variable that tells the workers which file to read."""

WATCH = "GATEWAY_WATCH"
"""And another that tells them whether to read it again by themselves."""


FILES = 64
"""Files that an app needs beside those of its connections, and more than enough of them."""


class Loaded(NamedTuple):
    """The last try to put the file to work: whether it did, and when, in seconds since the epoch."""

    good: bool
    at: float


class Gateway:
    """The ASGI app. SIGHUP reads the file again; one that is bad changes nothing."""

    def __init__(self, path: Path, *, watch: bool = False) -> None:
        self._path = path
        self._watch = Watch(path) if watch else None
        self._audit = Audit(sys.stdout.buffer)
        self._renderer = Renderer()
        settings = load(path, env=os.environ)
        self.worker = Worker(settings.limits, settings.drain)
        self._now = self._assembled(settings)
        self._listening = settings.listen
        self._retired: list[Assembly] = []
        self.loaded = Loaded(True, time.time())  # noqa: TID251

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

    def _assembled(self, settings: Settings, before: Assembly | None = None) -> Assembly:
        return Assembly(settings, self._audit, self._renderer, before, draining=lambda: self.worker.draining)

    def reload(self) -> None:
        """Put the file as it is now to work, or say why not. Requests under way finish on the old one."""
        if self._watch is not None:
            self._watch.take()
        self.loaded = Loaded(False, time.time())  # noqa: TID251
        try:
            report = check(self._path, env=os.environ)
            fresh = self._assembled(report.good(), self._now)
        except (ConfigError, StoreError) as error:
            complain(f"not reloaded, the last good configuration goes on:\n{error}")
            return
        except Exception as error:  # whatever it is: what runs is better than nothing
            complain(f"not reloaded, the last good configuration goes on: {type(error).__name__}: {error}")
            return
        self._retired.append(self._now)
        self._now = fresh
        self.worker.limits, self.worker.drain = fresh.settings.limits, fresh.settings.drain
        self.loaded = self.loaded._replace(good=True)
        for line in report.warnings:
            complain(f"warning: {line}")
        if fresh.settings.listen != self._listening:
            complain(f"goes on listening on {_written(*self._listening)}: another address needs a restart")
        complain(f"reloaded {self._path}")

    async def _lifespan(self, receive: Any, send: Any) -> None:
        await receive()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self.reload)
        gc.collect()
        gc.freeze()  # what stands here stays; looking through it again and again was a fifth of a request
        gc.set_threshold(20_000, 50, 100)
        async with asyncio.TaskGroup() as tasks:
            housekeeping = tasks.create_task(self._housekeeping())
            await send({"type": "lifespan.startup.complete"})
            await receive()
            housekeeping.cancel()
        await self._release(every=True)
        await self._now.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _housekeeping(self) -> None:
        """Once a second write down activity; once a minute delete what has expired."""
        for second in itertools.count(1):
            await asyncio.sleep(1)
            _end_if_orphaned()
            await self._release()
            if self._watch is not None and self._watch.due():
                self.reload()
            try:
                await self._now.sessions.flush()
                if second % 60 == 0:
                    await self._now.state.life.purge(int(time.time()))  # noqa: TID251
            except StoreError as error:
                complain(f"the state store does not answer: {error}")

    async def _release(self, *, every: bool = False) -> None:
        """Close configurations that were replaced, once their last request is over."""
        for assembly in tuple(self._retired):
            if every or not assembly.under_way:
                self._retired.remove(assembly)
                await assembly.close(self._now, *self._retired)


def _end_if_orphaned() -> None:
    """A worker whose supervisor was killed would keep the port from the next one, and nobody could tell it to end."""
    supervisor = multiprocessing.parent_process()
    if supervisor is not None and not supervisor.is_alive():
        os.kill(os.getpid(), signal.SIGTERM)


def from_environment() -> Gateway:
    """What each worker runs."""
    return Gateway(Path(os.environ[CONFIG]), watch=WATCH in os.environ)


class _Process(multiprocess.Process):
    """A worker that runs our server."""

    @property
    def server(self) -> Server:
        if self._server is None:
            self._server = Server(self.config)
        return cast(Server, self._server)


multiprocess.Process = _Process  # type: ignore[misc]  # in all the places where the supervisor starts one


class Workers(multiprocess.Multiprocess):
    """Several workers; SIGHUP makes each of them read the file again, instead of starting them anew."""

    def handle_hup(self) -> None:
        self._tell(signal.SIGHUP)

    def handle_int(self) -> None:
        self.handle_term()

    def handle_term(self) -> None:
        """The second one ends them at once."""
        if self.should_exit.is_set():
            self._tell(signal.SIGQUIT)
        self.should_exit.set()

    def terminate_all(self) -> None:
        deafen(self.sockets)
        for listening in self.sockets:
            listening.close()  # else it would go on to take connections that no worker serves any more
        super().terminate_all()

    def join_all(self) -> None:
        for process in self.processes:
            while process.process.is_alive():
                process.process.join(0.1)
                self.handle_signals()

    def _tell(self, number: signal.Signals) -> None:
        for process in self.processes:
            if process.pid is not None and process.process.is_alive():
                os.kill(process.pid, number)


def serve(path: Path, workers: int, *, watch: bool = False) -> int:
    """Run until a signal ends it. The exit status. Raises ConfigError, and GatewayError if it cannot listen."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until a worker hears it, the file is read anyway
    settings = load(path, env=os.environ)
    os.environ[CONFIG] = str(path.absolute())
    os.environ |= {WATCH: "yes"} if watch else {}
    _make_room(settings)
    listening = _listen(*settings.listen)
    apps = ", ".join(f"{app.name} ({app.origin})" for app in settings.apps)
    complain(f"listening on {_written(*settings.listen)} for {apps}")
    app = "gateway.app:from_environment"
    config = uvicorn.Config(app, factory=True, workers=workers, log_level="warning", **serve_config())
    if workers > 1:
        supervisor = Workers(config, sockets=[listening])
        supervisor.run()
        return 1 if any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes) else 0
    server = Server(config)
    server.run(sockets=[listening])
    return 0 if server.started else 1


def _make_room(settings: Settings) -> None:
    """Let each worker have as many files open as its connections need, as far as the system lets us."""
    limits = settings.limits
    needed = 2 * limits.connections + SPARE + FILES * (1 + len(settings.apps))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        complain(
            f"warning: {limits.connections} connections need {needed} open files, and {hard} are allowed (ulimit -n)"
        )
        needed = hard
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise GatewayError(f"cannot listen on {_written(host, port)}: {error.strerror}") from error
    listening.set_inheritable(True)
    return listening


def _written(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
