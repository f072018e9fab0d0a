"""What a file that has its shape means: defaults settled, models made into frozen settings."""

from __future__ import annotations

from typing import Any

from gateway.config import values
from gateway.config.secrets import Keyring
from gateway.config.settings import App, AppTimeouts, IdentityHeaders, Limits, SessionLife, Settings
from gateway.config.shape import AppTable, File, RouteTable, StepupKeys, StepupTable
from gateway.config.shape_login import LoginTable, RequestKeys
from gateway.policy.facts import Condition, Requirement, Route
from gateway.policy.login import Login, Success, WhoAmI

DEFAULTS = StepupTable.model_validate(
    {"max_age": "5m", "verify": ["passkey", "totp", "password"], "hold_max": "1MiB", "hold_for": "10m"}
)


def settings(file: File) -> Settings:
    """Everything."""
    gateway = file.gateway
    return Settings(
        listen=gateway.listen,
        state=gateway.state,
        directory=gateway.directory,
        keyring=Keyring([each.value for each in gateway.secret]),
        trusted_proxies=tuple(gateway.trusted_proxies),
        session=SessionLife(file.session.idle, file.session.absolute),
        apps=tuple(_app(app, file) for app in file.app),
        admin=file.admin.listen,
        drain=gateway.drain,
        limits=Limits(**file.limits.model_dump()),
    )


def _app(app: AppTable, file: File) -> App:
    public = file.gateway.public_url
    host = app.host or values.site_host(public)
    asked = _asked(file.stepup, app.stepup)
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
        routes=tuple(route_of(route, file.stepup, app.stepup) for route in app.route),
        login=login_of(app.login) if app.login is not None and app.signin == "app" else None,
        inject=app.inject,
        timeouts=AppTimeouts(**app.timeouts.model_dump()),
    )


def login_of(login: LoginTable) -> Login:
    success, who = login.success, login.whoami
    return Login(
        page=login.page,
        request=_request("login", login, login.methods or ["POST"]),
        username=login.username or "",
        password=login.password,
        cookies=tuple(login.cookies),
        tokens=(
            *(Condition("header", name, frozenset()) for name in login.tokens.header),
            *(Condition("query_or_form", name, frozenset()) for name in login.tokens.query_or_form),
        ),
        success=Success(
            frozenset(success.status),
            tuple(success.redirect),
            tuple(success.redirect_not),
            success.cookie or "",
            success.body or "",
            success.body_not or "",
        ),
        logout=_request("logout", login.logout, login.logout.methods) if login.logout else None,
        whoami=WhoAmI(who.path, who.pattern, who.before) if who else None,
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
    said = [(key, getattr(level, key)) for level in (DEFAULTS, *levels) for key in StepupKeys.model_fields]
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


def route_of(route: RouteTable, *levels: StepupKeys) -> Route:
    """`levels` are the tables above it that say what to ask for, the outermost first."""
    asked = _asked(*levels, route)
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
