"""Warnings: what `check` says of a file that works and is probably not meant so."""

import os

import pytest

from gateway.config.load import check
from tests.support.cost import cost

QUIET = """\
[gateway]
public_url = "http://localhost:8000"
secret = "file:secret"
[[app]]
name = "notes"
upstream = "http://127.0.0.1:9000"
[[app.route]]
name = "delete"
action = "Delete it"
path = "/account/delete"
"""
PUBLIC = 'public_url = "http://localhost:8000"'
UPSTREAM = 'upstream = "http://127.0.0.1:9000"'
PATH = 'path = "/account/delete"'


@pytest.fixture
def warnings(tmp_path):
    """What is said about QUIET with one piece of it replaced."""
    (tmp_path / "secret").write_text("s" * 32)
    (tmp_path / "secret").chmod(0o600)

    def of(old="", new=""):
        file = tmp_path / "routes.toml"
        file.write_text(QUIET.replace(old, new))
        report = check(file, env={})
        assert report.problems == []
        return [line.removeprefix(f"{tmp_path}/") for line in report.warnings]

    return of


def test_a_sensible_file_is_met_with_silence(warnings):
    assert warnings() == []


ELSEWHERE = 'directory = "postgresql://127.0.0.1,db.internal:5433/gateway'
SURE = 'directory = "postgresql://db.internal/gateway?application_name=x&sslmode=verify-full"'
HERE = 'directory = "postgresql://127.0.0.1:5432,[::1],localhost/gateway"'


@pytest.mark.parametrize("directory", [HERE, SURE, 'directory = "postgresql:///gateway?host=/run/postgresql"'])
def test_a_directory_that_is_known_for_certain_is_met_with_silence(warnings, directory):
    assert warnings(PUBLIC, f"{PUBLIC}\n{directory}") == []


@pytest.mark.parametrize("state", ["redis://127.0.0.1", "redis://[::1]", "redis+cluster://localhost", "rediss://h"])
def test_a_state_elsewhere_is_met_with_silence_where_nobody_can_listen(state, warnings):
    assert warnings(PUBLIC, f'{PUBLIC}\nstate = "{state}"') == []


ADVICE = [
    (
        PUBLIC,
        f'{PUBLIC}\n{ELSEWHERE}"',
        "routes.toml:3: gateway.directory: is elsewhere, and nobody makes sure of whom",
    ),
    (PUBLIC, f'{PUBLIC}\n{ELSEWHERE}?sslmode=require"', "gateway.directory: is elsewhere"),
    (PUBLIC, 'public_url = "http://notes.example"', "routes.toml:2: gateway.public_url: is not https"),
    (PUBLIC, 'public_url = "https://notes.example"', "gateway.trusted_proxies: is empty, and something in front must"),
    (PUBLIC, PUBLIC + '\ntrusted_proxies = ["::/0"]', "gateway.trusted_proxies: believes everybody"),
    (PUBLIC, PUBLIC + '\nstate = "redis://10.0.0.5"', "gateway.state: is not on this machine, and not encrypted"),
    (PUBLIC, PUBLIC + '\nstate = "redis+cluster://localhost,h"', "gateway.state: is not on this machine, and not encr"),
    (PATH, f'{PATH}\n[admin]\nlisten = "0.0.0.0:9100"', "routes.toml:12: admin.listen: is open to other machines"),
    (UPSTREAM, UPSTREAM + '\nhost = "other.localhost"', "gateway.public_url: names a host that no app has"),
    (UPSTREAM, 'upstream = "http://10.0.0.5:80"', "routes.toml:6: app[0].upstream: is not on this machine"),
    (UPSTREAM, UPSTREAM + '\npublic = ["/account/**"]', 'route[0].path: is partly inside public "/account/**"'),
    (PATH, PATH + '\nmethods = ["PSOT"]', '.methods: "PSOT" is not one of the usual methods; did you mean "POST"?'),
    (PATH, PATH + '\nmethods = ["REPORT"]', '.methods: "REPORT" is not one of the usual methods'),
    (PATH, PATH + '\nmax_age = "7d"', ".max_age: is never reached: a session ends after 1 day"),
    (PATH, PATH + '\nexcept = ["/account/**"]', "routes.toml:7: app[0].route[0]: "),
]


@pytest.mark.parametrize(("old", "new", "said"), ADVICE)
def test_what_is_probably_not_meant_is_said(old, new, said, warnings):
    assert [line for line in warnings(old, new) if said in line]


def test_what_is_public_around_many_routes_is_said_once(warnings):
    more = "".join(QUIET[QUIET.index("[[app.route]]") :].replace('"delete"', f'"r{n}"') for n in range(3))
    found = warnings(
        QUIET, QUIET.replace(UPSTREAM, UPSTREAM + '\npublic = ["/x", "/**"]') + more.replace("/acc", "/a/acc")
    )
    [line] = [line for line in found if "public" in line]
    assert line == 'routes.toml:7: app[0].public[1]: "/**" takes in 4 routes; they win there, and people must sign in'


def test_an_app_without_routes_is_said_to_have_nothing_sensitive(warnings):
    [line] = warnings(QUIET[QUIET.index("[[app.route]]") :], "")
    assert "app[0]: has no [[app.route]]" in line


def test_thousands_of_routes_beside_a_public_path_are_looked_at_once(warnings):
    more = "".join(
        f'\n[[app.route]]\nname = "r{number}"\naction = "Do it"\npath = "/r/{number}/**"' for number in range(2000)
    )
    text = QUIET.replace(UPSTREAM, f'{UPSTREAM}\npublic = ["/open/**"]').replace(PATH, PATH + more)
    assert warnings(QUIET, text) == []
    assert cost(lambda: warnings(QUIET, text), enough=5, runs=2) <= 5  # to look at each pair takes half a minute


@pytest.mark.parametrize(
    ("public_url", "verify", "satisfiable"),
    [
        ("http://127.0.0.1:8000", '["passkey"]', False),
        ("http://127.0.0.1:8000", '["passkey", "totp"]', True),
        ("http://127.0.0.1:8000", '[["passkey", "totp"]]', False),
        ("https://192.0.2.1", '["passkey"]', False),
        ("https://notes.example", '["passkey"]', True),
        ("http://notes.example", '["passkey"]', False),
        ("http://localhost:8000", '["passkey"]', True),
    ],
)
def test_a_route_that_only_a_passkey_satisfies_needs_a_place_where_passkeys_work(
    public_url, verify, satisfiable, warnings
):
    found = warnings(f'{PUBLIC}\nsecret = "file:secret"', f'public_url = "{public_url}"\nsecret = "file:secret"')
    assert not any("passkey, and" in line for line in found)
    found = warnings(QUIET, QUIET.replace(PUBLIC, f'public_url = "{public_url}"') + f"verify = {verify}\n")
    assert any("can never be satisfied" in line for line in found) is not satisfiable


@pytest.mark.parametrize(
    ("verify", "warned"),
    [('["passkey"]', True), ('[["passkey", "password"]]', True), ('["passkey", "password"]', False)],
)
def test_an_account_page_where_nobody_could_add_the_first_passkey_is_said_to_be_so(verify, warned, warnings):
    found = warnings(QUIET, f"{QUIET}[app.stepup]\nverify = {verify}\n")
    assert any("routes.toml:4: app[0]: asks for a passkey on its account page" in line for line in found) is warned


def test_a_secret_that_others_can_read_is_said_to_be_so(warnings, tmp_path):
    (tmp_path / "secret").chmod(0o644)
    assert warnings() == [f"routes.toml:3: gateway.secret: {tmp_path}/secret can be read by others; chmod 600 it"]


def test_a_folder_where_everybody_may_write_is_no_place_for_a_store(warnings, tmp_path):
    os.mkdir(tmp_path / "open")
    os.chmod(tmp_path / "open", 0o777)
    [line] = warnings(PUBLIC, PUBLIC + '\nstate = "sqlite:open/state.db"')
    assert f"gateway.state: is in {tmp_path}/open, where everybody may write" in line
