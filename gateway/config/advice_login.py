"""What is allowed for an app that keeps its own login, and yet is probably not meant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from gateway.config.complaints import Complaint
from gateway.config.lines import Place
from gateway.config.meaning import route_of
from gateway.config.presets import replaced
from gateway.config.settings import App
from gateway.config.shape import AppTable, File, RouteTable
from gateway.policy.decision import by_itself
from gateway.policy.facts import Condition, Request, Route
from gateway.policy.fields import NOT
from gateway.policy.login import Login, Success
from gateway.policy.patterns import compile, covers
from gateway.policy.routes import RouteTable as Table
from gateway.policy.target import readings

NO_WHOAMI = (
    "has no whoami: somebody who signed in unseen is refused at every sensitive route, "
    "and each sign-in that was seen is proved by a second one"
)


def login_advice(place: Place, app: App, table: AppTable, file: File, said: Mapping[str, Any]) -> Iterator[Complaint]:
    """`table` is what `app` was made of, `said` the same as written."""
    if app.inject and not app.routes:
        yield Complaint((*place, "inject"), "has nothing to ask for: no route of this app is sensitive")
    if app.login is None:
        if "login" in said:
            text = 'is not used: people sign in to the gateway here; write signin = "app" to keep the app\'s own login'
            yield Complaint((*place, "login"), text)
    else:
        yield from _signing_in(place, app, app.login)
        if app.login.whoami is None and "login" in said:  # what a preset lacks its author knew, and nobody can mend
            yield Complaint((*place, "login"), NO_WHOAMI)
    for number, theirs in replaced(dict(said)):
        known = route_of(RouteTable.model_validate(theirs), file.stepup, table.stepup)
        keys = looser(app.routes[number], known)
        if keys:
            text = f"takes the place of the preset's route of that name, and is looser in {' and '.join(keys)}"
            yield Complaint((*place, "route", number), text)


def _signing_in(place: Place, app: App, login: Login) -> Iterator[Complaint]:
    if app.public:
        text = 'has no meaning with signin = "app": what is not sensitive passes, and the app itself asks who it is'
        yield Complaint((*place, "public"), text)
    weak = _no_evidence(login.success)
    if weak:
        yield Complaint((*place, "login", "success"), weak)
    for number, route in enumerate(app.routes):
        if not route.report and _takes_in(route, login):
            text = f"takes in the app's own sign-in at {login.page}, which nobody could reach then; narrow it"
            yield Complaint((*place, "route", number), text)


def _no_evidence(success: Success) -> str:
    """Why that success is none that could be relied on; "" if it is one."""
    if success.redirect or success.redirect_not or success.cookie or success.body:
        return ""
    if success.body_not:
        return "is how many other pages look too; say what only a sign-in that worked brings: a cookie or a redirect"
    codes = ", ".join(map(str, sorted(success.status)))
    return f"is status {codes} alone, as many apps answer a wrong password too; add a cookie, a redirect or a body"


def _takes_in(route: Route, login: Login) -> bool:
    """Whether the page with the form, or the request that it sends, certainly matches `route`."""
    table = Table([route])
    wanted = {each.field: min(each.values, default="x") for each in login.request.conditions if each.place == "query"}
    posted = quote(login.request.path, safe="/*{}") + (f"?{urlencode(wanted)}" if wanted else "")
    asked = [("GET", login.page)]
    if "*" not in posted and "{" not in posted:
        asked += [(method, posted) for method in sorted(login.request.methods or {"POST"})]
    return any(table.match(*_request(method, target)).routes for method, target in asked)


def _request(method: str, target: str) -> tuple[Request, frozenset[str]]:
    path, _, query = target.encode().partition(b"?")
    headers = ((b"content-type", b"application/x-www-form-urlencoded"),) if method == "POST" else ()
    return Request(method, target.encode(), path, query, headers, "", "", "", 0), readings(path)


def looser(own: Route, theirs: Route) -> list[str]:
    """The keys by which some request that `theirs` asks about passes `own` more easily."""
    mine, known = own.requirement, theirs.requirement
    found = {
        "path": not covers(compile(own.path), compile(theirs.path)),
        "methods": own.methods is not None and not (theirs.methods or {"*"}) <= own.methods,
        "except": not set(own.excepts) <= set(theirs.excepts),
        "conditions": not all(_implied(each, theirs.conditions) for each in own.conditions),
        "max_age": mine.max_age > known.max_age and not mine.once,
        "once": known.once and not by_itself(mine),
        "verify": not all(any(theirs <= each for theirs in known.verify) for each in mine.verify),
        "mode": own.report and not theirs.report,
    }
    return [key for key, is_looser in found.items() if is_looser]


def _implied(condition: Condition, known: tuple[Condition, ...]) -> bool:
    """Whether what holds all of `known` holds `condition` too."""
    same = [each for each in known if (each.place, each.field) == (condition.place, condition.field)]
    return any(not condition.values or _within(each.values, condition.values) for each in same)


def _within(known: frozenset[str], wanted: frozenset[str]) -> bool:
    """Whether what is one of `known` is one of `wanted`."""
    if any(each.startswith(NOT) for each in wanted):
        return wanted <= known
    return bool(known) and known <= wanted
