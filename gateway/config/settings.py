"""What the gateway was told, checked and frozen. `load` makes these out of routes.toml."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from gateway.config.secrets import Keyring
from gateway.policy.facts import Requirement, Route
from gateway.policy.login import Login


@dataclass(frozen=True, slots=True)
class IdentityHeaders:
    """Names, as written, of the fields an app is told about a person by."""

    user: str = "X-Auth-User"
    time: str = "X-Auth-Time"
    methods: str = "X-Auth-Methods"


@dataclass(frozen=True, slots=True)
class AppTimeouts:
    """Towards an app, in seconds."""

    connect: int = 5
    first_byte: int = 60  # from the end of the request to the head of the answer
    idle: int = 60  # between two pieces, either way


@dataclass(frozen=True, slots=True)
class App:
    """One `[[app]]`."""

    name: str
    host: str  # lower case, without port
    origin: str  # "https://notes.example.com", with a port only where it is not the default
    upstream: str  # "http://127.0.0.1:9000"
    signin: str
    public: tuple[str, ...]  # path patterns
    headers: IdentityHeaders
    stepup: Requirement  # what routes that say nothing ask for
    hold_max: int
    hold_for: int
    routes: tuple[Route, ...]
    login: Login | None = None  # with signin = "app": how the app's own sign-in looks
    inject: bool = False  # add a script to its pages that asks for what their calls are refused for
    timeouts: AppTimeouts = AppTimeouts()

    @property
    def secure(self) -> bool:
        """Browsers reach it by https."""
        return self.origin.startswith("https://")


@dataclass(frozen=True, slots=True)
class SessionLife:
    """Both in seconds."""

    idle: int = 1800
    absolute: int = 86400


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times in seconds; of each worker, unless it says otherwise."""

    target: int = 16 << 10
    head: int = 64 << 10
    fields: int = 128
    head_within: float = 10
    read_within: float = 60  # for a body that the gateway itself reads
    pause: float = 30  # between two pieces, from the client or to it
    inspect: int | None = None  # of a body that is read to judge it; None: the largest hold_max
    connections: int = 4096
    websockets: int = 1024
    held_requests: int = 20  # of one session
    held_session: int = 8 << 20
    held_total: int = 256 << 20  # of all, over all workers
    hashing: int = 1
    hashing_waiting: int = 64


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole file. Paths are absolute, secrets are read."""

    listen: tuple[str, int]
    state: str
    directory: str
    keyring: Keyring
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...]
    session: SessionLife
    apps: tuple[App, ...]
    drain: int = 30  # seconds that requests and websockets may go on after SIGTERM
    limits: Limits = Limits()
    admin: tuple[str, int] | None = None  # where metrics are answered; None: nowhere
