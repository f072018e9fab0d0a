"""routes.toml, read and checked: every problem at once, each on one line with the file, the line and the table path.

    routes.toml:12: app[0].route[2].max_age: "5x" is not a duration; write a number and s, m, h or d, such as "5m"

A syntax error is reported alone: what follows from it would only mislead.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gateway.config import values
from gateway.config.advice import advice
from gateway.config.complaints import Complaint, complaints, printable
from gateway.config.lines import Place, lines, nearest
from gateway.config.presets import completed
from gateway.config.secrets import Keyring
from gateway.config.settings import App, IdentityHeaders, SessionLife, Settings
from gateway.config.shape import (
    AppTable,
    File,
    LoginTable,
    RequestKeys,
    RouteTable,
    StepupKeys,
    StepupTable,
    Surroundings,
)
from gateway.errors import ConfigError
from gateway.policy.facts import Condition, Requirement, Route
from gateway.policy.login import Login, Success, WhoAmI

SYNTAX = re.compile(r"(.*) \(at (?:line (\d+), (column \d+)|end of document)\)")

HINTS = {
    "Invalid value": "strings stand in quotes",
    "Illegal character '\\n'": "a quote is not closed",
    "Unclosed array": "a list above is not closed",
    "Cannot overwrite a value": "it is there already, or has [one] and [[two]] brackets",
}
"""What operators mostly did, where TOML's own words leave them to guess."""

DEFAULTS = StepupTable.model_validate(
    {"max_age": "5m", "verify": ["passkey", "totp", "password"], "hold_max": "1MiB", "hold_for": "10m"}
)


@dataclass(frozen=True, slots=True)
class Report:
    """Printable lines. `settings` is None if there are problems; warnings stop nothing."""

    problems: list[str]
    warnings: list[str]
    settings: Settings | None


def load(path: Path, *, env: Mapping[str, str]) -> Settings:
    """The settings, or ConfigError with every problem."""
    report = check(path, env=env)
    if report.settings is None:
        raise ConfigError(report.problems)
    return report.settings


def check(path: Path, *, env: Mapping[str, str]) -> Report:
    """All there is to say about the file at `path`. Reads the secrets it names, and touches nothing."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        return Report([f"{path}: {error.strerror}; name your file with --config"], [], None)
    except UnicodeDecodeError:
        return Report([f"{path}: is not UTF-8; save it as UTF-8"], [], None)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return Report([_syntax(path, text, error)], [], None)
    data = completed(data)
    try:
        file = File.model_validate(data, context=Surroundings(path.absolute().parent, env))
    except ValidationError as error:
        return Report(_printed(path, text, (*complaints(error, data), *_between(data))), [], None)
    problems = _printed(path, text, _between(data))
    if problems:
        return Report(problems, [], None)
    settings = _settings(file)
    return Report([], _printed(path, text, advice(file, settings)), settings)


def _syntax(path: Path, text: str, error: tomllib.TOMLDecodeError) -> str:
    found = SYNTAX.fullmatch(str(error))
    message, line, column = found.groups() if found else (str(error), None, None)
    where = f"{message}, at {column or 'the end of the file'}"
    hint = f"; {HINTS[message]}" if message in HINTS else ""
    return printable(f"{path}:{line or text.count(chr(10)) + 1}: {where}{hint}")


def _printed(path: Path, text: str, found: Iterable[Complaint]) -> list[str]:
    found = list(found)
    known = lines(text) if found else {}
    placed = sorted(((nearest(known, each.place), each) for each in found), key=lambda pair: pair[0])
    return [printable(f"{path}:{line}: {each}") for line, each in placed]


def _between(data: dict[str, Any]) -> Iterable[Complaint]:
    """What no table can see by itself. Works on the raw data, so that it is said together with all else."""
    gateway = data.get("gateway")
    gateway = gateway if isinstance(gateway, dict) else {}
    if gateway.get("state", "sqlite:gateway-state.db") == gateway.get("directory", "sqlite:gateway.db"):
        yield Complaint(
            ("gateway", "directory"), "is the same file as state; people are kept apart, in one of their own"
        )
    apps = _tables(data, "app")
    yield from _repeated("app", apps, "name", ())
    yield from _repeated("app", apps, "host", ())
    for index, app in apps:
        if len(apps) > 1 and "host" not in app:
            yield Complaint(("app", index), "has no host; with more than one [[app]] each needs its own")
        if str(app.get("upstream")) in _own_addresses(str(gateway.get("listen", "127.0.0.1:8000"))):
            yield Complaint(("app", index, "upstream"), "is where the gateway itself listens; write where the app does")
        yield from _repeated("route", _tables(app, "route"), "name", ("app", index))


def _own_addresses(listen: str) -> set[str]:
    """Where a gateway that listens there is reached from its own machine."""
    host, _, port = listen.rpartition(":")
    names = {host, "127.0.0.1", "localhost"} if host in {"127.0.0.1", "localhost", "0.0.0.0", "[::]"} else {host}  # noqa: S104
    return {f"http://{name}:{port}" for name in names}


def _tables(data: dict[str, Any], key: str) -> list[tuple[int, dict[str, Any]]]:
    found = data.get(key)
    return [(n, each) for n, each in enumerate(found) if isinstance(each, dict)] if isinstance(found, list) else []


def _repeated(kind: str, tables: list[tuple[int, dict[str, Any]]], key: str, within: Place) -> Iterable[Complaint]:
    first: dict[str, int] = {}
    for index, table in tables:
        value = str(table.get(key, "")).lower()
        if value and first.setdefault(value, index) != index:
            text = f'"{value}" is the {key} of {kind}[{first[value]}] already; each needs its own'
            yield Complaint((*within, kind, index, key), text)


def _settings(file: File) -> Settings:
    gateway = file.gateway
    return Settings(
        listen=gateway.listen,
        state=gateway.state,
        directory=gateway.directory,
        keyring=Keyring([each.value for each in gateway.secret]),
        trusted_proxies=tuple(gateway.trusted_proxies),
        session=SessionLife(file.session.idle, file.session.absolute),
        apps=tuple(_app(app, file) for app in file.app),
    )


def _app(app: AppTable, file: File) -> App:
    public = file.gateway.public_url
    host = app.host or values.site_host(public)
    asked = _asked(DEFAULTS, file.stepup, app.stepup)
    return App(
        name=app.name,
        host=host,
        origin=values.origin(public, host),
        upstream=app.upstream,
        signin=app.signin,
        public=tuple(app.public),
        headers=IdentityHeaders(app.headers.user, app.headers.time, app.headers.methods),
        stepup=Requirement(tuple(asked["verify"]), asked["max_age"]),
        hold_max=asked["hold_max"],
        hold_for=asked["hold_for"],
        routes=tuple(_route(route, _asked(DEFAULTS, file.stepup, app.stepup, route)) for route in app.route),
        login=_login(app.login) if app.login is not None and app.signin == "app" else None,
        inject=app.inject,
    )


def _login(login: LoginTable) -> Login:
    success, who = login.success, login.whoami
    return Login(
        page=login.page,
        request=_request("login", login, login.methods or ["POST"]),
        username=login.username or "",
        password=login.password,
        cookies=tuple(login.cookies),
        success=Success(
            frozenset(success.status),
            tuple(success.redirect),
            tuple(success.redirect_not),
            success.cookie or "",
            success.body or "",
            success.body_not or "",
        ),
        logout=_request("logout", login.logout, login.logout.methods) if login.logout else None,
        whoami=WhoAmI(who.path, who.pattern) if who else None,
        locked=tuple(login.locked),
        captcha=tuple(login.captcha),
    )


def _request(name: str, keys: RequestKeys, methods: list[str] | None) -> Route:
    """What is to be recognised, but not sensitive by itself."""
    return Route(
        name=name,
        action=name,
        path=keys.path,
        requirement=Requirement((), 0),
        methods=None if methods is None else frozenset(methods),
        excepts=tuple(keys.except_),
        conditions=_conditions(keys),
    )


def _asked(*levels: StepupKeys) -> dict[str, Any]:
    """The keys of [stepup], each from the last level that says it."""
    said = [(key, getattr(level, key)) for level in levels for key in StepupKeys.model_fields]
    return {key: value for key, value in said if value is not None}


def _conditions(keys: RequestKeys) -> tuple[Condition, ...]:
    places = {
        "query": keys.query,
        "form": keys.form,
        "query_or_form": keys.query_or_form,
        "json": keys.json_,
        "header": keys.header,
    }
    return tuple(
        Condition(place, field, wanted) for place, fields in places.items() for field, wanted in (fields or {}).items()
    )


def _route(route: RouteTable, asked: dict[str, Any]) -> Route:
    return Route(
        name=route.name,
        action=route.action,
        path=route.path,
        requirement=Requirement(tuple(asked["verify"]), asked["max_age"], route.once),
        methods=None if route.methods is None else frozenset(route.methods),
        excepts=tuple(route.except_),
        conditions=_conditions(route),
        show=tuple(route.show),
        report=route.mode == "report",
        hold_max=asked["hold_max"],
        hold_for=asked["hold_for"],
    )
