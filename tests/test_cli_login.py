"""`gateway login-test`, against an app with a login of its own: every step is told, and nothing that is secret."""

import io

import pytest

from gateway import cli
from tests.support.ledger import LOGIN, ROUTES, WHOAMI, ledger

GATEWAY = '[gateway]\npublic_url = "http://localhost:8000"\nsecret = "env:S"\n'
PASSWORD = "ann-own-pw1"
ARGUMENTS = ("--username", "ann")


@pytest.fixture(scope="module")
def running():
    with ledger() as book:
        yield book


@pytest.fixture
def book(running):
    """The app, as it was."""
    before = dict(vars(running))
    yield running
    vars(running).update(before)


@pytest.fixture
def login_test(book, tmp_path, monkeypatch, capsys):
    """Runs it; the exit status and the lines on each stream."""
    monkeypatch.setenv("S", "s" * 40)

    def run(*arguments, login=LOGIN + WHOAMI, password=PASSWORD, more="", upstream=book.url, stdin=True):
        app = f'[[app]]\nname = "books"\nhost = "localhost"\nupstream = "{upstream}"\nsignin = "app"\n'
        file = tmp_path / "routes.toml"
        file.write_text(f"{GATEWAY}{app}{login}{ROUTES}{more}")
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{password}\nnext line\n"))
        try:
            status = cli.main(["login-test", "--config", str(file), *["--password-stdin"] * stdin, *arguments])
        except SystemExit as end:
            status = end.code
        out, err = capsys.readouterr()
        assert PASSWORD not in out + err
        return status, out.splitlines(), err.splitlines()

    return run


def test_each_step_of_a_sign_in_that_works_is_told(login_test, book):
    assert login_test(*ARGUMENTS) == (
        0,
        [
            "  before signing in: GET /me: nobody",
            "  GET /login: 200, a form with 3 fields",
            "  POST /login: 302 to /",
            "  who am I: GET /me: 200, ann",
            "  cookies in login.cookies: sid; others: none",
            "  GET /: 200",
            "  signed out by POST /logout: 302 to /login",
            "",
            'Signed in as "ann": to the gateway that is books:ann.',
        ],
        [],
    )
    assert "ann" not in book.sessions.values()


FAILURES = [
    ("locked", "Not signed in (app-locked).", "The app takes no more tries for now."),
    ("captcha", "Not signed in (app-captcha).", "The app wants a person to solve something first"),
    ("changed", "Not signed in (app-changed).", "The app's sign-in is not what the configuration says."),
    ("down", "Not signed in (app-down).", "The app did not answer, or said that it failed."),
]


@pytest.mark.parametrize(("switch", "verdict", "advice"), FAILURES)
def test_what_kept_it_from_working_is_told_apart(switch, verdict, advice, login_test, book):
    setattr(book, switch, True)
    status, out, _ = login_test(*ARGUMENTS)
    assert (status, out[out.index("") + 1]) == (1, verdict)
    assert out[out.index("") + 2].startswith(advice)


def test_an_app_that_is_not_there_is_said_to_be_down(login_test):
    status, out, _ = login_test(*ARGUMENTS, upstream="http://127.0.0.1:1")
    assert status == 1 and out[-2:-1] == ["Not signed in (app-down)."] and "http://127.0.0.1:1" in out[-1]


def test_a_wrong_password_is_told_with_what_was_expected_of_a_right_one(login_test):
    status, out, _ = login_test(*ARGUMENTS, password="no-such-pw")
    assert status == 1
    assert out[-3:] == [
        "Not signed in (wrong).",
        "The app says that name and password do not go together.",
        "If they do, login.success does not recognise it. It expects: a redirect, but not to /login.",
    ]
    assert "no-such-pw" not in "".join(out)


def test_another_form_than_described_names_the_keys_to_look_at(login_test):
    _, out, _ = login_test(*ARGUMENTS, login=(LOGIN + WHOAMI).replace('"pass"', '"passwd"'))
    assert "  GET /login: 200, no form with 'passwd' and 'user' that is sent to this app" in out
    assert "  the fields of the form   login.username, login.password    user, passwd" in out


def test_a_name_that_the_app_says_otherwise_is_warned_of(login_test):
    other = 'whoami = { path = "/me", pattern = "<body>{user} in as" }\n'
    status, out, _ = login_test(*ARGUMENTS, login=LOGIN + other)
    assert status == 0
    assert out[-3] == 'Signed in as "Signed": to the gateway that is books:Signed.'
    assert out[-2].startswith('The app calls "ann" so. If that is a name people can choose')


def test_a_page_that_names_somebody_before_anybody_signed_in_fails(login_test):
    everybody = 'whoami = { path = "/login", pattern = "<title>{user}</title>" }\n'
    status, out, _ = login_test(*ARGUMENTS, login=LOGIN + everybody)
    assert (status, out[0]) == (1, "  before signing in: GET /login: Ledger")
    assert out[-3] == "That is not enough:"
    assert out[-2].startswith('Who has not signed in is taken for "Ledger"')


def test_cookies_that_are_not_in_the_configuration_fail(login_test):
    status, out, _ = login_test(*ARGUMENTS, login=(LOGIN + WHOAMI).replace('"sid"', '"session"'))
    assert (status, out[-2]) == (1, "That is not enough:")
    assert out[-1] == "The app sets no cookie of login.cookies, by which the gateway tells whose session it is."
    assert "  cookies in login.cookies: none; others: sid" in out


def test_a_cookie_that_is_enough_to_be_somebody_has_to_be_in_the_configuration(login_test, book):
    book.remembers = True
    assert login_test(*ARGUMENTS)[0] == 0
    status, out, _ = login_test(*ARGUMENTS, login=(LOGIN + WHOAMI).replace(', "remember_*"', ""))
    assert (status, out[-3]) == (1, "That is not enough:")
    assert "  who am I, by those in login.cookies alone: ann; by the others: ann" in out
    assert out[-2].startswith("The app knows people by remember_me alone, which is not in login.cookies")


def test_an_app_that_cannot_be_asked_leaves_the_cookies_to_the_operator(login_test, book):
    book.remembers = True
    status, out, _ = login_test(*ARGUMENTS, login=LOGIN.replace(', "remember_*"', ""))
    assert status == 0 and any("without login.whoami make sure yourself" in line for line in out)


def test_a_form_that_is_sent_elsewhere_than_described_fails(login_test):
    status, out, _ = login_test(*ARGUMENTS, login=(LOGIN + WHOAMI).replace('path = "/login"', 'path = "/signin"'))
    assert (status, out[-1]) == (1, "The gateway would not see people sign in: the note above says why.")
    assert "  note: POST /login is not the sign-in that the configuration describes" in out


def test_an_app_without_whoami_takes_the_name_that_was_typed(login_test):
    status, out, _ = login_test(*ARGUMENTS, login=LOGIN)
    assert (status, out[-2]) == (0, 'Signed in as "ann": to the gateway that is books:ann.')
    assert out[-1].startswith("No login.whoami: ")


def test_name_and_password_are_asked_for(login_test, monkeypatch):
    monkeypatch.setattr("builtins.input", {"User name: ": "ann"}.__getitem__)
    monkeypatch.setattr("getpass.getpass", {"Password on books: ": PASSWORD}.__getitem__)
    assert login_test(stdin=False)[0] == 0


SECOND = '[[app]]\nname = "{name}"\nhost = "two.localhost"\nupstream = "http://127.0.0.1:9"\n'


@pytest.mark.parametrize(
    ("arguments", "more", "said"),
    [
        (["--app", "boks"], "", 'there is no app "boks"; those that keep their own login: books'),
        (["--app", "two"], SECOND.format(name="two"), 'people sign in to "two" by the gateway\'s own directory'),
        ([], SECOND.format(name="two") + f'signin = "app"\n{LOGIN}', "name one with --app: books, two"),
    ],
)
def test_an_app_that_cannot_be_tried_is_bad_usage(arguments, more, said, login_test):
    status, out, err = login_test(*ARGUMENTS, *arguments, more=more)
    assert (status, out) == (2, []) and said in err[0]


def test_of_several_apps_the_one_that_is_named_is_tried(login_test):
    more = SECOND.format(name="two") + f'signin = "app"\n{LOGIN}'
    assert login_test(*ARGUMENTS, "--app", "books", more=more)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "password", "said"), [(["--username", ""], PASSWORD, "no user name"), (ARGUMENTS, "", "no password")]
)
def test_nothing_typed_is_nothing_sent(arguments, password, said, login_test, book):
    before = len(book.requests)
    status, out, err = login_test(*arguments, password=password)
    assert (status, out, len(book.requests)) == (1, [], before) and said in err[0]


def test_the_password_has_no_place_on_the_command_line(login_test):
    assert login_test("--password", PASSWORD.replace("own", "any"))[0] == 2
