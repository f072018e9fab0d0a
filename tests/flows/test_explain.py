"""`explain`: the same answer as the route table gives, and the reason for it."""

from dataclasses import replace

import pytest

from gateway.config.load import load
from gateway.errors import MalformedRequest
from gateway.flows.explain import explain, request_of, required
from gateway.policy.facts import Requirement
from gateway.policy.routes import RouteTable
from gateway.policy.target import readings

ROUTES = """\
[gateway]
public_url = "https://notes.example"
secret = "env:S"
trusted_proxies = ["127.0.0.1"]
[[app]]
name = "notes"
host = "notes.example"
upstream = "http://127.0.0.1:9000"
public = ["/static/**"]
  [[app.route]]
  name = "email"
  action = "Change it"
  path = "/account/email"
  methods = ["POST"]
  [[app.route]]
  name = "account"
  action = "Do anything there"
  path = "/account/**"
  except = ["/account/help/**"]
  max_age = "0s"
  methods = ["POST", "DELETE"]
  [[app.route]]
  name = "legacy"
  action = "Delete a page"
  path = "/index.php"
  query_or_form = { action = ["delete", "purge"] }
  header = { X-Real = "*" }
  [[app.route]]
  name = "admin"
  action = "Rule"
  path = "/admin/**"
  mode = "report"
[[app]]
name = "shop"
host = "[::1]"
upstream = "http://127.0.0.1:9001"
"""
SITE = "https://notes.example"


@pytest.fixture
def settings(tmp_path):
    (tmp_path / "routes.toml").write_text(ROUTES)
    return load(tmp_path / "routes.toml", env={"S": "s" * 32})


def explained(settings, method, url, form=(), headers=()):
    return explain(*request_of(method, url, form, headers, settings))


REQUESTS = [
    ("POST", "/account/email", [], [], ["email", "account"], []),
    ("GET", "/account/email", [], [], [], ["email", "account"]),
    ("get", "/account/email?_method=post", [], [], ["email", "account"], []),
    ("POST", "/account/x", [("_method", "delete")], [], ["account"], []),
    ("POST", "/account/help/x", [], [], [], ["account"]),
    ("POST", "/account/help/../%65mail", [], [], ["email", "account"], []),
    ("GET", "/index.php?action=Delete", [], [("X-Real", "1")], ["legacy"], []),
    ("GET", "/index.php?action=Delete", [], [], [], ["legacy"]),
    ("POST", "/index.php", [("action", "purge")], [("X-Real", "1")], ["legacy"], []),
    ("POST", "/index.php", [("action", "edit")], [("X-Real", "1")], [], ["legacy"]),
    ("GET", "/admin", [], [], ["admin"], []),
    ("GET", "/notes", [], [], [], []),
]


@pytest.mark.parametrize(("method", "url", "form", "headers", "hits", "near"), REQUESTS)
def test_which_routes_match_and_which_only_in_part(method, url, form, headers, hits, near, settings):
    found = explained(settings, method, SITE + url, form, headers)
    assert [each.route.name for each in found.verdicts if each.matches] == hits
    assert [each.route.name for each in found.verdicts if each.near] == near


@pytest.mark.parametrize(("method", "url", "form", "headers", "hits", "near"), REQUESTS)
def test_the_answer_is_that_of_the_route_table(method, url, form, headers, hits, near, settings):
    app, request, body = request_of(method, SITE + url, form, headers, settings)
    table = RouteTable(app.routes)
    matched = table.settle(table.match(request, readings(request.path)), request, body)
    assert [route.name for route in matched] == hits


def test_the_criterion_that_failed_is_named(settings):
    found = explained(settings, "GET", f"{SITE}/account/help/x")
    verdict = next(each for each in found.verdicts if each.route.name == "account")
    assert [(each.key, each.holds) for each in verdict.criteria] == [
        ("path", True),
        ("except", False),
        ("methods", False),
    ]


OUTCOMES = [
    ("POST", "/account/email", "asked to sign in", "asked to confirm", "asked to confirm, every time"),
    ("GET", "/admin/x", "asked to sign in", "passes, and is logged: report mode asks nothing", "passes"),
    ("GET", "/static/x.css", "passes", "passes", "passes"),
    ("GET", "/notes", "asked to sign in", "passes", "passes"),
]


@pytest.mark.parametrize(("method", "url", "anonymous", "stale", "fresh"), OUTCOMES)
def test_what_each_kind_of_visitor_gets(method, url, anonymous, stale, fresh, settings):
    assert explained(settings, method, SITE + url).outcomes == {
        "anonymous": anonymous,
        "stale": stale,
        "fresh": fresh,
    }


@pytest.mark.parametrize(
    ("url", "app", "target"),
    [
        ("https://Notes.Example:8443/a?b#c", "notes", b"/a?b"),
        ("https://notes.example", "notes", b"/"),
        ("http://[::1]:9/x", "shop", b"/x"),
        ("https://notes.example/é", "notes", b"/%C3%A9"),
        ("https://notes.example/%2e%2E//a;b", "notes", b"/%2e%2E//a;b"),
    ],
)
def test_an_address_is_taken_as_it_is_written(url, app, target, settings):
    found, request, _ = request_of("GET", url, [], [], settings)
    assert (found.name, request.target) == (app, target)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://other.example/", "leads to no app here; the apps are at https://notes.example"),
        ("notes.example/x", "leads to no app here"),
        ("/x", "there are several apps; write the whole address, such as https://notes.example/x"),
        ("https://notes.example/.gateway/account", "the gateway's own"),
    ],
)
def test_an_address_that_leads_nowhere_is_refused(url, said, settings):
    with pytest.raises(ValueError, match=said):
        request_of("GET", url, [], [], settings)


def test_a_path_alone_is_one_of_the_only_app(settings):
    alone = replace(settings, apps=settings.apps[:1])
    assert request_of("GET", "/x", [], [], alone)[0].name == "notes"


def test_a_path_that_breaks_the_grammar_is_malformed(settings):
    with pytest.raises(MalformedRequest):
        explained(settings, "GET", f"{SITE}/%zz")


@pytest.mark.parametrize(
    ("requirement", "words"),
    [
        (Requirement((frozenset({"passkey"}),), 300), "passkey, in the last 5 minutes"),
        (
            Requirement((frozenset({"passkey"}), frozenset({"totp", "password"})), 60),
            "passkey, or password and totp, in the last 1 minute",
        ),
        (Requirement((frozenset({"totp"}),), 0), "totp, for this request alone"),
        (Requirement((frozenset({"totp"}),), 300, once=True), "totp, for this request alone"),
    ],
)
def test_a_requirement_in_words(requirement, words):
    assert required(requirement) == words


def test_where_webdav_would_put_it_is_explained_too(settings) -> None:
    app, request, body = request_of("COPY", f"{SITE}/notes/1", [], [("Destination", "/admin/x")], settings)
    said = explain(app, request, body)
    assert said.readings == ("/admin/x", "/notes/1")
    assert [verdict.route.name for verdict in said.verdicts if verdict.matches] == ["admin"]


KEEPS = """\
[gateway]
public_url = "http://localhost:8000"
secret = "env:S"
[[app]]
name = "books"
upstream = "http://127.0.0.1:9000"
signin = "app"
  [app.login]
  page = "/login?next=/"
  path = "/login"
  username = "user"
  password = "pass"
  cookies = ["sid"]
  success = { cookie = "sid" }
  logout = { path = "/logout", form = { really = "yes" } }
  whoami = { path = "/me?x=1", pattern = "<b>{user}</b>" }
  [[app.route]]
  name = "email"
  action = "Change it"
  path = "/email"
  form = { how = "!not" }
  [[app.route]]
  name = "all"
  action = "Sign in, as it happens"
  path = "/login"
  query = { odd = "*" }
  [[app.route]]
  name = "rule"
  action = "Rule"
  path = "/rule"
  mode = "report"
"""


@pytest.fixture
def keeping(tmp_path):
    """What is explained of a request to an app that keeps its own login; `without` is taken out of its file."""

    def of(method, url, *form, without="  nothing of it"):
        (tmp_path / "routes.toml").write_text("\n".join(line for line in KEEPS.splitlines() if without not in line))
        settings = load(tmp_path / "routes.toml", env={"S": "s" * 32})
        return explain(*request_of(method, url, form, [], settings))

    return of


TYPED = (("user", "ada"), ("pass", "x"))


@pytest.mark.parametrize(
    ("method", "url", "form", "part"),
    [
        ("POST", "/login", TYPED, "is the app's sign-in"),
        ("POST", "/login/", TYPED, "is the app's sign-in"),
        ("GET", "/login", (), ""),
        ("GET", "/login?next=/", (), "is the page with the app's sign-in"),
        (
            "POST",
            "/login",
            TYPED[:1],
            'would be the app\'s sign-in, if "user" and "pass" stood in the form, and nowhere else',
        ),
        ("POST", "/login?user=bob", TYPED, 'would be the app\'s sign-in, if "user" and "pass" stood in the form'),
        ("POST", "/logout", (("really", "yes"),), "is the app's sign-out; the gateway's session ends with it"),
        ("POST", "/logout", (), ""),
        ("GET", "/me?x=1", (), "is where the app says who is signed in"),
        ("GET", "/me", (), ""),
    ],
)
def test_what_a_request_is_of_the_apps_own_sign_in_is_said(method, url, form, part, keeping):
    found = keeping(method, url, *form).part
    assert found.startswith(part) and bool(found) == bool(part)


def test_what_is_not_sensitive_passes_as_the_app_guards_itself(keeping):
    assert set(keeping("GET", "/anything").outcomes.values()) == {"passes"}
    report = keeping("GET", "/rule").outcomes
    assert report.pop("fresh") == "passes"
    assert set(report.values()) == {"passes, and is logged: report mode asks nothing"}


def test_what_is_sensitive_needs_the_app_to_say_who_it_is(keeping):
    change = ("POST", "/email", ("how", "so"))
    assert keeping(*change).outcomes == {
        "anonymous": "told to sign in to the app first",
        "unseen": "asked to confirm",
        "stale": "asked to confirm",
        "fresh": "passes",
    }
    assert keeping(*change, without="whoami").outcomes["unseen"] == "told to sign in to the app again"


def test_a_sign_in_that_is_sensitive_too_is_not_done_as_somebody_else(keeping):
    found = keeping("POST", "/login?odd=1", *TYPED)
    assert found.outcomes["fresh"] == "refused: it would be done as whom it signs in"


def test_a_condition_on_any_value_but_some_says_so(keeping):
    [email] = [each for each in keeping("POST", "/email", ("how", "not")).verdicts if each.route.name == "email"]
    assert [(each.key, each.holds, each.said) for each in email.criteria][-1] == (
        "form.how",
        False,
        "any value but not",
    )
