"""The assembly: settings in, ASGI app out. The only file that names concrete classes.

A new verifier, store or directory is one file elsewhere and one dictionary entry here.
"""

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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors.multiprocess import Multiprocess

from gateway.audit import Audit
from gateway.config.load import load
from gateway.config.settings import App, Settings
from gateway.directory import sqlite as sqlite_directory
from gateway.directory.base import Directory
from gateway.edge.cookies import Cookies
from gateway.edge.gate import Gate
from gateway.edge.gatekeeper import Gatekeeper
from gateway.edge.pages.account import ROUTES as ACCOUNT_ROUTES
from gateway.edge.probes import Probes
from gateway.edge.render import Renderer
from gateway.edge.server import serve_config
from gateway.edge.upstream import Upstream
from gateway.errors import ConfigError, GatewayError, StoreError
from gateway.flows.enrol import Enrol
from gateway.flows.proof import Prover
from gateway.flows.sessions import Sessions
from gateway.flows.signin import SignIn
from gateway.flows.stepup import StepUp
from gateway.flows.throttle import Throttle
from gateway.policy.headers import stripped
from gateway.policy.patterns import PathSet
from gateway.policy.routes import RouteTable
from gateway.stores import sqlite as sqlite_state
from gateway.stores.base import HoldLimits, State
from gateway.verifiers.base import Site, Verifier
from gateway.verifiers.passkey import PasskeyVerifier
from gateway.verifiers.password import PasswordVerifier
from gateway.verifiers.totp import TotpVerifier

CONFIG = "GATEWAY_CONFIG"
"""Environment variable that tells the workers which file to read."""

DRAIN = 60.0
"""Seconds that requests under way have to finish on a configuration that was replaced."""

STATES: dict[str, Callable[[str], State]] = {"sqlite": sqlite_state.open_state}
DIRECTORIES: dict[str, Callable[[str], Directory]] = {"sqlite": sqlite_directory.open_directory}


def open_state(settings: Settings) -> State:
    """The state store that the settings name. Raises StoreError."""
    engine, _, place = settings.state.partition(":")
    return STATES[engine](place)


def open_directory(settings: Settings) -> Directory:
    """The directory that the settings name. Raises StoreError."""
    engine, _, place = settings.directory.partition(":")
    return DIRECTORIES[engine](place)


class Assembly:
    """One configuration put to work: a gatekeeper and what it stands on."""

    def __init__(self, settings: Settings, audit: Audit, renderer: Renderer, before: Assembly | None = None) -> None:
        self.settings = settings
        keeps_state = before is not None and before.settings.state == settings.state
        keeps_directory = before is not None and before.settings.directory == settings.directory
        self.state: State = before.state if before is not None and keeps_state else open_state(settings)
        self.directory: Directory = (
            before.directory if before is not None and keeps_directory else open_directory(settings)
        )
        self.sessions = Sessions(self.state, settings.session)
        self._audit = audit
        self._renderer = renderer
        self._password: PasswordVerifier = before._password if before else PasswordVerifier()
        self._passkey = PasskeyVerifier(settings.keyring)
        verifiers: dict[str, Verifier] = {
            "passkey": self._passkey,
            "totp": TotpVerifier(settings.keyring),
            "password": self._password,
        }
        self._prover = Prover(self.directory, verifiers, Throttle(self.state.throttle, settings.keyring))
        self.gates = {app.host: self._gate(app) for app in settings.apps}
        probes = Probes({"state": self.state.life.ping, "directory": self.directory.life.ping})
        self.gatekeeper = Gatekeeper(self.gates, settings.trusted_proxies, probes)

    def _gate(self, app: App) -> Gate:
        site = Site(app.host, app.name, app.origin)
        account = tuple(
            replace(route, requirement=app.stepup, hold_max=app.hold_max, hold_for=app.hold_for)
            for route in ACCOUNT_ROUTES
        )
        table = (*app.routes, *account)
        routes = {route.name: route for route in table}
        shared: dict[str, Any] = {"state": self.state, "prover": self._prover, "keyring": self.settings.keyring}
        names = app.headers
        return Gate(
            app=app,
            site=site,
            routes=routes,
            table=RouteTable(table),
            public=PathSet(app.public),
            cookies=Cookies(app.secure),
            strip=stripped((names.user, names.time, names.methods)),
            identity_names=(names.user.encode(), names.time.encode(), names.methods.encode()),
            proto=b"https" if app.secure else b"http",
            sessions=self.sessions,
            stepup=StepUp(app, site, routes, sessions=self.sessions, limits=HoldLimits(), **shared),
            signin=SignIn(directory=self.directory, passkey=self._passkey, **shared),
            enrol=Enrol(
                site,
                directory=self.directory,
                sessions=self.sessions,
                password=self._password,
                passkey=self._passkey,
                **shared,
            ),
            keyring=self.settings.keyring,
            upstream=Upstream(app.upstream),
            renderer=self._renderer,
            audit=self._audit,
            inspect_max=max((route.hold_max for route in table), default=app.hold_max),
        )

    async def close(self, *others: Assembly) -> None:
        """Write down what is pending, and let go of what none of the `others` uses."""
        try:
            await self.sessions.flush()
        except StoreError as error:
            complain(f"the last activity of some sessions is not written down: {error}")
        for gate in self.gates.values():
            gate.upstream.close()
        if all(other.state is not self.state for other in others):
            await self.state.life.close()
        if all(other.directory is not self.directory for other in others):
            await self.directory.life.close()


class Gateway:
    """The ASGI app. SIGHUP reads the file again; one that is bad changes nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._audit = Audit(sys.stdout.buffer)
        self._renderer = Renderer()
        self._now = Assembly(load(path, env=os.environ), self._audit, self._renderer)
        self._retired: list[tuple[Assembly, float]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            await self._now.gatekeeper(scope, receive, send)

    def reload(self) -> None:
        """Put the file as it is now to work, or say why not. Requests under way finish on the old one."""
        try:
            fresh = Assembly(load(self._path, env=os.environ), self._audit, self._renderer, self._now)
        except (ConfigError, StoreError) as error:
            complain(f"not reloaded, the last good configuration goes on:\n{error}")
            return
        self._retired.append((self._now, asyncio.get_running_loop().time() + DRAIN))
        self._now = fresh
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
                    await self._now.state.life.purge(int(time.time()))  # noqa: TID251
            except StoreError as error:
                complain(f"the state store does not answer: {error}")

    async def _release(self, until: float) -> None:
        """Close configurations whose last requests have had their time."""
        for assembly, when in tuple(self._retired):
            if when <= until:
                self._retired.remove((assembly, when))
                await assembly.close(self._now, *(other for other, _ in self._retired))


def _end_if_orphaned() -> None:
    """A worker whose supervisor was killed would keep the port from the next one, and nobody could tell it to end."""
    supervisor = multiprocessing.parent_process()
    if supervisor is not None and not supervisor.is_alive():
        os.kill(os.getpid(), signal.SIGTERM)


def from_environment() -> Gateway:
    """What each worker runs."""
    return Gateway(Path(os.environ[CONFIG]))


def complain(words: str) -> None:
    """To the operator, on stderr; stdout is the audit log's."""
    print(f"gateway: {words}", file=sys.stderr, flush=True)


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
        raise GatewayError(f"cannot listen on {host}:{port}: {error.strerror}") from error
    listening.set_inheritable(True)
    return listening
