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
class Settings:
    """The whole file. Paths are absolute, secrets are read."""

    listen: tuple[str, int]
    state: str
    directory: str
    keyring: Keyring
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...]
    session: SessionLife
    apps: tuple[App, ...]
    admin: tuple[str, int] | None = None  # where metrics are answered; None: nowhere
