"""The command line as an operator uses it: what it prints, and its exit status."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gateway import cli
from tests.support.processes import free_port, launch

EXAMPLE = Path(__file__).parents[1] / "routes.toml"


@pytest.fixture
def gateway(tmp_path, monkeypatch, capsys):
    """Runs a command on a copy of the example; its exit status, and the lines on each stream."""
    (tmp_path / "gateway.secret").write_text("s" * 48)
    (tmp_path / "gateway.secret").chmod(0o600)
    (tmp_path / "routes.toml").write_text(EXAMPLE.read_text())
    monkeypatch.chdir(tmp_path)

    def run(*arguments, typed=()):
        answers = iter(typed)
        monkeypatch.setattr("getpass.getpass", lambda prompt: next(answers))
        try:
            status = cli.main(arguments)
        except SystemExit as end:
            status = end.code
        out, err = capsys.readouterr()
        return status, out.splitlines(), err.splitlines()

    return run


def test_a_good_file_is_said_to_be_good(gateway):
    assert gateway("check") == (0, ["routes.toml: good; 1 app, 9 routes"], [])


def test_every_problem_of_a_bad_file_is_printed(gateway, tmp_path):
    (tmp_path / "bad.toml").write_text("[gateway]\nlisten = 1\n")
    status, out, _ = gateway("check", "--config", "bad.toml")
    assert status == 2
    assert [line.split(": ")[:2] for line in out] == [
        ["bad.toml:1", "gateway.public_url"],
        ["bad.toml:1", "gateway.secret"],
        ["bad.toml:1", "app"],
        ["bad.toml:2", "gateway.listen"],
    ]


def test_warnings_are_printed_and_fail_nothing(gateway, tmp_path):
    (tmp_path / "gateway.secret").chmod(0o644)
    status, out, _ = gateway("check")
    assert status == 0
    assert out[0].startswith("warning: routes.toml:9: gateway.secret: ")


@pytest.mark.parametrize(
    "command", [["serve"], ["users", "list"], ["sessions", "list"], ["explain", "GET", "/"], ["demo"]]
)
def test_no_command_works_on_a_bad_file(command, gateway, tmp_path):
    (tmp_path / "bad.toml").write_text("[gateway]\nlisten = \n")
    status, out, err = gateway(*command, "--config", "bad.toml")
    assert (status, out, err) == (2, [], ["bad.toml:2: Invalid value, at column 10; strings stand in quotes"])


@pytest.mark.parametrize("arguments", [[], ["sit"], ["users"], ["users", "add"], ["serve", "--workers", "0"]])
def test_bad_usage_is_status_2(arguments, gateway):
    status, out, err = gateway(*arguments)
    assert (status, out) == (2, []) and err


@pytest.mark.parametrize("number", ["0", "65", "two"])
def test_a_number_of_workers_that_cannot_be_is_met_with_those_that_can(number, gateway):
    assert gateway("serve", "--workers", number)[2][-1].endswith(
        f'"{number}" is not a number of processes; write 1 to 64'
    )


def test_explain_says_what_matches_and_what_would_happen(gateway):
    status, out, _ = gateway("explain", "POST", "/account/email", "--form", "email=ada@example.com")
    assert status == 0
    assert out == [
        "POST /account/email  on app notes (http://localhost:8000)",
        "",
        "Routes that match",
        "  change-email: Change your e-mail address",
        "    ✓ path     /account/email",
        "    ✓ methods  POST; judged as POST",
        "      asks for   passkey, or totp, or password, in the last 5 minutes",
        "",
        "Somebody who",
        "  has not signed in                  asked to sign in",
        "  is signed in, proof too old        asked to confirm",
        "  is signed in, proved just now      passes",
    ]


def test_explain_shows_odd_readings_overridden_methods_and_near_misses(gateway):
    _, out, _ = gateway("explain", "POST", "/billing//help/%78?_method=GET")
    assert out[1:4] == ["may be read as", "    /billing/help/%78", "    /billing/help/x"]
    assert "is judged as GET and POST" in out
    assert "No route matches: it is not sensitive" in out
    assert out[out.index("Routes that match in part") + 1 :][:3] == [
        "  billing: Look at bills and payments",
        "    ✓ path    /billing/**, read as /billing/help/x",
        "    ✗ except  /billing/help/**",
    ]


def test_explain_speaks_json_to_programs(gateway):
    _, out, _ = gateway("explain", "GET", "http://localhost:8000/admin/x", "--header", "X-A: b", "--json")
    said = json.loads("\n".join(out))
    assert (said["app"], said["method"], said["readings"]) == ("notes", "GET", ["/admin/x"])
    assert [route["name"] for route in said["routes"] if route["matches"]] == ["admin"]
    assert said["outcomes"]["stale"] == "passes, and is logged: report mode asks nothing"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["GET", "http://elsewhere/"], "leads to no app here; the apps are at http://localhost:8000"),
        (["GET", "/%zz"], "percent-encoded"),
    ],
)
def test_explain_says_why_it_cannot(arguments, said, gateway):
    status, out, err = gateway("explain", *arguments)
    assert (status, out) == (1, []) and said in err[0]


def test_a_reader_that_has_seen_enough_meets_no_traceback(gateway, tmp_path):
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "gateway", "explain", "GET", "/"]
    done = subprocess.run(command, cwd=tmp_path, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize("option", [["--form", "x"], ["--header", "x"]])
def test_half_a_field_is_bad_usage(option, gateway):
    status, _, err = gateway("explain", "GET", "/", *option)
    assert status == 2 and '"x" has no' in err[-1]


def test_the_life_of_a_person(gateway):
    good = ["correct horse", "correct horse"]
    assert gateway("users", "list")[1] == ["nobody yet: gateway users add NAME"]
    assert gateway("users", "add", "Ada", typed=good) == (0, ["ada can sign in now"], [])
    assert gateway("users", "totp", "ada")[0] == 0
    today = time.strftime("%Y-%m-%d")
    assert gateway("users", "list")[1] == [
        "NAME  DISPLAY NAME  SINCE       HAS",
        f"ada   Ada           {today}  password, 1 authenticator",
    ]
    assert gateway("users", "disable", "ada")[1] == ["ada can no longer sign in; 0 sessions ended"]
    assert gateway("users", "list")[1][1].endswith("disabled")
    assert gateway("users", "enable", "ada")[1] == ["ada can sign in again"]
    assert gateway("users", "password", "ada", typed=good)[1] == ["ada has a new password; 0 sessions ended"]
    assert gateway("users", "delete", "ada")[1] == ["ada is deleted; 0 sessions ended"]


def test_an_answer_that_does_not_come_is_no_traceback(tmp_path, gateway):
    command = [sys.executable, "-m", "gateway", "users", "add", "ada"]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
    )
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, "gateway: nothing was typed")
    assert "Traceback" not in done.stderr


def test_an_authenticator_is_shown_as_a_code_to_scan_and_as_text(gateway):
    gateway("users", "add", "ada", typed=["correct horse"] * 2)
    _, out, _ = gateway("users", "totp", "ada")
    assert out[-2].startswith("otpauth://totp/notes:ada?secret=")
    assert any("█" in line for line in out)


def test_a_person_is_added_under_a_display_name_with_a_password_from_standard_input(gateway, monkeypatch, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "users", "add", "ada", "--display-name", "Ada L.", "--password-stdin"],
        input="correct horse\nrest\n",
        text=True,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(EXAMPLE.parent)},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "ada can sign in now\n", "")
    assert "Ada L." in gateway("users", "list")[1][1]
    assert b"correct horse" not in (tmp_path / "gateway.db").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "typed", "said"),
    [
        (["users", "add", "ada"], ["correct horse", "correct house"], "the two are not the same"),
        (["users", "add", "ada"], ["1234567"] * 2, "the password is too short"),
        (["users", "add", "ada.lovelace"], ["ada.lovelace"] * 2, "the password is the name"),
        (["users", "add", "ada"], ["x" * 2000] * 2, "the password is too long"),
        (["users", "add", "a b"], [], '"a b" cannot be a name'),
        (["users", "add", "ada", "--display-name", "\x1b[2J"], [], "control characters"),
        (["users", "add", "bob"], [], "bob is there already"),
        (["users", "password", "eve"], [], "there is no eve"),
        (["users", "disable", "eve"], [], "there is no eve"),
        (["users", "totp", "eve"], [], "there is no eve"),
        (["sessions", "list", "eve"], [], "there is no eve"),
        (["sessions", "revoke", "eve"], [], "there is no eve"),
    ],
)
def test_what_cannot_be_done_is_said_with_the_reason(arguments, typed, said, gateway):
    gateway("users", "add", "bob", typed=["battery staple"] * 2)
    status, out, err = gateway(*arguments, typed=typed)
    assert (status, out) == (1, []) and said in err[0]


def test_a_store_that_cannot_be_opened_fails_the_command(gateway, tmp_path):
    (tmp_path / "gateway.db").write_text("this is no database, whatever it is called")
    status, out, err = gateway("users", "list")
    assert (status, out) == (1, []) and "gateway.db" in err[0]


def test_the_demo_runs_and_leaves_nothing_behind(tmp_path):
    port, upstream = free_port(), free_port()
    text = EXAMPLE.read_text().replace("8000", str(port)).replace("9000", str(upstream))
    (tmp_path / "routes.toml").write_text(text)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    demo = launch([sys.executable, "-m", "gateway", "demo"], tmp_path, env={"TMPDIR": str(temporary)})
    try:
        assert f"http://localhost:{port}/.gateway/account" in until_printed(demo, "Ctrl-C")
        assert status_of(port, "/static/notes.css") == 200
        assert status_of(port, "/account/email") in (303, 401)
    finally:
        demo.signal(signal.SIGTERM)
        assert demo.process.wait(15) == 0
    assert list(temporary.iterdir()) == []
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", upstream)) != 0


def until_printed(program, words):
    deadline = time.monotonic() + 20
    while words not in program.output() and time.monotonic() < deadline:
        time.sleep(0.05)
    return program.output()


def status_of(port, path):
    """What a server answers, once it listens. Raises OSError if it never does."""
    for patience in range(100, -1, -1):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", path, headers={"Host": f"localhost:{port}"})
            return connection.getresponse().status
        except ConnectionRefusedError:
            if not patience:
                raise
            time.sleep(0.05)
        finally:
            connection.close()
    return 0
