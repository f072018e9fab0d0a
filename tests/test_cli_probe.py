"""`gateway probe`, against servers with login pages of all kinds: TOML to start from, or a reason why there is none."""

import threading
import tomllib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from gateway import cli
from gateway.cli_draft import MARKS
from gateway.config import presets
from gateway.config.load import check
from tests.support.ledger import ledger

NAME = '<input name="user"><input name="other" type="number">'
PASSWORD = '<input type="password" name="pass">'


@pytest.fixture(scope="module")
def running():
    """A server of pages that tests put there, as (status, content type, body, further fields)."""
    site = SimpleNamespace(pages={}, asked=[])

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            site.asked.append(self.command)
            status, kind, body, fields = site.pages.get(self.path, (404, "text/html", "", ()))
            self.send_response(status)
            for name, value in (("Content-Type", kind), ("Content-Length", str(len(body.encode()))), *fields):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        do_POST = do_PUT = do_GET

        def log_message(self, *_):
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    site.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield site
    server.shutdown()
    server.server_close()


@pytest.fixture
def site(running):
    running.pages.clear()
    running.asked.clear()
    yield running
    assert set(running.asked) <= {"GET"}


@pytest.fixture
def probe(capsys):
    """Runs it; the exit status, what it printed, and its errors."""

    def run(*arguments):
        try:
            status = cli.main(["probe", *arguments])
        except SystemExit as end:
            status = end.code
        out, err = capsys.readouterr()
        return status, out, err

    return run


@pytest.fixture
def drafted(site, probe):
    """The table that comes of a page at /login, and the comments around it."""

    def of(body, target="/login", **more):
        site.pages[target] = (200, "text/html", body, more.get("fields", ()))
        status, out, err = probe(site.url + target, *more.get("arguments", ()))
        assert status == 0, err
        [app] = tomllib.loads(out)["app"]
        return app, out

    return of


def form(inside, action="", method="post"):
    return f'<form method="{method}" action="{action}">{inside}</form>'


def test_what_is_printed_loads_once_it_stands_in_a_file(drafted, tmp_path):
    _, out = drafted(form(NAME + PASSWORD), fields=[("Set-Cookie", "sid=1; Path=/")])
    file = tmp_path / "routes.toml"
    file.write_text(f'[gateway]\npublic_url = "http://localhost:8000"\nsecret = "env:S"\n{out}')
    report = check(file, env={"S": "s" * 32})
    assert report.problems == []
    [app] = report.settings.apps
    assert (app.login.page, app.login.request.path, app.login.username) == ("/login", "/login", "user")


def test_a_real_login_page_is_described(probe):
    with ledger() as book:
        status, out, err = probe(f"{book.url}/me?a=b")
        assert (status, err) == (0, "GET /me?…: 302 to /login\nGET /login: 200\n")
        assert book.requests == ["GET /me?a=b -", "GET /login -"]
    [app] = tomllib.loads(out)["app"]
    assert app == {
        "name": "app",
        "upstream": book.url,
        "signin": "app",
        "login": {
            "page": "/login",
            "path": "/login",
            "username": "user",
            "password": "pass",
            "cookies": ["sid"],
            "success": {"redirect_not": "/login"},
        },
    }
    assert "# Hidden fields that are tokens, and are carried along: csrf\n" in out
    assert not any(token in out for token in book.tokens.values())


def test_a_form_is_sent_where_it_says_with_what_its_address_says(drafted):
    action = "/app//in%20side.php?do=login&amp;csrf=login&amp;id=start&amp;next=/login"
    login = drafted(form(NAME + PASSWORD, action))[0]["login"]
    assert (login["path"], login["query"]) == ("/app/in side.php", {"do": "login"})


def test_a_page_of_a_front_controller_is_no_place_to_tell_success_by(drafted):
    hidden = '<input type="hidden" name="do" value="login"><input type="hidden" name="id" value="start">'
    app, out = drafted(form(NAME + PASSWORD + hidden, "/wiki.php?id=start"), target="/wiki.php?id=start&do=login")
    assert app["login"]["page"] == "/wiki.php?id=start&do=login"
    assert (app["login"]["form"], "query" in app["login"]) == ({"do": "login"}, False)
    assert app["login"]["success"] == {"status": 302} and "no evidence" in out
    app, _ = drafted(form(NAME + PASSWORD, "/index.php"), target="/")
    assert app["login"]["success"] == {"status": 302}


def test_a_form_with_a_password_alone_has_an_owner(drafted):
    app, out = drafted(form(PASSWORD))
    assert "username" not in app["login"] and "whoever knows the password is the owner" in out


def test_of_several_fields_the_one_that_is_called_so_is_the_name(drafted):
    fields = '<input name="realm"><input type="email" name="mail"><input name="hint">'
    assert drafted(form(fields + PASSWORD))[0]["login"]["username"] == "mail"


def test_a_page_that_sets_no_cookie_leaves_them_to_be_filled_in(drafted):
    app, out = drafted(form(NAME + PASSWORD))
    assert app["login"]["cookies"] == [] and "to be filled in: the page set none" in out


def test_remembering_people_fixed_fields_and_captchas_are_pointed_out(drafted):
    fields = '<input type="hidden" name="do" value="it"><input type="checkbox" name="rememberme">'
    _, out = drafted(form(NAME + PASSWORD + fields) + '<div class="h-captcha"></div>')
    assert "It offers to remember people (rememberme)" in out
    assert "# Other hidden fields, by which `form = { … }` could tell a sign-in: do" in out
    assert "# The page asks people to solve something (a captcha)." in out


def test_a_form_that_is_sent_by_get_is_described_so(drafted):
    app, out = drafted(form(NAME + PASSWORD, method="get"))
    assert app["login"]["methods"] == ["GET"] and "the password stands in the address" in out


def test_a_page_cannot_write_into_the_file(drafted):
    evil = "a&quot;]&#10;[x]&#10;#\x1b[2J"
    fields = f'<input name="user{evil}"><input type="hidden" name="h{evil}" value="1">{PASSWORD}'
    app, out = drafted(form(fields), fields=[("Set-Cookie", 'si"d\\=1')])
    assert set(app) == {"name", "upstream", "signin", "login"} and "\x1b" not in out
    assert app["login"]["username"] == 'usera"]\n[x]\n#\x1b[2J'


TWO = form(NAME + PASSWORD, "/in") + form('<input name="mail">' + PASSWORD, "/other?x=y")


def test_of_several_forms_one_has_to_be_said(site, probe, drafted):
    site.pages["/login"] = (200, "text/html", TWO, ())
    status, out, err = probe(site.url + "/login")
    assert (status, out) == (1, "")
    assert err.splitlines()[1:] == [
        "gateway: there are several forms with a password; say which, with --form:",
        f"  1: POST {site.url}/in, user, pass",
        f"  2: POST {site.url}/other, mail, pass",
    ]
    assert drafted(TWO, arguments=["--form", "2"])[0]["login"]["path"] == "/other"
    assert "there is no form 3" in probe(site.url + "/login", "--form", "3")[2]


def test_a_form_for_a_new_account_is_not_taken_for_the_sign_in(drafted):
    new = form(f'<input name="new">{PASSWORD}<input type="password" name="again">', "/new")
    assert drafted(new + form(NAME + PASSWORD, "/in"))[0]["login"]["path"] == "/in"


HTML = "text/html; charset=utf-8"
NOTHING = [
    ((404, HTML, "", ()), "the app answers 404 there"),
    ((401, HTML, "", [("WWW-Authenticate", "Basic")]), "the browser itself asks for name and password there"),
    ((200, "application/json", "{}", ()), "that is no page of HTML, but application/json"),
    ((200, HTML, '<div id="root"></div><script src="/app.js"></script>', ()), "its sign-in is made by JavaScript"),
    ((200, HTML, form(NAME), ()), "it asks for the name first"),
    ((200, HTML, "<p>Hello</p>", ()), "there is no form with a password on that page"),
    ((200, HTML, '<a href="/users/sign_in">x</a>', ()), "its links may lead to one: /users/sign_in"),
    ((200, HTML, form(PASSWORD * 2), ()), "the form asks for a password twice"),
    (
        (200, HTML, form(PASSWORD, "https://sso.example/in?secret"), ()),
        "the form is sent to https://sso.example/in,",
    ),
    ((302, HTML, "", [("Location", "https://sso.example/")]), "the page leads elsewhere, as told above"),
    ((302, HTML, "", [("Location", "/login")]), "the page leads elsewhere, as told above"),
]


@pytest.mark.parametrize(("page", "said"), NOTHING, ids=[said for _, said in NOTHING])
def test_where_there_is_nothing_to_describe_the_reason_is_said(page, said, site, probe):
    site.pages["/login"] = page
    status, out, err = probe(site.url + "/login")
    last = err.splitlines()[-1]
    assert (status, out) == (1, "") and last.startswith("gateway: ") and said in last
    assert "Traceback" not in err and "secret" not in err


def test_a_server_that_is_not_there_is_said_to_be_so(probe):
    status, out, err = probe("http://127.0.0.1:1/login")
    assert (status, out) == (1, "") and err == "gateway: no connection to http://127.0.0.1:1\n"


@pytest.mark.parametrize("url", ["127.0.0.1/login", "ftp://h/", "http://", "http://ada:pw1@h/", "http://h:x/"])
def test_what_is_no_address_is_bad_usage(url, probe):
    status, out, err = probe(url)
    assert (status, out) == (2, "") and "is not an address; write for example" in err
    assert "pw1" not in err


def test_every_preset_has_a_mark_to_be_recognised_by():
    assert set(presets.names()) <= set(MARKS)


def test_an_app_that_is_known_is_recognised_wherever_it_is(drafted):
    wiki = form('<input type="hidden" name="do" value="login"><input name="u"><input type="password" name="p">')
    app, out = drafted(f"<title>DokuWiki</title>{wiki}", target="/a%20b/wiki/doku.php?do=login")
    assert (app["preset"], app["base"], "login" in app) == ("dokuwiki", "/a b/wiki", False)
    office = form('<input name="username"><input type="password" name="password">')
    assert drafted(f"Django administration{office}", target="/login/")[0]["base"] == "/"
    assert "base" not in drafted(f"Django administration{office}", target="/admin/login/")[0]
    app, out = drafted(f"<title>DokuWiki</title>{wiki}", target="/start?do=login")
    assert "preset" not in app and 'try preset = "dokuwiki"' in out
    app, out = drafted(f"<title>Mine</title>{wiki}", target="/wiki/doku.php?do=login")
    assert "preset" not in app and "preset" not in out
