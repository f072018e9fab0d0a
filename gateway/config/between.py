"""What no table of routes.toml can see by itself.

Works on the raw data, so that it is said together with all else.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gateway.config.complaints import Complaint
from gateway.config.lines import Place
from gateway.config.presets import names

Data = dict[str, Any]

EVERYWHERE = frozenset({"0.0.0.0", "[::]"})  # noqa: S104
"""Hosts that stand for every address of the machine."""


def between(data: Data, folder: Path) -> Iterable[Complaint]:
    """`data` is the file's with what its presets bring, `folder` the one it stands in."""
    gateway = data.get("gateway")
    gateway = gateway if isinstance(gateway, dict) else {}
    stores = gateway.get("state", "sqlite:gateway-state.db"), gateway.get("directory", "sqlite:gateway.db")
    if _place(stores[0], folder) == _place(stores[1], folder):
        yield Complaint(
            ("gateway", "directory"), "is the same file as state; people are kept apart, in one of their own"
        )
    apps = _tables(data, "app")
    listen, admin = str(gateway.get("listen", "127.0.0.1:8000")), _admin(data)
    if admin and _one_place(listen, admin):
        yield Complaint(("admin", "listen"), "is where gateway.listen is already; write another port")
    yield from _repeated("app", apps, "name", ())
    yield from _repeated("app", apps, "host", ())
    for index, app in apps:
        if len(apps) > 1 and "host" not in app:
            yield Complaint(("app", index), "has no host; with more than one [[app]] each needs its own")
        if str(app.get("upstream")) in _own_addresses(listen) | _own_addresses(admin):
            yield Complaint(("app", index, "upstream"), "is where the gateway itself listens; write where the app does")
        yield from _repeated("route", _tables(app, "route"), "name", ("app", index))
        yield from _signing_in(("app", index), app)


def _signing_in(place: Place, app: Data) -> Iterable[Complaint]:
    preset = app.get("preset")
    if preset is None and "base" in app:
        yield Complaint((*place, "base"), "is for the paths of a preset; without one, write each path whole")
    if app.get("signin") == "app" and "login" not in app:
        if preset is None:
            text = f"needs to know the app's sign-in: a preset ({', '.join(names())}), or [app.login]; "
            yield Complaint((*place, "signin"), f'"app" {text}`gateway probe` writes one from the login page')
        elif preset in names():
            yield Complaint((*place, "preset"), f'"{preset}" has no sign-in; write [app.login], or signin = "local"')


def _place(store: object, folder: Path) -> object:
    """One spelling for all that lead to a file: its name without links, and what it is, if it is there."""
    if not isinstance(store, str) or not store.startswith("sqlite:"):
        return store
    try:
        path = os.path.realpath(Path(folder, store.removeprefix("sqlite:")))
        found = os.stat(path)
    except FileNotFoundError:
        return path
    except (OSError, ValueError):  # no name that a file could have
        return store
    return found.st_dev, found.st_ino


def _own_addresses(listen: str) -> set[str]:
    """Where a gateway that listens there is reached from its own machine; nowhere if that is ""."""
    if not listen:
        return set()
    host, _, port = listen.rpartition(":")
    names = {host, "127.0.0.1", "localhost"} if host in {"127.0.0.1", "localhost", *EVERYWHERE} else {host}
    return {f"http://{name}:{port}" for name in names}


def _one_place(listen: str, other: str) -> bool:
    """Whether two that listen there would be in each other's way."""
    (host, _, port), (other_host, _, other_port) = listen.rpartition(":"), other.rpartition(":")
    hosts = {host, other_host}
    return port == other_port and (len(hosts) == 1 or bool(hosts & EVERYWHERE) or hosts <= {"127.0.0.1", "localhost"})


def _admin(data: Data) -> str:
    admin = data.get("admin")
    return str(admin.get("listen", "")) if isinstance(admin, dict) else ""


def _tables(data: Data, key: str) -> list[tuple[int, Data]]:
    found = data.get(key)
    return [(n, each) for n, each in enumerate(found) if isinstance(each, dict)] if isinstance(found, list) else []


def _repeated(kind: str, tables: list[tuple[int, Data]], key: str, within: Place) -> Iterable[Complaint]:
    first: dict[str, int] = {}
    for index, table in tables:
        value = str(table.get(key, "")).lower()
        if value and first.setdefault(value, index) != index:
            text = f'"{value}" is the {key} of {kind}[{first[value]}] already; each needs its own'
            yield Complaint((*within, kind, index, key), text)
