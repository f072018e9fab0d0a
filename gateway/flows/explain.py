"""What would happen to a request, and why: the route table asked one criterion at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote, urlencode, urlsplit

from gateway.config.settings import App, Settings
from gateway.config.units import spoken
from gateway.policy.decision import by_itself, decide
from gateway.policy.facts import (
    AuthEvent,
    Challenge,
    Condition,
    Decision,
    Headers,
    Reason,
    Request,
    Requirement,
    Route,
    Session,
)
from gateway.policy.fields import NOT, allows, hear_out, holds
from gateway.policy.login import Login, typed
from gateway.policy.patterns import PathSet
from gateway.policy.routes import RouteTable
from gateway.policy.target import everywhere

NOW = 1_000_000_000
OURS = "/.gateway/"
VISIBLE = "".join(map(chr, range(0x21, 0x7F)))
SIGN_IN = "is the app's sign-in"
CHALLENGES = {Reason.ANONYMOUS: "asked to sign in", Reason.ONCE: "asked to confirm, every time"}


@dataclass(frozen=True, slots=True)
class Criterion:
    """One thing a route asks of a request, and whether it holds."""

    key: str  # as in routes.toml: "path", "except", "methods", "query.action"
    holds: bool
    said: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """One route. It matches when all criteria hold."""

    route: Route
    criteria: tuple[Criterion, ...]

    @property
    def matches(self) -> bool:
        return all(each.holds for each in self.criteria)

    @property
    def near(self) -> bool:
        """The path fits, and something else does not."""
        return self.criteria[0].holds and not self.matches


@dataclass(frozen=True, slots=True)
class Explanation:
    """`outcomes` say what each kind of visitor gets, `part` what it is of the app's own sign-in, "" for nothing."""

    app: App
    request: Request
    readings: tuple[str, ...]
    methods: tuple[str, ...]
    public: bool
    verdicts: tuple[Verdict, ...]
    outcomes: Mapping[str, str]
    part: str = ""


def request_of(
    method: str, url: str, form: Sequence[tuple[str, str]], headers: Sequence[tuple[str, str]], settings: Settings
) -> tuple[App, Request, bytes]:
    """The app that `url` leads to, and the request with its body. Raises ValueError if no app is there.

    A `url` that is only a path is one of the only app.
    """
    app, target = _addressed(quote(url.partition("#")[0], safe=VISIBLE), settings)
    path, _, query = target.partition("?")
    body = urlencode(form).encode()
    fields: Headers = ((b"host", app.host.encode()),)
    fields += tuple((name.lower().encode(), value.encode()) for name, value in headers)
    if form:
        fields += ((b"content-type", b"application/x-www-form-urlencoded"), (b"content-length", b"%d" % len(body)))
    request = Request(method.upper(), target.encode(), path.encode(), query.encode(), fields, app.host, "", "", NOW)
    return app, request, body


def explain(app: App, request: Request, body: bytes) -> Explanation:
    """Raises MalformedRequest for a path that is none."""
    seen = everywhere(request.path, request.values(b"destination"))
    verdicts = tuple(_verdict(route, request, body, seen) for route in app.routes)
    public = PathSet(app.public).match_all(seen)
    matched = [verdict.route for verdict in verdicts if verdict.matches]
    open_ = public or app.login is not None
    outcomes = {who: _outcome(matched, session, open_) for who, session in _visitors(app, matched).items()}
    part = ""
    if app.login is not None:
        part = _part(app.login, request, body, seen)
        outcomes = _with_own_login(app.login, outcomes, decide(matched, None, NOW), part)
    return Explanation(
        app=app,
        request=request,
        readings=tuple(sorted(seen)),
        methods=tuple(sorted(hear_out(request, body).methods)),
        public=public,
        verdicts=verdicts,
        outcomes=outcomes,
        part=part,
    )


def plain(request: Request) -> str:
    """The path as one would read it, as `readings` are written."""
    return request.path.decode().lower().rstrip("/") or "/"


def required(requirement: Requirement) -> str:
    """ "passkey, or password and totp, in the last 5 minutes"."""
    ways = [" and ".join(sorted(every)) for every in requirement.verify]
    when = "for this request alone" if by_itself(requirement) else f"in the last {spoken(requirement.max_age)}"
    return f"{', or '.join(ways)}, {when}"


def _verdict(route: Route, request: Request, body: bytes, seen: frozenset[str]) -> Verdict:
    bare = replace(route, methods=None, conditions=(), excepts=())
    fits = sorted(each for each in seen if RouteTable([bare]).match(request, frozenset({each})).routes)
    odd = bool(fits) and plain(request) not in fits
    criteria = [Criterion("path", bool(fits), f"{route.path}, read as {fits[-1]}" if odd else route.path)]
    if route.excepts:
        left = RouteTable([replace(bare, excepts=route.excepts)]).match(request, seen).routes
        criteria.append(Criterion("except", bool(left) or not fits, ", ".join(route.excepts)))
    said = hear_out(request, body)
    if route.methods is not None:
        judged = " and ".join(sorted(said.methods))
        wanted = " or ".join(sorted(route.methods))
        criteria.append(Criterion("methods", allows(route.methods, said) is not False, f"{wanted}; judged as {judged}"))
    criteria += [
        Criterion(f"{each.place}.{each.field}", holds(each, said) is not False, _wanted(each))
        for each in route.conditions
    ]
    return Verdict(route, tuple(criteria))


def _wanted(condition: Condition) -> str:
    but = sorted(value.removeprefix(NOT) for value in condition.values if value.startswith(NOT))
    return f"any value but {' and '.join(but)}" if but else " or ".join(sorted(condition.values)) or "any value"


def _part(login: Login, request: Request, body: bytes, seen: frozenset[str]) -> str:
    def described(route: Route | None) -> bool:
        table = RouteTable([] if route is None else [route])
        return bool(table.settle(table.match(request, seen), request, body))

    if described(login.request):
        if typed(login, request, body) is not None:
            return SIGN_IN
        fields = " and ".join(f'"{name}"' for name in (login.username, login.password) if name)
        return f"would be the app's sign-in, if {fields} stood in the form, and nowhere else"
    if described(login.logout):
        return "is the app's sign-out; the gateway's session ends with it"
    target = request.target.decode("latin-1")
    if login.whoami is not None and login.whoami.target == target:
        return "is where the app says who is signed in"
    return "is the page with the app's sign-in" if login.page == target else ""


def _with_own_login(login: Login, outcomes: Mapping[str, str], decision: Decision, part: str) -> dict[str, str]:
    """What visitors of an app get that guards itself."""
    if isinstance(decision, Challenge):
        unseen = outcomes["stale"] if login.whoami else "told to sign in to the app again"
        found = {"anonymous": "told to sign in to the app first", "unseen": unseen}
        fresh = "refused: it would be done as whom it signs in" if part == SIGN_IN else outcomes["fresh"]
        return {**found, "stale": outcomes["stale"], "fresh": fresh}
    return {"anonymous": outcomes["anonymous"], "unseen": outcomes["anonymous"], **outcomes}


def _visitors(app: App, matched: Sequence[Route]) -> dict[str, Session | None]:
    """Nobody; somebody who proved everything too long ago; somebody who did so just now."""
    names = {name for route in matched for every in route.requirement.verify for name in every}
    oldest = max((route.requirement.max_age for route in matched), default=0)

    def signed_in(at: int) -> Session:
        events = tuple(AuthEvent(name, at, ()) for name in sorted(names))
        return Session("", app.name, "", at, NOW, events)

    return {"anonymous": None, "stale": signed_in(NOW - oldest - 1), "fresh": signed_in(NOW)}


def _outcome(matched: Sequence[Route], session: Session | None, public: bool) -> str:
    decision: Decision = decide(matched, session, NOW)
    if isinstance(decision, Challenge):
        return CHALLENGES.get(decision.reason, "asked to confirm")
    if session is None and not public:
        return "asked to sign in"
    return "passes, and is logged: report mode asks nothing" if decision.reason is Reason.REPORT else "passes"


def _addressed(url: str, settings: Settings) -> tuple[App, str]:
    """The app, and the target in origin-form, as it was written."""
    if url.startswith("/"):
        if len(settings.apps) > 1:
            raise ValueError(f"there are several apps; write the whole address, such as {settings.apps[0].origin}{url}")
        app, target = settings.apps[0], url
    else:
        authority = urlsplit(url).netloc
        found = [each for each in settings.apps if each.host == _host(authority)]
        if not found:
            known = ", ".join(each.origin for each in settings.apps)
            raise ValueError(f'"{url}" leads to no app here; the apps are at {known}')
        app, target = found[0], url.partition("://")[2].removeprefix(authority)
    target = target if target.startswith("/") else f"/{target}"
    if target.startswith(OURS):
        raise ValueError(f"{OURS} is the gateway's own, and no route of this file judges it")
    return app, target


def _host(authority: str) -> str:
    host = authority.rpartition("@")[2].lower()
    return host[: host.find("]") + 1] if host.startswith("[") else host.partition(":")[0]
