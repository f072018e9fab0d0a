"""Apps that keep their own login: what their tables mean, and what is said about them."""

import pytest

from gateway.config.load import check
from gateway.policy.facts import Condition
from gateway.policy.login import Success, WhoAmI

ENV = {"S": "s" * 32}
GATEWAY = '[gateway]\npublic_url = "http://localhost:8000"\nsecret = "env:S"\n'
APP = '[[app]]\nname = "wiki"\nupstream = "http://127.0.0.1:9000"\n'
KEEPS = f'{GATEWAY}{APP}signin = "app"\n'
ROUTE = '[[app.route]]\nname = "delete"\naction = "Delete it"\npath = "/delete"\n'
PRESET = f'{GATEWAY}{APP}preset = "dokuwiki"\n'
SUCCESS = 'success = { cookie = "sid" }\n'
LOGIN = """\
[app.login]
page = "/login?next=/"
path = "/login"
username = "user"
password = "pass"
cookies = "sid"
whoami = { path = "/me", pattern = "<b>{user}</b>" }
"""


@pytest.fixture
def report(tmp_path):
    def of(text):
        file = tmp_path / "routes.toml"
        file.write_text(text)
        return check(file, env=ENV)

    return of


@pytest.fixture
def app(report):
    """The app that a text without problems or warnings describes."""

    def of(text):
        found = report(text)
        assert (found.problems, found.warnings) == ([], [])
        [only] = found.settings.apps
        return only

    return of


@pytest.fixture
def problem(report, tmp_path):
    def of(text):
        [line] = report(text).problems
        return line.removeprefix(f"{tmp_path}/")

    return of


@pytest.fixture
def warnings(report, tmp_path):
    def of(text):
        found = report(text)
        assert found.problems == []
        return [line.removeprefix(f"{tmp_path}/") for line in found.warnings]

    return of


def test_every_key_of_a_sign_in_is_kept(app):
    login = app(
        KEEPS
        + """
        [app.login]
        page = "/in?x=1"
        path = "/in/**"
        methods = "put"
        except = "/in/out"
        query = { do = ["in", "login"] }
        username = "user"
        password = "pass"
        cookies = ["sid", "keep_*"]
        locked = "Too many"
        captcha = ["Type", "Solve"]
        [app.login.success]
        status = 302
        redirect = "/home/**"
        redirect_not = ["/in"]
        cookie = "sid"
        body = "Welcome"
        body_not = "Wrong"
        [app.login.logout]
        path = "/out"
        form = { really = "*" }
        [app.login.whoami]
        path = "/me?x"
        pattern = "<b>{user}</b>"
        before = false
        """
        + ROUTE
    ).login
    assert (login.page, login.username, login.password) == ("/in?x=1", "user", "pass")
    assert (login.cookies, login.locked, login.captcha) == (("sid", "keep_*"), ("Too many",), ("Type", "Solve"))
    assert (login.request.path, login.request.methods) == ("/in/**", frozenset({"PUT"}))
    assert login.request.excepts == ("/in/out",)
    assert login.request.conditions == (Condition("query", "do", frozenset({"in", "login"})),)
    assert login.success == Success(frozenset({302}), ("/home/**",), ("/in",), "sid", "Welcome", "Wrong")
    assert (login.logout.path, login.logout.methods) == ("/out", None)
    assert login.logout.conditions == (Condition("form", "really", frozenset()),)
    assert login.whoami == WhoAmI("/me?x", "<b>{user}</b>", before=False)


def test_a_sign_in_is_a_post_unless_it_is_said_not_to_be(app):
    assert app(KEEPS + LOGIN + SUCCESS + ROUTE).login.request.methods == frozenset({"POST"})


def test_an_app_that_asks_for_a_password_alone_needs_no_name_in_its_whoami(app):
    text = (LOGIN + SUCCESS + ROUTE).replace('username = "user"\n', "").replace("{user}", "in")
    assert app(KEEPS + text).login.username == ""


MISTAKES = [
    ('path = "/login"\n', "", "app[0].login.path: is missing; write for example path"),
    ('page = "/login?next=/"', 'page = "login"', 'app[0].login.page: "login" is not an address on the app'),
    ('page = "/login?next=/"', 'page = "/%zz"', 'app[0].login.page: "/%zz" is not an address on the app'),
    ('page = "/login?next=/"', 'page = "//h/"', 'app[0].login.page: "//h/" is not an address on the app'),
    ('path = "/login"', 'path = "/login?x"', 'app[0].login.path: "/login?x" is no path pattern: a path has no "?"'),
    ('password = "pass"\n', "", "app[0].login.password: is missing"),
    ("username", "user_name", 'app[0].login.user_name: unknown key "user_name"; did you mean "username"?'),
    ('cookies = "sid"', 'cookies = "*"', 'app[0].login.cookies: "*" is not the name of a cookie'),
    ('cookies = "sid"', "cookies = []", "app[0].login.cookies: [] is empty"),
    (SUCCESS, "", "app[0].login.success: is missing; write for example success = { cookie"),
    (SUCCESS, "success = {}\n", "app[0].login.success: says nothing; write what only a sign-in that worked brings"),
    (SUCCESS, "success = { status = 500 }\n", "app[0].login.success.status: 500 is not the status of a sign-in"),
    (SUCCESS, 'success = { status = "302" }\n', 'app[0].login.success.status: "302" is not a list'),
    (SUCCESS, 'success = { status = ["302"] }\n', 'success.status[0]: "302" is not a number; write it without quotes'),
    (SUCCESS, 'success = { redirect = "in" }\n', 'app[0].login.success.redirect: "in" is no path pattern'),
    (SUCCESS, 'success = { body = " * " }\n', 'app[0].login.success.body: " * " says nothing that could be looked for'),
    (SUCCESS, 'success = { redirects = "/" }\n', 'success.redirects: unknown key "redirects"; did you mean "redirect"'),
    ("<b>{user}</b>", "{user}", 'app[0].login.whoami.pattern: "{user}" '),
    ("<b>{user}</b>", "<b>me</b>", "app[0].login: whoami.pattern says not where the name stands; put {user}"),
    ("[app.login]", "[[app.login]]", "app[0].login: is a list of tables; write [app.login], with one bracket"),
    (SUCCESS, SUCCESS + 'logout = { methods = "GET" }\n', "app[0].login.logout.path: is missing"),
    (SUCCESS, SUCCESS + 'pattern = "x"\n', 'login.pattern: unknown key "pattern"; it is a key of [app.login.whoami]'),
]


@pytest.mark.parametrize(("old", "new", "said"), MISTAKES)
def test_a_mistake_about_a_sign_in_is_named_on_its_line(old, new, said, problem):
    text = KEEPS + LOGIN + SUCCESS
    assert old in text
    line = problem(text.replace(old, new))
    assert said in line
    assert int(line.split(":")[1]) >= 8


def test_an_app_cannot_keep_a_login_that_nobody_described(problem):
    line = problem(KEEPS)
    assert line.startswith('routes.toml:7: app[0].signin: "app" needs to know the app\'s sign-in: a preset (')
    assert "dokuwiki" in line and line.endswith("`gateway probe` writes one from the login page")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("dokuwikki", '"dokuwikki" is not a preset; did you mean "dokuwiki"? There are '),
        ("DokuWiki", '"DokuWiki" is not a preset; did you mean "dokuwiki"? There are '),
        ("../dokuwiki", '"../dokuwiki" is not a preset; '),
        ("xyz", '"xyz" is not a preset; there are '),
    ],
)
@pytest.mark.parametrize("signin", ["", 'signin = "app"\n'])
def test_a_preset_that_is_none_is_met_with_those_there_are(name, said, signin, problem):
    line = problem(PRESET.replace('"dokuwiki"', f'"{name}"') + signin)
    assert line.startswith(f"routes.toml:7: app[0].preset: {said}")
    assert line.endswith(", ".join(sorted(line.rpartition("here are ")[2].split(", "))))


@pytest.mark.parametrize("value", ["3", '["dokuwiki"]', "{}"])
def test_a_preset_of_another_kind_is_a_mistake_like_any(value, problem):
    assert "app[0].preset: " in problem(PRESET.replace('"dokuwiki"', value))


@pytest.mark.parametrize("line", ["login = 3", 'login = "x"', "route = 3", "route = [3]", "stepup = 3"])
def test_a_table_of_another_kind_beside_a_preset_is_a_mistake_like_any(line, problem):
    assert problem(f"{PRESET}{line}\n").startswith("routes.toml:8: app[0].")


@pytest.mark.parametrize("base", ["wiki", "/a//b", "/%41", "/*", "/{x}", "/a?b", "/../a", "/a\\\\b", "/a b\\u0007"])
def test_a_base_that_is_no_path_is_said_once_and_not_of_each_path_of_the_preset(base, problem):
    assert problem(f'{PRESET}base = "{base}"\n').startswith("routes.toml:8: app[0].base: ")


def test_a_base_without_a_preset_would_move_nothing(problem):
    line = problem(f'{GATEWAY}{APP}base = "/wiki"\n{ROUTE}')
    assert line == "routes.toml:7: app[0].base: is for the paths of a preset; without one, write each path whole"


@pytest.mark.parametrize(("base", "path", "page"), [("/my wiki/", "/my wiki", "/my%20wiki"), ("/", "", "")])
def test_a_base_stands_before_the_paths_of_the_preset_and_before_no_others(base, path, page, app):
    found = app(f'{PRESET}base = "{base}"\n{ROUTE}')
    assert found.login.page == f"{page}/doku.php?id=start&do=login"
    assert found.login.request.path == found.login.logout.path == f"{path}/**"
    assert found.login.whoami.target.startswith(f"{page}/")
    own, *theirs = found.routes
    assert own.path == "/delete"
    assert all(each.path.startswith(f"{path}/") for each in theirs)
    assert all(out.startswith(f"{path}/lib/exe/") for each in theirs for out in each.excepts)


def test_a_preset_makes_the_app_keep_its_login_unless_it_is_told_not_to(app):
    assert (app(PRESET).signin, app(PRESET).login is None) == ("app", False)
    local = app(PRESET + 'signin = "local"\n')
    assert (local.signin, local.login, local.routes) == ("local", None, app(PRESET).routes)


def test_keys_of_ones_own_take_the_place_of_those_of_the_preset(app):
    plain = app(PRESET)
    found = app(f'{PRESET}inject = true\n[app.stepup]\nmax_age = "1m"\n[app.login]\ncookies = "DW*"\n')
    assert (found.inject, found.login.cookies, found.stepup.max_age) == (True, ("DW*",), 60)
    assert (found.login.success, found.hold_max) == (plain.login.success, plain.hold_max)


def test_what_keys_of_ones_own_and_of_the_preset_say_together_is_checked(problem):
    line = problem(f'{PRESET}[app.login]\nwhoami = {{ path = "/me", pattern = "<b>me</b>" }}\n')
    assert line.startswith("routes.toml:8: app[0].login: whoami.pattern says not where the name stands")


def test_a_mistake_inside_a_preset_is_not_put_down_to_a_line_of_the_file(warnings):
    text = f'{PRESET}{ROUTE}[app.stepup]\nverify = ["passkey"]\n'
    found = warnings(text.replace("http://localhost", "http://127.0.0.1"))
    never = [line for line in found if "can never be satisfied" in line]
    own = [line for line in never if line.startswith("routes.toml:8: app[0].route[0]: can never")]
    theirs = [line for line in never if line.startswith('routes.toml:7: app[0].preset: in "dokuwiki", route "')]
    assert (len(own), len(theirs)) == (1, len(never) - 1) and theirs


def own(**keys):
    """A route that takes the place of DokuWiki's `profile`; without keys it asks the same."""
    said = {
        "name": '"profile"',
        "action": '"Change your profile"',
        "path": '"/**"',
        "except": '["/lib/exe/ajax.php"]',
        "query_or_form": '{ do = ["profile", "authtoken"] }',
        **keys,
    }
    return "[[app.route]]\n" + "".join(f"{key} = {value}\n" for key, value in said.items() if value)


def test_a_route_of_the_same_name_takes_the_place_of_the_presets(app):
    stricter = app(PRESET + own(max_age='"0s"', verify='["totp"]'))
    assert [route.name for route in stricter.routes].count("profile") == 1
    [profile] = [route for route in stricter.routes if route.name == "profile"]
    assert (profile.requirement.max_age, profile.requirement.verify) == (0, (frozenset({"totp"}),))


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"max_age": '"1h"'}, "max_age"),
        ({"path": '"/doku.php"'}, "path"),
        ({"methods": '["POST"]'}, "methods"),
        ({"except": '["/a", "/lib/exe/ajax.php"]'}, "except"),
        ({"query_or_form": '{ do = "profile" }'}, "conditions"),
        ({"form": '{ save = "1" }'}, "conditions"),
        ({"query_or_form": '{ do = "!show" }'}, "conditions"),
        ({"mode": '"report"', "max_age": '"1h"'}, "max_age and mode"),
    ],
)
def test_one_that_is_looser_is_warned_of(keys, said, warnings):
    text = "takes the place of the preset's route of that name, and is looser in"
    [line] = [each for each in warnings(PRESET + own(**keys)) if "takes the place" in each]
    assert line == f"routes.toml:8: app[0].route[0]: {text} {said}"


def test_one_that_forgets_to_ask_every_time_is_warned_of(warnings):
    keys = {"name": '"delete-profile"', "query_or_form": '{ do = "profile_delete" }'}
    [line] = warnings(PRESET + own(**keys))
    assert line.endswith("looser in max_age")
    assert warnings(PRESET + own(**keys, once="true")) == []


ADVICE = [
    (LOGIN, f'public = ["/a"]\n{LOGIN}', ':8: app[0].public: has no meaning with signin = "app"'),
    ('signin = "app"\n', "", ":7: app[0].login: is not used: people sign in to the gateway here"),
    ('whoami = { path = "/me", pattern = "<b>{user}</b>" }\n', "", ":8: app[0].login: has no whoami: somebody"),
    ('cookie = "sid"', "status = 200", ":15: app[0].login.success: is status 200 alone"),
    ('cookie = "sid"', 'body_not = "Wrong"', ":15: app[0].login.success: is how many other pages look too"),
    ('path = "/delete"', 'path = "/**"', ":16: app[0].route[0]: takes in the app's own sign-in at /login?next=/"),
    ('path = "/delete"', 'path = "/login"\nmethods = "POST"', "app[0].route[0]: takes in the app's own sign-in"),
    (ROUTE, "", ":4: app[0]: has no [[app.route]]: nothing is sensitive"),
    (f"{LOGIN}{SUCCESS}{ROUTE}", f"inject = true\n{LOGIN}{SUCCESS}", ":8: app[0].inject: has nothing to ask for"),
]


@pytest.mark.parametrize(("old", "new", "said"), ADVICE)
def test_what_is_probably_not_meant_is_said(old, new, said, warnings):
    text = KEEPS + LOGIN + SUCCESS + ROUTE
    assert old in text
    assert [line for line in warnings(text.replace(old, new)) if said in line]


def test_a_sensible_sign_in_is_met_with_silence(warnings):
    assert warnings(KEEPS + LOGIN + SUCCESS + ROUTE) == []


def test_a_route_beside_the_sign_in_is_not_in_its_way(warnings):
    text = (KEEPS + LOGIN + SUCCESS + ROUTE).replace('path = "/delete"', 'path = "/**"\nexcept = "/login"')
    assert warnings(text) == []
