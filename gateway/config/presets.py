"""Presets: what is known of an app's sign-in and of its sensitive endpoints, as TOML files in this package.

An app table that names one gets what it does not say itself. Its own routes come first and the preset's after them, so
that both hold; only a route of the same name takes the place of the preset's. So do the keys of its own `[app.login]`
and `[app.stepup]`, each by itself.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from gateway.config import values

FOLDER = files("gateway.presets")
TARGETS = {("login", "page"), ("login", "whoami", "path")}
"""What is asked for as it is written; every other path is a pattern, and written decoded."""
PATTERNS = {
    ("public",),
    *((*table, key) for table in (("route",), ("login",), ("login", "logout")) for key in ("path", "except")),
    *(("login", "success", key) for key in ("redirect", "redirect_not")),
}

Data = dict[str, Any]


def names() -> list[str]:
    """Of all presets."""
    return sorted(each.name.removesuffix(".toml") for each in FOLDER.iterdir() if each.name.endswith(".toml"))


def text(name: str) -> str:
    """The file of that preset. Raises KeyError."""
    if name not in names():
        raise KeyError(name)
    return FOLDER.joinpath(f"{name}.toml").read_text(encoding="utf-8")


def base_of(name: str) -> str:
    """Where that app is, if nothing else is said. Raises KeyError."""
    return str(tomllib.loads(text(name)).get("base", ""))


def known(name: str) -> str:
    """The name of a preset. Raises ValueError with those there are."""
    if name not in names():
        near = difflib.get_close_matches(name.lower(), names(), 1)
        meant = f'did you mean "{near[0]}"? T' if near else "t"
        raise ValueError(f"is not a preset; {meant}here are {', '.join(names())}")
    return name


def under(app: Data) -> Data:
    """The data of the preset that an app table names, for where that app is installed; {} if it names none. A preset
    says itself where its app is installed, if that is seldom at the root."""
    name = app.get("preset")
    if name not in names():
        return {}
    preset = tomllib.loads(text(str(name)))
    try:
        base = values.base(str(app.get("base", preset.get("base", ""))))
    except ValueError:
        base = ""
    found: Data = _moved(preset, base)
    return found


def completed(data: Data) -> Data:
    """The file's data with what its presets bring. What is not as it should be is left for the shape to complain of."""
    apps = data.get("app")
    if not isinstance(apps, list):
        return data
    return {**data, "app": [_completed(app) if isinstance(app, dict) else app for app in apps]}


def replaced(app: Data) -> Iterator[tuple[int, Data]]:
    """Routes of an app table that take the place of one of its preset: their number, and the preset's."""
    theirs = {route["name"]: route for route in under(app).get("route", [])}
    for number, name in enumerate(_called(app.get("route", []))):
        if name in theirs:
            yield number, theirs[name]


def _completed(app: Data) -> Data:
    preset = under(app)
    if not preset:
        return app
    if app.get("signin", "app") == "app":
        preset["signin"] = "app"
    elif "login" not in app:
        preset.pop("login", None)
    merged = {**preset, **app}
    for key in ("login", "stepup"):
        own = app.get(key, {})
        if isinstance(own, dict) and key in merged:
            merged[key] = {**preset.get(key, {}), **own}
    own_routes = app.get("route", [])
    if isinstance(own_routes, list):
        taken = _called(own_routes)
        merged["route"] = own_routes + [route for route in preset.get("route", []) if route["name"] not in taken]
    return merged


def _called(routes: object) -> list[str]:
    """The name of each route, "" for what is none."""
    if not isinstance(routes, list):
        return []
    return [str(route.get("name", "")) if isinstance(route, dict) else "" for route in routes]


def _moved(value: Any, base: str, place: tuple[str, ...] = ()) -> Any:
    """The preset's data for an app that is installed at `base`."""
    if isinstance(value, dict):
        return {key: _moved(each, base, (*place, key)) for key, each in value.items()}
    if isinstance(value, list):
        return [_moved(each, base, place) for each in value]
    if isinstance(value, str) and place in TARGETS:
        return quote(base) + value
    if isinstance(value, str) and place in PATTERNS:
        return base + value
    return value
