"""`gateway check --show`: the configuration as it works, with what presets bring and all defaults.

It is TOML that means the same as the file it was made of, and says of each key who wrote it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gateway.config.report import Source
from gateway.config.settings import App, Settings
from gateway.config.units import duration, size
from gateway.config.values import written
from gateway.config.writing import Row, table
from gateway.policy.facts import Requirement, Route
from gateway.policy.login import Login

Data = Mapping[str, Any]

PRINTED: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("target", "head", "inspect", "held_session", "held_total"), size),
    **dict.fromkeys(("head_within", "read_within", "pause"), duration),
}
"""How limits are written that are more than numbers."""

TOKENS = ("header", "query_or_form")


def shown(path: Path, settings: Settings, source: Source) -> list[str]:
    """The lines. Secrets are named as in the file, never shown."""
    lines = [f"# {path} as it works: with what presets bring, and with all defaults", ""]
    lines += [*_gateway(settings, source), *_admin(settings), "", *_limits(settings, source.said)]
    lines += ["", *_session(settings, source.said)]
    for number, app in enumerate(settings.apps):
        lines += ["", *_app(app, source.said["app"][number], source.full["app"][number], source.said)]
    return lines


def _gateway(settings: Settings, source: Source) -> list[str]:
    said = source.said["gateway"]
    secrets = [
        f"file:{secret.file}" if secret.file else str(written)
        for secret, written in zip(source.file.gateway.secret, _listed(said["secret"]), strict=True)
    ]
    rows = {
        "listen": written(*settings.listen),
        "public_url": source.file.gateway.public_url.geturl(),
        "state": _as_written(said, "state", settings.state),
        "directory": _as_written(said, "directory", settings.directory),
        "secret": secrets if len(secrets) > 1 else secrets[0],
        "trusted_proxies": [str(network) for network in settings.trusted_proxies],
        "drain": duration(settings.drain),
    }
    return table("[gateway]", _noted(rows, said))


def _admin(settings: Settings) -> list[str]:
    """Nothing where it is off, for TOML has no word for that."""
    return [] if settings.admin is None else ["", *table("[admin]", [Row("listen", written(*settings.admin))])]


def _limits(settings: Settings, said: Data) -> list[str]:
    limits = asdict(settings.limits)
    rows = {key: PRINTED.get(key, int)(value) for key, value in limits.items() if value is not None}
    lines = table("[limits]", _noted(rows, said.get("limits", {})))
    return lines if "inspect" in rows else [*lines, "# inspect: of each app its largest hold_max"]


def _session(settings: Settings, said: Data) -> list[str]:
    rows = {"idle": duration(settings.session.idle), "absolute": duration(settings.session.absolute)}
    return table("[session]", _noted(rows, said.get("session", {})))


def _app(app: App, said: Data, full: Data, file: Data) -> Iterator[str]:
    keys = {"name": app.name, "host": app.host, "upstream": app.upstream, "signin": app.signin, "inject": app.inject}
    keys |= {"public": list(app.public)} if app.public or app.signin == "local" else {}
    yield from table("[[app]]", _noted(keys, said, full))
    if "preset" in said:
        place = f', for an app at "{full["base"]}"' if full.get("base") else ""
        yield f'# preset "{said["preset"]}" is written out here{place}'
    names = {"user": app.headers.user, "time": app.headers.time, "methods": app.headers.methods}
    yield from ["", *table("[app.headers]", _noted(names, said.get("headers", {})), "  ")]
    waits = {key: duration(value) for key, value in asdict(app.timeouts).items()}
    yield from ["", *table("[app.timeouts]", _noted(waits, said.get("timeouts", {})), "  ")]
    outer = {key: "from [stepup]" for key in file.get("stepup", {})}
    rows = _noted(_asked(app.stepup, app.hold_max, app.hold_for), said.get("stepup", {}), full.get("stepup", {}), outer)
    yield from ["", *table("[app.stepup]", rows, "  ")]
    if app.login is not None:
        yield from ["", *table("[app.login]", _noted(_login(app.login), said.get("login", {}), full["login"]), "  ")]
    own = len(said.get("route", []))
    for number, route in enumerate(app.routes):
        keys = {"name": route.name, "action": route.action, **_request(route), **_settled(route, app)}
        lines = table("[[app.route]]", [Row(*item) for item in keys.items()], "  ", "preset" if number >= own else "")
        yield from ["", *lines]


def _noted(rows: Data, said: Data, full: Data | None = None, outer: Data | None = None) -> Iterator[Row]:
    """`said` holds the keys that the file itself writes, `full` those of its presets too."""
    for key, value in rows.items():
        note = "preset" if key in (full or {}) else (outer or {}).get(key, "default")
        yield Row(key, value, "" if key in said else note)


def _login(login: Login) -> dict[str, Any]:
    rows: dict[str, Any] = {"page": login.page, **_request(login.request)}
    if login.username:
        rows["username"] = login.username
    rows |= {"password": login.password, "cookies": list(login.cookies)}
    tokens = {place: [each.field for each in login.tokens if each.place == place] for place in TOKENS}
    if login.tokens:
        rows["tokens"] = {place: names for place, names in tokens.items() if names}
    success = login.success
    found = {
        "status": sorted(success.status),
        "redirect": list(success.redirect),
        "redirect_not": list(success.redirect_not),
        "cookie": success.cookie,
        "body": success.body,
        "body_not": success.body_not,
    }
    rows["success"] = {key: value for key, value in found.items() if value}
    if login.logout:
        rows["logout"] = _request(login.logout)
    if login.whoami:
        rows["whoami"] = {"path": login.whoami.target, "pattern": login.whoami.pattern}
        if not login.whoami.before:
            rows["whoami"]["before"] = False
    return rows | {key: list(said) for key, said in (("locked", login.locked), ("captcha", login.captcha)) if said}


def _request(route: Route) -> dict[str, Any]:
    rows: dict[str, Any] = {"path": route.path}
    if route.methods is not None:
        rows["methods"] = sorted(route.methods)
    if route.excepts:
        rows["except"] = list(route.excepts)
    for each in route.conditions:
        values = sorted(each.values) or ["*"]
        rows.setdefault(each.place, {})[each.field] = values if len(values) > 1 else values[0]
    return rows


def _settled(route: Route, app: App) -> dict[str, Any]:
    """What a route asks for beyond its app."""
    of_app = _asked(app.stepup, app.hold_max, app.hold_for)
    own = _asked(route.requirement, route.hold_max, route.hold_for)
    rows: dict[str, Any] = {"show": list(route.show)} if route.show else {}
    rows |= {key: value for key, value in own.items() if value != of_app[key]}
    rows |= {"once": True} if route.requirement.once else {}
    return rows | ({"mode": "report"} if route.report else {})


def _asked(requirement: Requirement, hold_max: int, hold_for: int) -> dict[str, Any]:
    ways = [sorted(every) if len(every) > 1 else min(every) for every in requirement.verify]
    return {
        "max_age": duration(requirement.max_age),
        "verify": ways,
        "hold_max": size(hold_max),
        "hold_for": duration(hold_for),
    }


def _as_written(said: Data, key: str, store: str) -> str:
    """Where the address of a store is kept, not what is kept there: it may hold a password."""
    written = str(said.get(key, ""))
    return written if written.startswith(("env:", "file:")) else store


def _listed(value: str | Sequence[str]) -> Sequence[str]:
    return [value] if isinstance(value, str) else value
