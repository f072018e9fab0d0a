"""Several gateways that share their stores, behind one balancer: to people they are one gateway.

Each is a process of its own with a folder of its own; what they share is the secret, the public address, and the two
stores, whose addresses are given. Time is real: who is to be stale signed in long ago, by the store.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import httpx
import pytest

from gateway.assembly import open_directory, open_state
from gateway.config.load import load
from gateway.config.settings import Settings
from gateway.flows.sessions import Sessions
from gateway.policy.credentials import Password, Person, Totp
from gateway.policy.facts import AuthEvent
from gateway.verifiers import totp
from gateway.verifiers.password import PasswordVerifier
from tests.support.balancer import balancer
from tests.support.processes import Program, free_port, launch, run_cli, wait_for
from tests.support.visitor import Visitor

LONG_AGO = 86400
STALE = 1000
"""Seconds: more than any `max_age` in these tests, less than any session lasts."""

ADMIN = '[admin]\nlisten = "127.0.0.1:{}"'

HASHES: dict[str, str] = {}
"""Of passwords: making one takes its time, by design."""

T = TypeVar("T")


class Stores(NamedTuple):
    """Addresses, as routes.toml takes them."""

    state: str
    directory: str


def on_sqlite(folder: Path) -> Stores:
    """Two files that all replicas open."""
    return Stores(f"sqlite:{folder / 'gateway-state.db'}", f"sqlite:{folder / 'gateway.db'}")


def _on_servers(folder: Path, request: pytest.FixtureRequest) -> Stores:
    """Those of the whole run of tests: keys and a database that nobody else has."""
    return Stores(request.getfixturevalue("redis_server").url(), request.getfixturevalue("postgresql").database())


STORES: dict[str, Callable[[Path, pytest.FixtureRequest], Stores]] = {
    "sqlite": lambda folder, request: on_sqlite(folder),
    "redis+postgresql": _on_servers,
}
"""What every story of several replicas is told over."""


@dataclass
class Replica:
    """One of them."""

    folder: Path
    port: int
    workers: int
    admin: int  # the port of its metrics; 0: it has none
    program: Program = field(init=False)
    past: str = ""  # what its earlier processes printed
    env: Mapping[str, str] = field(default_factory=dict)

    def launch(self) -> None:
        """Start it, and do not wait."""
        command: list[str | Path] = [sys.executable, "-m", "gateway", "serve", "--config", self.folder / "routes.toml"]
        more = ["--workers", str(self.workers)] if self.workers > 1 else []
        self.program = launch([*command, *more], self.folder, env=self.env)

    def start(self) -> None:
        self.launch()
        wait_for(self.program, self.port, "/.gateway/healthz")

    def stop(self) -> int:
        """As an operator would. Its exit status."""
        return self._ended(self.program.stop())

    def kill(self) -> None:
        """With all its workers, at once."""
        self._ended(self.program.kill())

    def kill_worker(self) -> int:
        """One of several workers, or the only process. Its pid."""
        victim = self.worker_pids()[0]
        os.kill(victim, signal.SIGKILL)
        return victim

    def worker_pids(self) -> list[int]:
        """Of the processes that answer requests."""
        if self.workers == 1:
            return [self.program.pid]
        return [pid for pid in children(self.program.pid) if b"spawn_main" in _cmdline(pid)]

    def audit(self) -> list[dict[str, Any]]:
        """Its audit log so far."""
        said = self.past + self.program.out.read_text()
        return [json.loads(line) for line in said.splitlines() if line.startswith("{")]

    def ready(self) -> bool:
        """What it says of itself, within five seconds."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/.gateway/readyz", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def _ended(self, status: int) -> int:
        self.past += self.program.out.read_text()
        return status


def children(pid: int) -> list[int]:
    """The processes it has started, in the order they began."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(each) for each in (task / "children").read_text().split()]
    return sorted(found)


def _cmdline(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@dataclass
class Replicas:
    """All of them, and the balancer. People reach them at `url`."""

    folder: Path
    port: int
    each: list[Replica]
    stores: Stores
    balancer: Program = field(init=False)

    def __getitem__(self, number: int) -> Replica:
        return self.each[number]

    @property
    def url(self) -> str:
        """As browsers reach it; `localhost`, because WebAuthn takes no bare addresses."""
        return f"http://localhost:{self.port}"

    @property
    def settings(self) -> Settings:
        return load(self.each[0].folder / "routes.toml", env=os.environ)

    def cli(self, *arguments: str, stdin: str = "") -> str:
        """Run a `gateway` command on their stores, to its end. What it printed."""
        done = run_cli(self.each[0].folder, *arguments, stdin=stdin)
        if done.returncode:
            raise RuntimeError(f"gateway {' '.join(arguments)}: {done.stdout}{done.stderr}")
        return done.stdout

    def audit(self) -> list[dict[str, Any]]:
        """The audit logs of all."""
        return [line for replica in self.each for line in replica.audit()]

    def browser(self, token: str = "") -> Browser:
        """A new browser, with a session's cookie if one is given."""
        opened = Browser(self)
        if token:
            opened.http.cookies.set("gateway_session", token, domain="localhost.local")
        return opened

    def person(self, name: str, password: str, *, phone: str = "") -> None:
        """Somebody who was there long before any test; `phone` is the secret of their authenticator app."""
        settings = self.settings

        async def add() -> None:
            directory, then = open_directory(settings), int(time.time()) - LONG_AGO
            try:
                await directory.people.add(Person(name, name.title(), then))
                if password not in HASHES:
                    HASHES[password] = await PasswordVerifier().hash(password)
                hashed = HASHES[password]
                await directory.credentials.set_password(name, Password(hashed, then, then), expected=None)
                if phone:
                    sealed = totp.seal(settings.keyring, name, name, phone)
                    await directory.credentials.add(name, Totp(name, "Phone", sealed, then))
            finally:
                await directory.life.close()

        beside(add())

    def signed_in(self, name: str, *, ago: int = 0) -> str:
        """The id of a new session of theirs; the password was given that long ago."""
        settings = self.settings

        async def sign_in() -> str:
            state, then = open_state(settings), int(time.time()) - ago
            try:
                events = (AuthEvent("password", then, ("pwd",)),)
                token, _ = await Sessions(state, settings.session).open(
                    settings.apps[0].name, name, events, address="127.0.0.1", agent="", now=then
                )
                return token.decode()
            finally:
                await state.life.close()

        return beside(sign_in())


class Chosen(httpx.HTTPTransport):
    """Requests go to the balancer, or where `port` says, though they are for the balancer's host."""

    port: int | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url if self.port is None else request.url.copy_with(host="127.0.0.1", port=self.port)
        there = httpx.Request(
            request.method, url, headers=request.headers, stream=request.stream, extensions=request.extensions
        )
        return super().handle_request(there)


class Browser(Visitor):
    """Reaches the next replica with each request, or a chosen one. Each request has a connection of its own."""

    def __init__(self, replicas: Replicas) -> None:
        self._chosen = Chosen(limits=httpx.Limits(max_keepalive_connections=0))
        super().__init__(replicas.url, transport=self._chosen)
        self._replicas = replicas

    def at(self, number: int | None) -> Browser:
        """From now on at that replica; None: wherever the balancer leads."""
        self._chosen.port = None if number is None else self._replicas[number].port
        return self

    def again(self) -> Browser:
        """The same browser: another tab at the same page, or a thief with its cookies."""
        other = Browser(self._replicas)
        other.http.cookies.update(self.http.cookies)
        if hasattr(self, "page"):
            other.page = self.page
        return other

    def answer_only(self, **fields: str) -> httpx.Response:
        """Answer the confirm page at hand, and go no further."""
        return self.request("POST", self.page.url.path, data={**self.hidden(), **fields})

    def confirm_only(self, password: str) -> httpx.Response:
        return self.answer_only(way="password", password=password)

    def __enter__(self) -> Browser:
        return self


def beside(story: Coroutine[None, None, T]) -> T:
    """Run it in a thread of its own: that of the test may have an event loop."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, story).result()


@contextmanager
def replicas(
    folder: Path,
    routes: str,
    *,
    count: int = 3,
    workers: int = 1,
    stores: Stores | None = None,
    extra: str = "",
    metrics: bool = False,
    env: Mapping[str, str] | None = None,
) -> Iterator[Replicas]:
    """`count` gateways of `workers` each; `routes` is the text of routes.toml after `[gateway]`."""
    folder.mkdir(parents=True, exist_ok=True)
    stores = stores or on_sqlite(folder)
    secret = folder / "gateway.secret"
    secret.write_text(os.urandom(32).hex())
    secret.chmod(0o600)
    port, ports = free_port(), _free_ports(count)
    admins = _free_ports(count) if metrics else [0] * count
    opened = Replicas(folder, port, [], stores)
    for number, (own, admin) in enumerate(zip(ports, admins, strict=True)):
        place = folder / f"replica-{number}"
        place.mkdir()
        (place / "routes.toml").write_text(
            f'[gateway]\nlisten = "127.0.0.1:{own}"\npublic_url = "{opened.url}"\nsecret = "file:{secret}"\n'
            f'state = "{stores.state}"\ndirectory = "{stores.directory}"\ntrusted_proxies = ["127.0.0.1"]\n'
            f"{extra}\n{ADMIN.format(admin) if admin else ''}\n{routes}"
        )
        opened.each.append(Replica(place, own, workers, admin, env=env or {}))
    if not stores.directory.startswith("sqlite:"):
        opened.cli("migrate")
    with balancer(folder / "balancer", port, ports) as front:
        opened.balancer = front
        try:
            _start(opened.each)
            yield opened
        finally:
            started = [each.program for each in opened.each if hasattr(each, "program")]
            for program in started:
                program.process.terminate()
            for program in started:
                program.stop()


def _free_ports(count: int) -> Sequence[int]:
    found: set[int] = set()
    while len(found) < count:
        found.add(free_port())
    return sorted(found)


def _start(gateways: Sequence[Replica]) -> None:
    """All at once, as a deployment would."""
    for each in gateways:
        each.launch()
    for each in gateways:
        wait_for(each.program, each.port, "/.gateway/healthz")
