"""The assembly: settings in, a gatekeeper out. The only file that names concrete classes.

A new verifier, store or directory is one file elsewhere and one dictionary entry here.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, cast

from gateway.audit import Audit
from gateway.config import redis_urls
from gateway.config.settings import App, Limits, Settings
from gateway.directory.base import Directory
from gateway.edge.cookies import Cookies
from gateway.edge.express import Express
from gateway.edge.gate import Gate
from gateway.edge.gatekeeper import Gatekeeper
from gateway.edge.pages.account import OVERVIEW
from gateway.edge.pages.account import ROUTES as ACCOUNT_ROUTES
from gateway.edge.probes import Ping, Probes
from gateway.edge.render import Renderer
from gateway.edge.timeouts import Timeouts
from gateway.edge.upstream import Upstream
from gateway.edge.worker import Worker
from gateway.errors import StoreError
from gateway.flows.applogin import AppLogin
from gateway.flows.enrol import Enrol
from gateway.flows.proof import Prover
from gateway.flows.sessions import Sessions
from gateway.flows.signin import SignIn
from gateway.flows.stepup import StepUp
from gateway.flows.throttle import Throttle
from gateway.metrics.counts import Counts
from gateway.metrics.reporting import Vitals
from gateway.policy.facts import Route
from gateway.policy.headers import stripped
from gateway.policy.patterns import PathSet
from gateway.policy.routes import RouteTable
from gateway.sql import Migration
from gateway.stores.base import HoldLimits, State
from gateway.timing import Timed, untimed
from gateway.verifiers.app_password import AppPassword
from gateway.verifiers.base import Site, Verifier
from gateway.verifiers.hasher import Hasher
from gateway.verifiers.passkey import PasskeyVerifier
from gateway.verifiers.password import PasswordVerifier
from gateway.verifiers.totp import TotpVerifier

if TYPE_CHECKING:
    from gateway.identity.app import AppIdentity

STATES = {
    "sqlite": "gateway.stores.sqlite:open_state",
    **dict.fromkeys(redis_urls.SCHEMES, "gateway.stores.redis:open_state"),
}
DIRECTORIES = {
    "sqlite": "gateway.directory.sqlite:open_directory",
    "postgresql": "gateway.directory.postgresql:open_directory",
}
MIGRATIONS = {"sqlite": "gateway.directory.sqlite:migrate", "postgresql": "gateway.directory.postgresql:migrate"}
"""By the scheme of their address. Named, not imported: a worker carries the driver of the one engine it uses."""


IDENTITY = "gateway.identity.app:open_identity"
"""An HTTP client comes with it, which only apps that keep their own login need."""


def open_state(settings: Settings, *, timed: Timed = untimed) -> State:
    """The state store that the settings name. Raises StoreError."""
    return cast(State, _opened(STATES, settings.state, complain=complain, timed=timed))


def open_directory(
    settings: Settings, *, complain: Callable[[str], None] = lambda words: None, timed: Timed = untimed
) -> Directory:
    """The directory that the settings name; `complain` hears when it goes and comes. Raises StoreError."""
    return cast(Directory, _opened(DIRECTORIES, settings.directory, complain=complain, timed=timed))


async def migrate(settings: Settings, *, dry: bool) -> Migration:
    """Bring the directory's tables up to date; `dry` only looks. Raises StoreError."""
    work: Callable[..., Awaitable[Migration]] = resolve_name(MIGRATIONS[settings.directory.partition(":")[0]])
    return await work(settings.directory.removeprefix("sqlite:"), dry=dry)


def _opened(engines: Mapping[str, str], address: str, **more: object) -> object:
    opener: Callable[..., object] = resolve_name(engines[address.partition(":")[0]])
    return opener(address.removeprefix("sqlite:"), **more)


class Assembly:
    """One configuration put to work: a gatekeeper and what it stands on."""

    def __init__(
        self,
        settings: Settings,
        audit: Audit,
        renderer: Renderer,
        counts: Counts,
        worker: Worker,
        before: Assembly | None = None,
    ) -> None:
        self.settings = settings
        self.under_way = 0  # requests and websockets that it serves
        keeps_state = before is not None and before.settings.state == settings.state
        keeps_directory = before is not None and before.settings.directory == settings.directory
        self.state: State = (
            before.state if before is not None and keeps_state else open_state(settings, timed=counts.store("state"))
        )
        self.directory: Directory = (
            before.directory
            if before is not None and keeps_directory
            else open_directory(settings, complain=complain, timed=counts.store("directory"))
        )
        self.sessions = Sessions(self.state, settings.session)
        self._audit = audit
        self._renderer = renderer
        self._counts = counts
        self._password: PasswordVerifier = _password(settings.limits, before)
        self._passkey = PasskeyVerifier(settings.keyring)
        self._verifiers: dict[str, Verifier] = {
            "passkey": self._passkey,
            "totp": TotpVerifier(settings.keyring),
            "password": self._password,
        }
        self._throttle = Throttle(self.state.throttle, settings.keyring)
        self._identities: list[AppIdentity] = []
        self.gates = {app.host: self._gate(app) for app in settings.apps}
        pings: dict[str, Ping] = {"state": self.state.life.ping, "directory": self.directory.life.ping}
        levels: dict[str, Callable[[], int]] = {
            "gateway_hashing_waiting": lambda: self._password.waiting,
            "gateway_connections": lambda: len(worker.connections),
        }
        self.vitals = Vitals(pings, self.state.confirmations.held, levels)
        probes = Probes(pings, lambda: worker.draining)
        self.gatekeeper = Gatekeeper(
            self.gates, settings.trusted_proxies, probes, counts, read_within=settings.limits.read_within
        )
        self.express = Express(self.gates, settings.trusted_proxies, self.gatekeeper)

    def _gate(self, app: App) -> Gate:
        site = Site(app.host, app.name, app.origin)
        identity = self._identity(app)
        verifiers = self._verifiers if identity is None else {**self._verifiers, "password": AppPassword(identity)}
        prover = Prover(self.directory, verifiers, self._throttle)
        table = (*app.routes, *self._account(app))
        counts = self._counts.app(app.name)
        routes = {route.name: route for route in table}
        shared: dict[str, Any] = {"state": self.state, "prover": prover, "keyring": self.settings.keyring}
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
            stepup=StepUp(app, site, routes, sessions=self.sessions, limits=self._hold_limits(), **shared),
            signin=SignIn(directory=self.directory, passkey=self._passkey, **shared),
            enrol=Enrol(
                site,
                directory=self.directory,
                sessions=self.sessions,
                password=self._password,
                passkey=self._passkey,
                **shared,
            ),
            applogin=self._applogin(app, identity, prover),
            keyring=self.settings.keyring,
            upstream=Upstream(app.upstream, timeouts=_timeouts(app), timed=counts.upstream),
            renderer=self._renderer,
            audit=self._audit,
            counts=counts,
            complain=complain,
            inspect_max=self.settings.limits.inspect or max((route.hold_max for route in table), default=app.hold_max),
        )

    def _hold_limits(self) -> HoldLimits:
        limits = self.settings.limits
        return HoldLimits(
            per_session=limits.held_requests, session_bytes=limits.held_session, total_bytes=limits.held_total
        )

    def _account(self, app: App) -> list[Route]:
        """The account page's routes. Where a session may begin without proof, its overview wants one, once."""
        asked: dict[str, Any] = {"requirement": app.stepup, "hold_max": app.hold_max, "hold_for": app.hold_for}
        found = [replace(route, **asked) for route in ACCOUNT_ROUTES]
        if app.login is not None:
            once = replace(app.stepup, max_age=max(app.stepup.max_age, self.settings.session.absolute))
            found.append(replace(OVERVIEW, **(asked | {"requirement": once})))
        return found

    def _identity(self, app: App) -> AppIdentity | None:
        if app.login is None:
            return None
        opener: Callable[..., AppIdentity] = resolve_name(IDENTITY)
        connect, first_byte = app.timeouts.connect, app.timeouts.first_byte
        self._identities.append(
            opener(app.login, upstream=app.upstream, origin=app.origin, connect=connect, first_byte=first_byte)
        )
        return self._identities[-1]

    def _applogin(self, app: App, identity: AppIdentity | None, prover: Prover) -> AppLogin | None:
        if app.login is None or identity is None:
            return None
        return AppLogin(
            app.name,
            app.login,
            identity,
            sessions=self.sessions,
            prover=prover,
            once=self.state.once,
            keyring=self.settings.keyring,
        )

    async def close(self, *others: Assembly) -> None:
        """Write down what is pending, and let go of what none of the `others` uses."""
        try:
            await self.sessions.flush()
        except StoreError as error:
            complain(f"the last activity of some sessions is not written down: {error}")
        for gate in self.gates.values():
            gate.upstream.close()
        for identity in self._identities:
            await identity.close()
        if all(other.state is not self.state for other in others):
            await self.state.life.close()
        if all(other.directory is not self.directory for other in others):
            await self.directory.life.close()
        if all(other._password is not self._password for other in others):
            self._password.close()


def _password(limits: Limits, before: Assembly | None) -> PasswordVerifier:
    """One for the process, as long as its limits stay as they are."""
    if before is not None:
        return before._password.within(limits.hashing, limits.hashing_waiting)
    return PasswordVerifier(Hasher(limits.hashing, limits.hashing_waiting))


def _timeouts(app: App) -> Timeouts:
    return Timeouts(app.timeouts.connect, app.timeouts.first_byte, app.timeouts.idle)


def complain(words: str) -> None:
    """To the operator, on stderr; stdout is the audit log's."""
    print(f"gateway: {words}", file=sys.stderr, flush=True)
