"""What is allowed in routes.toml, and yet is probably not meant. Warnings: `serve` prints them and goes on."""

from __future__ import annotations

import difflib
import os
import stat
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gateway.config import postgresql_urls, redis_urls, values
from gateway.config.advice_login import login_advice
from gateway.config.complaints import Complaint
from gateway.config.lines import Place
from gateway.config.settings import App, Settings
from gateway.config.shape import File
from gateway.config.units import size, spoken
from gateway.policy.facts import Requirement, Route
from gateway.policy.patterns import overlaps
from gateway.policy.routes import warnings as never_matching

FEW = 2
"""Routes that are each told what is public around them; more are told together."""

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def advice(file: File, settings: Settings, said: dict[str, Any]) -> Iterator[Complaint]:
    """All of it; `file` is what `settings` were made of, `said` its text as data, without what presets bring."""
    yield from _gateway(file, settings)
    yield from _limits(settings)
    for index, app in enumerate(settings.apps):
        yield from _app(("app", index), app)
        yield from login_advice(("app", index), app, file.app[index], file, said["app"][index])
        for number, route in enumerate(app.routes):
            yield from _route(("app", index, "route", number), route, app, settings)


def _gateway(file: File, settings: Settings) -> Iterator[Complaint]:
    public = file.gateway.public_url
    hosts = [app.host for app in settings.apps]
    if public.scheme == "http" and not all(is_local(host) for host in hosts):
        text = "is not https: cookies and passwords travel in the clear there, and passkeys do not work"
        yield Complaint(("gateway", "public_url"), text)
    if values.site_host(public) not in hosts:
        yield Complaint(("gateway", "public_url"), f"names a host that no app has; the apps have {', '.join(hosts)}")
    if public.scheme == "https" and not settings.trusted_proxies:
        text = (
            "is empty, and something in front must end TLS: everybody will seem to come from its address, "
            "and share one count of wrong passwords; name that address"
        )
        yield Complaint(("gateway", "trusted_proxies"), text)
    if any(network.prefixlen == 0 for network in settings.trusted_proxies):
        text = "believes everybody: any client can then claim any address; name the proxies"
        yield Complaint(("gateway", "trusted_proxies"), text)
    if settings.admin is not None and not is_local(settings.admin[0]):
        text = "is open to other machines, and asks nobody who they are: let only your monitoring reach it"
        yield Complaint(("admin", "listen"), text)
    for secret in file.gateway.secret:
        if secret.file is not None and _mode(secret.file) & (stat.S_IRGRP | stat.S_IROTH):
            yield Complaint(("gateway", "secret"), f"{secret.file} can be read by others; chmod 600 it")
    if settings.state.startswith(redis_urls.SCHEMES):
        address = redis_urls.parse(settings.state)
        if not address.tls and not all(is_local(f"[{host}]" if ":" in host else host) for host, _ in address.hosts):
            text = "is not on this machine, and not encrypted: write rediss, or keep everybody else off that network"
            yield Complaint(("gateway", "state"), text)
    for key, store in (("state", settings.state), ("directory", settings.directory)):
        scheme, _, place = store.partition(":")
        folder = Path(place).parent
        if scheme == "sqlite" and _mode(folder) & stat.S_IWOTH:
            yield Complaint(("gateway", key), f"is in {folder}, where everybody may write; use a folder of its own")
    if not all(is_local(host) for host in postgresql_urls.unproved(settings.directory)):
        text = "is elsewhere, and nobody makes sure of whom: add ?sslmode=verify-full&sslrootcert=/path/to/its/ca.crt"
        yield Complaint(("gateway", "directory"), text)


def _limits(settings: Settings) -> Iterator[Complaint]:
    limits = settings.limits
    held = max(most for app in settings.apps for most in (app.hold_max, *(route.hold_max for route in app.routes)))
    if limits.target > limits.head:
        yield Complaint(("limits", "target"), "is more than head, which ends it before")
    if limits.pause > limits.read_within:
        yield Complaint(("limits", "pause"), "is longer than read_within: the first piece of a body may take so long")
    if limits.held_session > limits.held_total:
        yield Complaint(("limits", "held_session"), "is more than held_total: one session can fill it for all")
    if held > limits.held_session:
        text = f"is less than the largest hold_max, {size(held)}: requests of that size are never kept"
        yield Complaint(("limits", "held_session"), text)
    if limits.inspect is not None and limits.inspect < held:
        text = f"is less than the largest hold_max, {size(held)}: longer bodies are asked for, whatever they say"
        yield Complaint(("limits", "inspect"), text)
    if limits.hashing > (os.cpu_count() or 1):
        text = f"is more than the {os.cpu_count()} processors of this machine: every password takes longer"
        yield Complaint(("limits", "hashing"), text)
    for index, app in enumerate(settings.apps):
        if app.timeouts.idle < app.timeouts.connect:
            yield Complaint(("app", index, "timeouts", "idle"), "is shorter than connect: is one of them mistyped?")


def _app(place: Place, app: App) -> Iterator[Complaint]:
    upstream = urlsplit(app.upstream)
    if upstream.scheme == "http" and not is_local(values.site_host(upstream)):
        text = "is not on this machine: make sure that nobody on that network can reach the app past the gateway"
        yield Complaint((*place, "upstream"), text)
    if not app.routes:
        yield Complaint(place, "has no [[app.route]]: nothing is sensitive, and nobody is asked again")
    if all("passkey" in every for every in app.stepup.verify):
        text = (
            "asks for a passkey on its account page, where nobody could add the first one; let [app.stepup] accept less"
        )
        yield Complaint(place, text)
    if app.signin == "local":
        yield from _public(place, app)
    names = {route.name: number for number, route in enumerate(app.routes)}
    for name, text in never_matching(app.routes):
        yield Complaint((*place, "route", names[name]), text)


def _public(place: Place, app: App) -> Iterator[Complaint]:
    for number, pattern in enumerate(app.public):
        inside = [each for each, route in enumerate(app.routes) if overlaps(pattern, route.path)]
        if len(inside) > FEW:
            text = f'"{pattern}" takes in {len(inside)} routes; they win there, and people must sign in'
            yield Complaint((*place, "public", number), text)
            continue
        for each in inside:
            text = f'is partly inside public "{pattern}"; this route wins there, and people must sign in'
            yield Complaint((*place, "route", each, "path"), text)


def _route(place: Place, route: Route, app: App, settings: Settings) -> Iterator[Complaint]:
    requirement = route.requirement
    if not satisfiable(requirement, app):
        yield Complaint(place, f"can never be satisfied: it asks for a passkey, and {_no_passkeys(app)}")
    if requirement.max_age >= settings.session.absolute and not requirement.once:
        life = spoken(settings.session.absolute)
        yield Complaint((*place, "max_age"), f"is never reached: a session ends after {life}; nobody is asked again")
    for method in sorted((route.methods or frozenset()) - set(METHODS)):
        near = difflib.get_close_matches(method, METHODS, 1)
        meant = f'; did you mean "{near[0]}"?' if near else ""
        yield Complaint((*place, "methods"), f'"{method}" is not one of the usual methods{meant}')


def satisfiable(requirement: Requirement, app: App) -> bool:
    """Whether anybody could ever show what is asked on that app."""
    return passkeys_work(app) or any("passkey" not in every for every in requirement.verify)


def passkeys_work(app: App) -> bool:
    """WebAuthn needs a secure context and a domain for its RP ID (WebAuthn Level 3, 5.1.2 and 13.4.9)."""
    return not values.is_address(app.host) and (app.secure or is_local(app.host))


def is_local(host: str) -> bool:
    """Whether a host is this very machine (W3C Secure Contexts, 3.1)."""
    if values.is_address(host):
        return ip_address(host.strip("[]")).is_loopback
    return host == "localhost" or host.endswith(".localhost")


def _no_passkeys(app: App) -> str:
    if values.is_address(app.host):
        return f"passkeys need a host name, not the address {app.host}"
    return f"passkeys need https, and {app.origin} is not"


def _mode(path: Path) -> int:
    return path.stat().st_mode
