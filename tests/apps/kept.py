"""Apps that keep their own login, each behind a gateway that knows it by its preset alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx

from tests.journeys.ageing import STATE
from tests.support.processes import Gateway, gateway
from tests.support.visitor import Visitor


@contextmanager
def keeping(preset: str, upstream: str, folder: Path, *, max_age: str = "5m") -> Iterator[Gateway]:
    """The gateway in front of an app at `upstream`. It has no people of its own."""
    routes = f'[stepup]\nmax_age = "{max_age}"\n\n[[app]]\nname = "app"\nupstream = "{upstream}"\npreset = "{preset}"\n'
    with gateway(folder, routes, people={}) as started:
        yield started


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
