"""Apps that keep their own login, each behind a gateway that knows it by its preset alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx

from gateway.config.load import load
from gateway.policy.routes import RouteTable
from gateway.policy.target import everywhere
from tests.journeys.ageing import STATE
from tests.policy.making import request
from tests.support.processes import Gateway, gateway, write_config
from tests.support.visitor import Visitor


@contextmanager
def keeping(preset: str, upstream: str, folder: Path, *, max_age: str = "5m") -> Iterator[Gateway]:
    """The gateway in front of an app at `upstream`. It has no people of its own."""
    routes = f'[stepup]\nmax_age = "{max_age}"\n\n[[app]]\nname = "app"\nupstream = "{upstream}"\npreset = "{preset}"\n'
    with gateway(folder, routes, people={}) as started:
        yield started


def table(preset: str, folder: Path) -> RouteTable:
    """What of an app is sensitive, as its preset has it."""
    write_config(folder, 8000, f'[[app]]\nname = "app"\nupstream = "http://127.0.0.1:9000"\npreset = "{preset}"\n')
    [app] = load(folder / "routes.toml", env={}).apps
    return RouteTable(app.routes)


def matched(routes: RouteTable, line: str, body: bytes = b"", **headers: str) -> list[str]:
    """Names of the routes that a request is on; `line` is its method and target."""
    asked = request(line, **headers, **({"content_length": str(len(body))} if body else {}))
    found = routes.match(asked, everywhere(asked.path, ()))
    return [route.name for route in routes.settle(found, asked, body)]


def forgiven(front: Gateway) -> None:
    """Nobody has guessed anything."""
    with closing(sqlite3.connect(front.folder / STATE, timeout=10)) as db, db:
        db.execute("DELETE FROM throttles")


def holding(front: Gateway, cookies: httpx.Cookies, *, ours: bool = False) -> Visitor:
    """Another browser, with the app's cookies from elsewhere; with the gateway's own too if `ours`."""
    visitor = Visitor(front.url)
    for each in cookies.jar:
        if ours or not each.name.startswith("gateway_"):
            visitor.http.cookies.set(each.name, each.value or "", domain="localhost.local", path="/")
    return visitor


def asked(visitor: Visitor) -> bool:
    """Whether the page at hand is Confirm access."""
    return visitor.page.url.path.startswith("/.gateway/confirm/") and "Confirm access" in visitor.page.text


def confirm(visitor: Visitor, password: str, **more: str) -> httpx.Response:
    """Answer it with a password, and with a name where that is asked for."""
    return visitor.submit(visitor.page.url.path, {"way": "password", "password": password, **more})
