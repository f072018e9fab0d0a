"""Presets: what is known of an app's sign-in and of its sensitive endpoints, as TOML files in this package.

An app table that names one gets what it does not say itself. Its own routes come first and the preset's after them, so
that both hold; the keys of its own `[app.login]` take the place of the preset's.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

FOLDER = files("gateway.presets")
PATHS = ("path", "page")
"""Keys whose values lie under the `base` that an app is installed at."""


def names() -> list[str]:
    """Of all presets."""
    return sorted(each.name.removesuffix(".toml") for each in FOLDER.iterdir() if each.name.endswith(".toml"))


def text(name: str) -> str:
    """The file of that preset. Raises KeyError."""
    if name not in names():
        raise KeyError(name)
    return FOLDER.joinpath(f"{name}.toml").read_text()


def completed(data: dict[str, Any]) -> dict[str, Any]:
    """The file's data with what its presets bring. What is not as it should be is left for the shape to complain of."""
    apps = data.get("app")
    if not isinstance(apps, list):
        return data
    return {**data, "app": [_completed(app) if isinstance(app, dict) else app for app in apps]}


def _completed(app: dict[str, Any]) -> dict[str, Any]:
    name = app.get("preset")
    if name not in names():
        return app
    base = app.get("base", "")
    preset = _under(base.rstrip("/") if isinstance(base, str) else "", tomllib.loads(text(name)))
    merged = {**preset, **app}
    for key in ("login", "stepup"):
        own = app.get(key, {})
        if isinstance(own, dict) and (key in preset or key in app):
            merged[key] = {**preset.get(key, {}), **own}
    own_routes = app.get("route", [])
    if isinstance(own_routes, list):
        taken = {route.get("name") for route in own_routes if isinstance(route, dict)}
        merged["route"] = own_routes + [route for route in preset["route"] if route["name"] not in taken]
    if app.get("signin", "app") == "app":
        merged["signin"] = "app"
    return merged


def _under(base: str, value: Any, key: str = "") -> Any:
    """The preset's data for an app that is installed at `base`."""
    if not base:
        return value
    if isinstance(value, Mapping):
        return {name: _under(base, each, name) for name, each in value.items()}
    if isinstance(value, list):
        return [_under(base, each, key) for each in value]
    if isinstance(value, str) and key in (*PATHS, "except", "redirect", "redirect_not", "public"):
        return re.sub("^/", f"{base}/", value)
    return value
