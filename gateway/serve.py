"""`gateway serve`: the process that listens, and runs one worker or watches over several."""

from __future__ import annotations

import os
import resource
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import metadata
from pathlib import Path
from pkgutil import resolve_name
from typing import cast

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import multiprocess

from gateway.app import CONFIG, METRICS, WATCH, Gateway
from gateway.assembly import complain
from gateway.config.settings import Settings
from gateway.config.values import written
from gateway.config.watch import Watch
from gateway.edge.server import SPARE, serve_config
from gateway.edge.server_express import http_protocol
from gateway.edge.serving import Server, deafen
from gateway.errors import GatewayError

FILES = 64
"""Files that an app needs beside those of its connections, and more than enough of them."""


class _Process(multiprocess.Process):
    """A worker that runs our server."""

    def start(self) -> None:
        """SIGHUP waits until the worker hears it, and for the supervisor as long as it starts one."""
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
        super().start()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})

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


def serve(path: Path, settings: Settings, workers: int, *, watch: Watch | None = None) -> int:
    """Run until a signal ends it. The exit status. `settings` are those of `path`, which several workers read anew.

    Raises ConfigError, and GatewayError if it cannot listen.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})  # it waits until it is heard
    path = path.absolute()
    os.environ[CONFIG] = str(path)
    os.environ |= {WATCH: "yes"} if watch else {}
    _make_room(settings)
    listening = _listen(*settings.listen)
    listening.set_inheritable(True)
    apps = ", ".join(f"{app.name} ({app.origin})" for app in settings.apps)
    complain(f"listening on {written(*settings.listen)} for {apps}")
    with _metrics(settings, workers):
        return _run(listening, workers, partial(Gateway, path, settings, watch=watch))


@contextmanager
def _metrics(settings: Settings, workers: int) -> Iterator[None]:
    """Answered until the end of the block, if they are to be."""
    os.environ.pop(METRICS, None)
    if settings.admin is None:
        yield
        return
    answering = resolve_name("gateway.metrics.answering:answering")  # whoever wants no metrics carries none of it
    with answering(_listen(*settings.admin), version=metadata.version("stepup-gateway"), workers=workers) as folder:
        os.environ[METRICS] = str(folder)
        complain(f"metrics at http://{written(*settings.admin)}/metrics")
        yield


def _run(listening: socket.socket, workers: int, only: Callable[[], Gateway]) -> int:
    """`only` makes what a single worker runs."""
    app = "gateway.app:from_environment" if workers > 1 else only
    config = uvicorn.Config(app, factory=True, workers=workers, log_level="warning", **serve_config(http_protocol()))
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
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise GatewayError(f"cannot listen on {written(host, port)}: {error.strerror}") from error
