"""routes.toml: what a good file means, and what is said about a bad one."""

from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest

from gateway.config.load import check, load
from gateway.config.settings import IdentityHeaders, SessionLife
from gateway.errors import ConfigError
from gateway.policy.facts import Condition, Requirement

ENV = {"S": "s" * 32, "OLD": "o" * 32, "SHORT": "short"}

GATEWAY = '[gateway]\npublic_url = "https://notes.example.com"\nsecret = "env:S"\n'
APP = '[[app]]\nname = "notes"\nupstream = "http://127.0.0.1:9000"\n'
ROUTE = '[[app.route]]\nname = "change-email"\naction = "Change it"\npath = "/account/email"\n'

ANY = (frozenset({"passkey"}), frozenset({"totp"}), frozenset({"password"}))


@pytest.fixture
def file(tmp_path):
    return tmp_path / "routes.toml"


@pytest.fixture
def settings(file):
    def from_text(text):
        file.write_text(text)
        return load(file, env=ENV)

    return from_text


@pytest.fixture
def problems(file):
    """The lines said about a text, without the file's folder."""

    def of(text):
        file.write_text(text)
        report = check(file, env=ENV)
        assert (report.settings is None) == bool(report.problems)
        return [line.removeprefix(f"{file.parent}/") for line in report.problems]

    return of


def test_the_shortest_file_gets_all_defaults(settings, tmp_path):
    found = settings(GATEWAY + APP)
    assert found.listen == ("127.0.0.1", 8000)
    assert found.state == f"sqlite:{tmp_path}/gateway-state.db"
    assert found.directory == f"sqlite:{tmp_path}/gateway.db"
    assert found.trusted_proxies == ()
    assert found.session == SessionLife(1800, 86400)
    [app] = found.apps
    assert (app.host, app.origin, app.signin) == ("notes.example.com", "https://notes.example.com", "local")
    assert (app.public, app.routes, app.headers) == ((), (), IdentityHeaders())
    assert (app.stepup, app.hold_max, app.hold_for) == (Requirement(ANY, 300), 1 << 20, 600)


def test_every_key_of_a_route_is_kept(settings):
    [app] = settings(
        GATEWAY
        + APP
        + """
        [[app.route]]
        name = "everything"
        action = "Do everything"
        methods = ["post", "PUT"]
        path = "/a/{b}/**"
        except = "/a/b/c"
        show = ["x"]
        max_age = "0s"
        verify = ["passkey", ["password", "totp"]]
        hold_max = "64KiB"
        hold_for = "1h"
        once = true
        mode = "report"
        query = { q = "1" }
        query_or_form = { action = ["delete", "purge"] }
        header = { X-Thing = "*" }
        """
    ).apps
    [route] = app.routes
    assert (route.name, route.action, route.path) == ("everything", "Do everything", "/a/{b}/**")
    assert (route.methods, route.excepts, route.show) == (frozenset({"POST", "PUT"}), ("/a/b/c",), ("x",))
    assert route.requirement == Requirement((frozenset({"passkey"}), frozenset({"password", "totp"})), 0, once=True)
    assert (route.hold_max, route.hold_for, route.report) == (65536, 3600, True)
    assert route.conditions == (
        Condition("query", "q", frozenset({"1"})),
        Condition("query_or_form", "action", frozenset({"delete", "purge"})),
        Condition("header", "X-Thing", frozenset()),
    )


def test_a_route_overrides_its_app_and_an_app_overrides_the_file(settings):
    [app] = settings(
        GATEWAY
        + '[stepup]\nmax_age = "1m"\nhold_for = "2m"\nverify = ["totp"]\n'
        + APP
        + '[app.stepup]\nmax_age = "3m"\nhold_max = "1KiB"\n'
        + ROUTE
        + 'hold_max = "2KiB"\n'
    ).apps
    totp = (frozenset({"totp"}),)
    assert (app.stepup, app.hold_max, app.hold_for) == (Requirement(totp, 180), 1024, 120)
    [route] = app.routes
    assert (route.requirement, route.hold_max, route.hold_for) == (Requirement(totp, 180), 2048, 120)


def test_a_secret_may_be_a_list_so_that_it_rotates(settings):
    old = settings(GATEWAY.replace('"env:S"', '"env:OLD"') + APP).keyring
    new = settings(GATEWAY.replace('"env:S"', '["env:S", "env:OLD"]') + APP).keyring
    assert new.open("held", old.seal("held", b"x", b""), b"") == b"x"


ORIGINS = [
    ("https://a.example", "a.example", "https://a.example"),
    ("https://A.Example:443/", "a.example", "https://a.example"),
    ("https://a.example:8443", "a.example", "https://a.example:8443"),
    ("http://localhost:8000", "localhost", "http://localhost:8000"),
    ("http://127.0.0.1:80", "127.0.0.1", "http://127.0.0.1"),
    ("http://[::1]:8000", "[::1]", "http://[::1]:8000"),
]


@pytest.mark.parametrize(("public_url", "host", "origin"), ORIGINS)
def test_an_app_alone_stands_at_the_public_address(public_url, host, origin, settings):
    [app] = settings(GATEWAY.replace("https://notes.example.com", public_url) + APP).apps
    assert (app.host, app.origin) == (host, origin)


def test_several_apps_share_the_scheme_and_the_port_of_the_public_address(settings):
    second = APP.replace("notes", "shop") + 'host = "Shop.example.com"\n'
    apps = settings(GATEWAY.replace(".com", ".com:8443") + APP + 'host = "notes.example.com"\n' + second).apps
    assert [app.origin for app in apps] == ["https://notes.example.com:8443", "https://shop.example.com:8443"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [("127.0.0.1:1", ("127.0.0.1", 1)), ("[::]:65535", ("::", 65535)), ("localhost:80", ("localhost", 80))],
)
def test_an_address_to_listen_on(written, meant, settings):
    assert settings(GATEWAY + f'listen = "{written}"\n' + APP).listen == meant


def test_trusted_proxies_are_addresses_and_ranges(settings):
    found = settings(GATEWAY + 'trusted_proxies = ["10.0.0.7", "fd00::/8"]\n' + APP).trusted_proxies
    assert found == (ip_network("10.0.0.7/32"), ip_network("fd00::/8"))


GATEWAY_LINES = [
    ('listen = "localhost"', 'gateway.listen: "localhost" is not host:port'),
    ('listen = "::1:80"', 'gateway.listen: "::1:80" is not host:port'),
    ('listen = "[x:80"', 'gateway.listen: "[x:80" is not host:port'),
    ('listen = "h:0"', 'gateway.listen: "h:0" is not host:port'),
    ("listen = 8000", "gateway.listen: 8000 is not a string"),
    ('state = "redis:h"', 'gateway.state: "redis:h" names no host; write for example "redis:'),
    ('state = "postgresql://h"', 'gateway.state: "postgresql://h" names no store; write for example "sqlite:'),
    ('directory = "redis://h"', 'gateway.directory: "redis://h" names no store; write for example "sqlite:'),
    ('state = "redis://:hush@h"', "gateway.state: this has a password in it, and secrets have no place in this file"),
    ('state = "redis+sentinel://h/m?sentinel_password=hush"', "gateway.state: this has a password in it"),
    ('state = "redis://h?pasword=hush"', "gateway.state: this has an option that is not known"),
    ('state = "redis+sentinel://h"', 'gateway.state: "redis+sentinel://h" names no service behind the hosts; write'),
    ('state = "env:NOWHERE"', 'gateway.state: "env:NOWHERE" names the environment variable NOWHERE, which is not set'),
    ('state = "mysql:x"', 'gateway.state: "mysql:x" names no store'),
    ('directory = "postgresql:///gateway"', "names no host"),
    ('directory = "postgresql://h"', "names no database"),
    ('directory = "postgresql://h/"', "names no database"),
    ('directory = "postgresql://h/a/b"', "names no database"),
    ('directory = "postgresql://h:x/gateway"', "names a host that cannot be"),
    ('directory = "postgresql://a,,b/gateway"', "names a host that cannot be"),
    ('directory = "postgresql://a@b@h/gateway"', "write them as %40 and %23"),
    ('directory = "postgresql://h/gateway#x"', "write them as %40 and %23"),
    ('directory = "postgresql://h/gateway?sslmod=require"', "known are sslmode, sslrootcert"),
    ('directory = "postgresql://h/gateway?sslmode=on"', "write one of disable, allow"),
    ('directory = "postgresql://h/gateway?sslrootcert=/no/where.crt"', "names no file in sslrootcert"),
    ('directory = "postgresql://h/gateway?application_name="', "has an empty application_name"),
    ('directory = "postgresql://h/gateway?host=other"', "names a host in its options"),
    ('directory = "postgresql://h/gateway?target_session_attrs=any"', "asks for another server than the primary"),
    ('state = "sqlite::memory:"', "names no store"),
    ('state = "sqlite:no/where.db"', "which is no folder; make it first"),
    ('state = "sqlite:gateway.db"', "gateway.directory: is the same file as state"),
    ('trusted_proxies = ["10.0.0.1/8"]', 'trusted_proxies[0]: "10.0.0.1/8" is no range; did you mean "10.0.0.0/8"?'),
    ('trusted_proxies = ["proxy"]', '"proxy" is not an address or a range'),
    ('stat = "x"', 'gateway.stat: unknown key "stat"; did you mean "state"?'),
    ('[session]\nidle = "2d"', "session: idle is longer than absolute"),
    ('[session]\nidle = "0s"', 'session.idle: "0s" is out of range'),
    (
        '[stepup]\nmax_age = "5x"',
        'stepup.max_age: "5x" is not a duration; write a number and s, m, h or d, such as "5m"',
    ),
    ("[stepup]\nmax_age = 5", 'stepup.max_age: 5 is not a duration such as "5m"; put it in quotes'),
    ('[stepup]\nhold_max = "5"', 'stepup.hold_max: "5" is not a size'),
    ('[stepup]\nhold_max = "9GiB"', '"9GiB" is too much'),
    ("[stepup]\nverify = []", "stepup.verify: [] is empty"),
    ("[stepup]\nverify = [[]]", "stepup.verify[0]: [] asks for nothing"),
    ('[stepup]\nverify = ["sms"]', 'stepup.verify[0]: "sms" is not known; write "passkey", "totp" or "password"'),
    ('[stepup]\nverify = [["password", "sms"]]', 'names "sms", which is not known'),
    ('[stepup]\nverify = "totp"', 'stepup.verify: "totp" is not a list'),
    ("[stepup]\nverify = [[[1]]]", "stepup.verify[0]: "),
    ("[[route]]", 'routes.toml:4: route: unknown key "route"; write [[app.route]]'),
    ("[steps]\n", 'steps: unknown key "steps"; did you mean "stepup"?'),
]


@pytest.mark.parametrize(("line", "said"), GATEWAY_LINES)
def test_a_mistake_about_the_gateway_is_named(line, said, problems):
    [problem] = problems(f"{GATEWAY}{line}\n{APP}")
    assert said in problem


APP_LINES = [
    ('host = "a.example:80"', 'app[0].host: "a.example:80" has a port'),
    ('host = "[::1]:80"', 'app[0].host: "[::1]:80" has a port'),
    ('host = "https://a.example"', 'app[0].host: "https://a.example" is not a host'),
    ('host = "*.example"', "has a wildcard"),
    ('host = "bücher.example"', 'app[0].host: "bücher.example" is not a host'),
    ('host = ""', 'app[0].host: "" is not a host'),
    ('signin = "oidc"', 'app[0].signin: "oidc" is not available in this version'),
    ('signin = "locl"', 'app[0].signin: "locl" is not known'),
    ('public = "static"', 'app[0].public: "static" '),
    ('public = ["/a", "b"]', 'app[0].public[1]: "b" '),
    ('max_age = "5m"', 'unknown key "max_age"; it is a key of [stepup] and [[app.route]]'),
    ('headers = { user = "Host" }', 'app[0].headers.user: "Host" is a field with a meaning of its own'),
    ('headers = { user = "Remote User" }', '"Remote User" is not a name of a header field'),
    ('headers = { user = "X_Auth-Time" }', "app[0].headers: user, time and methods name the same field"),
    ("route = {}", "app[0].route: is a single table; write [[app.route]], with two brackets"),
]


@pytest.mark.parametrize(("line", "said"), APP_LINES)
def test_a_mistake_about_an_app_is_named(line, said, problems):
    [problem] = problems(f"{GATEWAY}{APP}{line}\n")
    assert problem.startswith("routes.toml:7: ") and said in problem


ROUTE_LINES = [
    ('metods = ["POST"]', 'app[0].route[0].metods: unknown key "metods"; did you mean "methods"?'),
    ('methods = ["PO ST"]', '.methods[0]: "PO ST" is not an HTTP method'),
    ("methods = []", ".methods: [] is empty"),
    ('mode = "reports"', '.mode: "reports" is not known; write "enforce" or "report"'),
    ('once = "yes"', '.once: "yes" is neither true nor false'),
    ("except = 3", ".except: 3 is not a list"),
    ('except = ["x"]', '.except[0]: "x" '),
    ("query = { a = 1 }", ".query.a: 1 is not a string or a list of strings"),
    ('query = { a = [1, "1"] }', ".query.a: "),
    ('form = { a = ["x", "!y"] }', '.form.a: ["x", "!y"] says what is meant and, with "!", what is not'),
    ("form = { a = [] }", ".form.a: [] is not a string"),
    ("json = {}", ".json: names no field"),
    ('header = "X"', '.header: "X" is not a table'),
    ('show = [""]', '.show[0]: "" is not a line of words'),
    ('query = { "a\\u001b" = 1 }', '.query."a\\u001b": 1 is not a string'),
]


@pytest.mark.parametrize(("line", "said"), ROUTE_LINES)
def test_a_mistake_about_a_route_is_named(line, said, problems):
    [problem] = problems(f"{GATEWAY}{APP}{ROUTE}{line}\n")
    assert problem.startswith("routes.toml:11: app[0].route[0]") and said in problem


def test_every_problem_is_said_at_once_in_the_order_of_the_file(problems):
    text = """\
[gateway]
public_url = "notes.example.com"
[[app]]
name = "My notes"
  [[app.route]]
  name = "a"
  [[app.route]]
  name = "a"
  action = "A"
  path = "/a"
[[app]]
name = "shop"
upstream = "http://127.0.0.1:8000"
"""
    assert problems(text) == [
        'routes.toml:1: gateway.secret: is missing; write for example secret = "file:gateway.secret"',
        'routes.toml:2: gateway.public_url: "notes.example.com" is not an address of that kind; '
        'write for example "https://notes.example.com"',
        'routes.toml:3: app[0].upstream: is missing; write for example upstream = "http://127.0.0.1:9000"',
        "routes.toml:3: app[0]: has no host; with more than one [[app]] each needs its own",
        'routes.toml:4: app[0].name: "My notes" is not a name; use a-z, 0-9 and single hyphens, such as "change-email"',
        'routes.toml:5: app[0].route[0].action: is missing; write for example action = "Change your e-mail address"',
        'routes.toml:5: app[0].route[0].path: is missing; write for example path = "/account/email"',
        'routes.toml:8: app[0].route[1].name: "a" is the name of route[0] already; each needs its own',
        "routes.toml:11: app[1]: has no host; with more than one [[app]] each needs its own",
        "routes.toml:13: app[1].upstream: is where the gateway itself listens; write where the app does",
    ]


def test_two_apps_cannot_have_one_host_however_it_is_spelled(problems):
    second = APP.replace("notes", "shop") + 'host = "A.example"\n'
    [problem] = problems(GATEWAY + APP + 'host = "a.example"\n' + second)
    assert 'app[1].host: "a.example" is the host of app[0] already' in problem


@pytest.mark.parametrize("line", ['name = "gateway-password"', 'name = "Delete"', 'name = "a--b"', 'name = ""'])
def test_names_are_plain_and_those_of_the_gateway_are_its_own(line, problems):
    [problem] = problems(GATEWAY + APP + ROUTE.replace('name = "change-email"', line))
    assert problem.startswith("routes.toml:8: app[0].route[0].name: ")


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("other", ["sqlite:./gateway.db", "sqlite:{folder}/gateway.db", "sqlite:link/gateway.db"])
def test_state_and_directory_are_not_one_file_however_it_is_spelled(other, there, problems, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path, target_is_directory=True)
    if there:
        (tmp_path / "gateway.db").touch()
    [problem] = problems(f'{GATEWAY}state = "{other.format(folder=tmp_path)}"\n{APP}')
    assert "gateway.directory: is the same file as state" in problem


def test_a_store_with_another_name_for_the_same_file_is_caught(problems, tmp_path):
    (tmp_path / "gateway.db").touch()
    (tmp_path / "state.db").hardlink_to(tmp_path / "gateway.db")
    [problem] = problems(f'{GATEWAY}state = "sqlite:state.db"\n{APP}')
    assert "gateway.directory: is the same file as state" in problem


def test_a_store_that_no_file_could_be_called_is_a_mistake_like_any(problems):
    assert problems(f'{GATEWAY}state = "sqlite:a\\u0000/b"\n{APP}')


def test_a_secret_written_into_the_file_is_not_repeated(problems):
    [problem] = problems(GATEWAY.replace("env:S", "hunter2-hunter2-hunter2-hunter2-") + APP)
    assert "gateway.secret: this is not where a secret is kept" in problem
    assert "hunter2" not in problem


def test_a_short_secret_is_refused_with_how_to_make_one(problems):
    [problem] = problems(GATEWAY.replace("env:S", "env:SHORT") + APP)
    assert "openssl rand -base64 48" in problem and "short" not in problem


@pytest.mark.parametrize(
    "upstream", ["127.0.0.1:9000", "ftp://h", "http://h/x", "http://u:p@h", "http://h:0", "http://"]
)
def test_an_upstream_is_a_scheme_a_host_and_a_port(upstream, problems):
    [problem] = problems(GATEWAY + APP.replace("http://127.0.0.1:9000", upstream))
    assert "app[0].upstream: " in problem


@pytest.mark.parametrize("listen", ["127.0.0.1:8000", "0.0.0.0:8000", "localhost:8000", "[::]:8000"])
@pytest.mark.parametrize("upstream", ["http://127.0.0.1:8000", "http://localhost:8000"])
def test_an_app_is_not_where_the_gateway_listens_however_it_is_written(listen, upstream, problems):
    [problem] = problems(GATEWAY + f'listen = "{listen}"\n' + APP.replace("http://127.0.0.1:9000", upstream))
    assert problem.startswith("routes.toml:7: app[0].upstream: is where the gateway itself listens")


def test_an_app_may_have_the_same_port_at_another_address(problems):
    assert problems(GATEWAY + 'listen = "10.0.0.5:9000"\n' + APP) == []


def test_metrics_are_answered_nowhere_unless_an_address_is_written(settings):
    assert settings(GATEWAY + APP).admin is None
    assert settings(f"{GATEWAY}[admin]\n{APP}").admin is None
    assert settings(f'{GATEWAY}[admin]\nlisten = "[::1]:9100"\n{APP}').admin == ("::1", 9100)


@pytest.mark.parametrize(
    ("listen", "admin"),
    [
        ("127.0.0.1:8000", "127.0.0.1:8000"),
        ("0.0.0.0:8000", "127.0.0.1:8000"),
        ("10.0.0.5:8000", "0.0.0.0:8000"),
        ("localhost:8000", "127.0.0.1:8000"),
        ("[::]:8000", "[::1]:8000"),
    ],
)
def test_metrics_have_an_address_of_their_own_however_it_is_written(listen, admin, problems):
    [problem] = problems(f'{GATEWAY}listen = "{listen}"\n[admin]\nlisten = "{admin}"\n{APP}')
    assert problem == "routes.toml:6: admin.listen: is where gateway.listen is already; write another port"


def test_an_app_is_not_where_metrics_are_answered(problems):
    [problem] = problems(f'{GATEWAY}[admin]\nlisten = "127.0.0.1:9000"\n{APP}')
    assert problem == "routes.toml:8: app[0].upstream: is where the gateway itself listens; write where the app does"


def test_the_same_port_at_another_address_is_another_place(problems):
    assert problems(f'{GATEWAY}listen = "10.0.0.5:9100"\n[admin]\nlisten = "127.0.0.1:9100"\n{APP}') == []


def test_an_upstream_that_is_a_list_is_named(problems):
    [problem] = problems(GATEWAY + APP.replace('"http://127.0.0.1:9000"', '["http://127.0.0.1:9000"]'))
    assert "app[0].upstream: " in problem and "put it in quotes" in problem


def test_a_syntax_error_is_said_first_and_alone(problems):
    assert problems(f"{GATEWAY}unknown = 1\nlisten = \n{APP}") == [
        "routes.toml:5: Invalid value, at column 10; strings stand in quotes"
    ]


def test_a_key_said_twice_is_a_syntax_error(problems):
    [problem] = problems(GATEWAY + 'secret = "env:S"\n')
    assert problem.startswith("routes.toml:4: Cannot overwrite a value, at column 17; it is there already")


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("name = notes", "strings stand in quotes"),
        ('name = "notes', "a quote is not closed"),
        ('public = ["/a"\nname = "b"', "a list above is not closed"),
        ("[app.route]\nname = 1\n[[app.route]]", "has [one] and [[two]] brackets"),
    ],
)
def test_a_syntax_error_is_said_with_what_it_mostly_is(line, hint, problems):
    [problem] = problems(f"{GATEWAY}[[app]]\n{line}\n")
    assert problem.endswith(hint)


@pytest.mark.parametrize("text", ["", "# nothing\n"])
def test_an_empty_file_is_told_what_it_needs(text, problems):
    assert problems(text) == [
        "routes.toml:1: gateway: is missing; write for example [gateway]",
        "routes.toml:1: app: is missing; write for example [[app]]",
    ]


def test_one_bracket_too_few_is_recognised(problems):
    [problem] = problems(GATEWAY + '[app]\nname = "notes"\n')
    assert problem == "routes.toml:4: app: is a single table; write [[app]], with two brackets"


def test_a_file_that_is_not_there_is_said_to_be_so(tmp_path):
    missing = tmp_path / "none.toml"
    with pytest.raises(ConfigError) as error:
        load(missing, env=ENV)
    assert error.value.problems == [f"{missing}: No such file or directory; name your file with --config"]


def test_a_file_in_another_encoding_is_said_to_be_so(file):
    file.write_bytes(b"[gateway]\n# caf\xe9\n")
    assert check(file, env=ENV).problems == [f"{file}: is not UTF-8; save it as UTF-8"]


def test_a_file_with_a_byte_order_mark_and_windows_line_ends_is_read(file):
    file.write_bytes(b"\xef\xbb\xbf" + (GATEWAY + APP).replace("\n", "\r\n").encode())
    assert check(file, env=ENV).problems == []


def test_the_example_says_of_every_commented_key_what_its_default_is(tmp_path):
    """Uncommenting all keys of the documented example changes nothing."""
    text = (Path(__file__).parents[2] / "routes.toml").read_text().replace("file:gateway.secret", "env:S")
    said = []
    for line in text.splitlines():
        bare = line.strip().removeprefix("# ")
        commented = line.strip().startswith("# ") and bare.split(" ")[0] in KEYS_WITH_DEFAULTS
        said.append(bare if commented else line)
    plain, full = tmp_path / "plain.toml", tmp_path / "full.toml"
    plain.write_text(text)
    full.write_text("\n".join(said))
    assert full.read_text() != text
    before, after = load(plain, env=ENV), load(full, env=ENV)
    assert replace(after, keyring=before.keyring) == before


KEYS_WITH_DEFAULTS = {
    *("state", "directory", "trusted_proxies", "idle", "absolute", "max_age", "verify", "hold_max", "hold_for"),
    *("host", "signin", "inject", "user", "time", "methods", "once"),
}


@pytest.mark.parametrize(
    ("key", "address"),
    [
        ("state", "redis://cache.internal:6379/2"),
        ("state", "rediss://cache.internal"),
        ("state", "redis+sentinel://a:26379,b:26379/gateway"),
        ("state", "redis+cluster://a:7000,b:7000"),
        ("directory", "postgresql://gateway@db.internal/gateway?sslmode=verify-full"),
        ("directory", "postgresql://a:5432,[fd00::1]:5433,c/gateway?application_name=front&sslmode=require"),
        ("directory", "postgresql:///gateway?host=/run/postgresql"),
        ("directory", "postgresql://front@/gateway?host=/run/postgresql"),
    ],
)
def test_a_store_may_be_an_engine_elsewhere(settings, key, address):
    assert getattr(settings(f'{GATEWAY}{key} = "{address}"\n{APP}'), key) == address


def test_the_address_of_a_store_that_holds_a_password_is_read_from_elsewhere_and_never_shown(
    settings, problems, tmp_path
):
    (tmp_path / "state.url").write_text("redis://:hush@cache.internal\n")
    found = settings(f'{GATEWAY}state = "file:state.url"\n{APP}')
    assert found.state == "redis://:hush@cache.internal"
    (tmp_path / "state.url").write_text("mysql://:hush@cache.internal\n")
    [problem] = problems(f'{GATEWAY}state = "file:state.url"\n{APP}')
    assert 'gateway.state: "file:state.url" holds what names no store' in problem
    assert "hush" not in problem
    [problem] = problems(f'{GATEWAY}state = "redis://me:hush@cache.internal"\n{APP}')
    assert "hush" not in problem
    [problem] = problems(f'{GATEWAY}directory = "postgresql://h/gateway?password=hush"\n{APP}')
    assert "known are sslmode" in problem and "hush" not in problem


def test_postgres_is_another_name_for_postgresql(settings):
    assert settings(f'{GATEWAY}directory = "postgres://h/gateway"\n{APP}').directory == "postgresql://h/gateway"
