"""Everything one app needs at its gate, and one visit to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.audit import Audit, Event, Line, line
from gateway.config.secrets import Keyring
from gateway.config.settings import App
from gateway.edge.cookies import Cookies
from gateway.edge.render import Renderer
from gateway.edge.upstream import Upstream
from gateway.flows.applogin import AppLogin
from gateway.flows.enrol import Enrol
from gateway.flows.sessions import Found, Sessions
from gateway.flows.signin import SignIn
from gateway.flows.stepup import StepUp
from gateway.metrics.counts import AppCounts
from gateway.policy.facts import Reason, Request, Route, Session, fact
from gateway.policy.patterns import PathSet
from gateway.policy.routes import RouteTable
from gateway.verifiers.base import Site


@dataclass(frozen=True, slots=True)
class Gate:
    """One app's, made once at start. `routes` by name hold the operator's and those of the account page."""

    app: App
    site: Site
    routes: Mapping[str, Route]
    table: RouteTable
    public: PathSet
    cookies: Cookies
    strip: frozenset[bytes]  # folded names no client may send on
    identity_names: tuple[bytes, bytes, bytes]  # user, time, methods
    proto: bytes
    sessions: Sessions
    stepup: StepUp
    signin: SignIn
    enrol: Enrol
    keyring: Keyring
    upstream: Upstream
    renderer: Renderer
    audit: Audit
    counts: AppCounts
    complain: Callable[[str], None]  # to the operator
    applogin: AppLogin | None  # where the app keeps its own login
    inspect_max: int  # bytes of a body read to judge it: the most that any route may hold
    told: set[str] = field(default_factory=set)  # what the operator need not hear twice


@fact
class Visit:
    """One request at that gate, and the session it came with."""

    gate: Gate
    request: Request
    found: Found | None
    store_down: bool = False
    unknown: bool = False  # its cookie is of no session: one that was ended, or that the store has lost

    @property
    def session(self) -> Session | None:
        """Only one that is alive."""
        return self.found.session if self.found is not None and self.found.alive else None

    def note(self, event: Event, reason: Reason, **more: Any) -> None:
        """One line of the audit log about this visit, and counted."""
        gate, request = self.gate, self.request
        routes, verifier = more.get("routes", ()), more.get("verifier", "")
        gate.counts.noted(event, reason, routes, verifier, own_login=gate.applogin is not None)
        gate.audit.put(self.line(event, reason, **more), now=request.now, request_id=request.id)

    def line(self, event: Event, reason: Reason, **more: Any) -> Line:
        """What it says; never a query value, a body or a cookie (law 5)."""
        request, found = self.request, self.found
        if found is not None:
            more.setdefault("subject", found.session.subject)
            more.setdefault("session", found.session.ref)
        return line(
            event,
            reason=reason,
            app=self.gate.app.name,
            client=request.client,
            method=request.method,
            path=request.path.decode("latin-1"),
            **more,
        )
