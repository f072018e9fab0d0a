"""Where it is measured: an app, nginx and gateways in front of it; one core for proxies, one for the rest."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import NamedTuple

from bench import nginx
from bench.measure import Load, family, load
from bench.rows import Entrant
from gateway.assembly import open_directory, open_state
from gateway.config.load import load as load_settings
from gateway.config.settings import Settings
from gateway.flows.sessions import Sessions
from gateway.policy.credentials import Password, Person
from gateway.policy.facts import AuthEvent
from gateway.verifiers.password import PasswordVerifier
from tests.support.processes import Program, free_port, running, write_config

PROXY_CORE, LOAD_CORE = "0", "1"
CONNECTIONS = 64
ROUTES = 100
PUBLIC = 'public = ["/open/**"]'
STALE = 1000
"""Seconds: more than the `max_age` of /stale, less than a session lasts unused."""
BEFORE = 2 * STALE
"""Seconds since somebody came here: what is as old as a session, to the second, cannot confirm in it (law 8)."""

NAME, PASSWORD = "alice", "correct horse battery"


def routes(upstream: int, count: int = ROUTES, *, more: str = PUBLIC) -> str:
    """One app: its last route wants a proof of the last five minutes, the others one of the last hour."""
    entries = "".join(
        f'  [[app.route]]\n  name = "route-{number}"\n  action = "Do thing {number}"\n'
        f'  path = "/things/{number}/**"\n  max_age = "1h"\n'
        for number in range(count - 1)
    )
    return (
        f'[admin]\nlisten = "127.0.0.1:{free_port()}"\n'
        f'[[app]]\nname = "bench"\nupstream = "http://127.0.0.1:{upstream}"\n{more}\n{entries}'
        '  [[app.route]]\n  name = "stale"\n  action = "Do it now"\n  path = "/stale/**"\n  max_age = "5m"\n'
    )


@dataclass
class Served:
    """A gateway, and what its person's browser sends."""

    folder: Path
    port: int
    program: Program
    headers: dict[str, str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def host(self) -> str:
        return f"localhost:{self.port}"

    @property
    def origin(self) -> str:
        return f"http://{self.host}"

    @property
    def settings(self) -> Settings:
        return load_settings(self.folder / "routes.toml", env=os.environ)


class Beside(NamedTuple):
    """nginx as a plain proxy, and asking whether it may: itself, or a decision service."""

    pid: int
    plain: str
    asking: str


async def person(settings: Settings) -> None:
    """Somebody with a password, who was there before the gateway was."""
    directory, then = open_directory(settings), int(time.time()) - BEFORE
    try:
        await directory.people.add(Person(NAME, NAME, then))
        hashed = await PasswordVerifier().hash(PASSWORD)
        await directory.credentials.set_password(NAME, Password(hashed, then, then), expected=None)
    finally:
        await directory.life.close()


async def signed_in(settings: Settings, count: int = 1, *, ago: int = 0) -> list[str]:
    """Cookies of new sessions of theirs; the password was given that many seconds ago."""
    state, then = open_state(settings), int(time.time()) - ago
    try:
        events = (AuthEvent("password", then, ("pwd",)),)
        opened = partial(Sessions(state, settings.session).open, "bench", NAME, events, address="127.0.0.1", agent="")
        return [f"gateway_session={(await opened(now=then))[0].decode()}" for _ in range(count)]
    finally:
        await state.life.close()


def command(folder: Path, cores: str = PROXY_CORE, workers: int = 1) -> list[str | Path]:
    """What starts a gateway."""
    more = ["--workers", str(workers)] if workers > 1 else []
    serve: list[str | Path] = [sys.executable, "-m", "gateway", "serve", "--config", folder / "routes.toml"]
    return ["taskset", "-c", cores, *serve, *more]


class Lab:
    """Everything there is, started when somebody first asks for it. `seconds` last a round."""

    def __init__(self, folder: Path, stack: ExitStack, *, seconds: int = 1, rounds: int = 5) -> None:
        self.folder = folder
        self.seconds = seconds
        self.rounds = rounds
        self._stack = stack
        self._made = 0

    def place(self, name: str) -> Path:
        """A folder that nobody uses yet, and that is not there."""
        self._made += 1
        return self.folder / f"{self._made}-{name}"

    @cached_property
    def app(self) -> int:
        """Its port."""
        port = free_port()
        self._stack.enter_context(nginx.app(self.place("app"), port, cores=LOAD_CORE))
        return port

    @property
    def sink(self) -> Path:
        """The log of what was uploaded to the app."""
        return next(self.folder.glob("*-app")) / "sink.log"

    @cached_property
    def nginx(self) -> Beside:
        return self._stack.enter_context(self.beside(self.app))

    @contextmanager
    def beside(self, upstream: int) -> Iterator[Beside]:
        plain, asking = free_port(), free_port()
        with nginx.proxy(self.place("nginx"), upstream, plain, asking, cores=PROXY_CORE) as program:
            yield Beside(program.pid, f"http://127.0.0.1:{plain}", f"http://127.0.0.1:{asking}")

    @cached_property
    def served(self) -> Served:
        """The gateway that most sections measure."""
        return self._stack.enter_context(self.gateway(routes(self.app)))

    @contextmanager
    def gateway(
        self, config: str, *, state: str = "sqlite:gateway-state.db", workers: int = 1, cores: str = PROXY_CORE
    ) -> Iterator[Served]:
        """With one person, who has just signed in."""
        folder, port = self.place("gateway"), free_port()
        write_config(folder, port, config, state=state)
        settings = load_settings(folder / "routes.toml", env=os.environ)
        asyncio.run(person(settings))
        (cookie,) = asyncio.run(signed_in(settings))
        with running(command(folder, cores, workers), folder, port=port, ready="/.gateway/healthz") as program:
            yield Served(folder, port, program, {"Host": f"localhost:{port}", "Cookie": cookie})

    def entrant(
        self,
        name: str,
        url: str,
        roots: Sequence[int],
        headers: Mapping[str, str] | None = None,
        *,
        connections: int = CONNECTIONS,
        seconds: int | None = None,
        cores: str = LOAD_CORE,
        script: Path | None = None,
    ) -> Entrant:
        """Somebody who is asked by wrk."""

        def shoot() -> Load:
            try:
                return load(
                    url,
                    roots,
                    headers or {},
                    connections=connections,
                    seconds=seconds or self.seconds,
                    cores=cores,
                    script=script,
                )
            except RuntimeError as error:
                raise RuntimeError(f"{name}, {url}: {error}") from error

        return Entrant(name, shoot)

    def ours(self, name: str, path: str, served: Served | None = None, **more: int) -> Entrant:
        """A gateway, asked by somebody who is signed in. `more` are `connections` and `seconds`."""
        served = served or self.served
        return self.entrant(name, served.url + path, [served.program.pid], served.headers, **more)


def worker(served: Served) -> int:
    """The process that answers: the only one, where there is one worker."""
    return family(served.program.pid)[-1]
