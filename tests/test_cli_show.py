"""`gateway check --show`: what it prints means the same as the file, and says who wrote what."""

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from gateway import cli
from gateway.config import presets
from gateway.config.load import load

SECRET = "a secret that nobody else may ever see"
ENV = {"S": SECRET, "OLD": SECRET[::-1]}
GATEWAY = '[gateway]\npublic_url = "http://localhost:8000"\nsecret = "env:S"\n'
APP = '[[app]]\nname = "wiki"\nupstream = "http://127.0.0.1:9000"\n'
EVERYTHING = """\
[gateway]
listen = "[::1]:8443"
public_url = "https://gate.example:8443"
state = "sqlite:own-state.db"
directory = "sqlite:own.db"
secret = ["file:gateway.secret", "env:OLD"]
trusted_proxies = ["10.0.0.7", "10.1.0.0/24"]
drain = "90s"
[admin]
listen = "[::1]:9100"
[limits]
target = "8KiB"
head = "48KiB"
fields = 99
head_within = "7s"
read_within = "2m"
pause = "31s"
inspect = "2MiB"
connections = 5000
websockets = 6
held_requests = 7
held_session = "9MB"
held_total = "1GiB"
hashing = 2
hashing_waiting = 9
[session]
idle = "90s"
absolute = "36h"
[stepup]
max_age = "7m"
verify = ["totp", ["password", "passkey"]]
hold_max = "1GB"
hold_for = "1h"
[[app]]
name = "one"
host = "gate.example"
upstream = "https://10.0.0.9"
signin = "app"
inject = true
  [app.headers]
  user = "Remote-User"
  [app.timeouts]
  connect = "2s"
  first_byte = "5m"
  idle = "90s"
  [app.stepup]
  hold_max = "1500B"
  [app.login]
  page = "/in?a=%20"
  path = "/in/{x}"
  methods = ["PUT", "POST"]
  except = "/in/out"
  username = "us\\"er"
  password = "pa'ss"
  cookies = ["sid", "keep_*"]
  json = { a = ["1", "2"] }
  locked = ["Too \\t many", "Tab\\u007f"]
  captcha = "Type 'it' \\"in\\""
  [app.login.success]
  status = [302, 303]
  redirect = "/home/**"
  redirect_not = ["/in", "/out"]
  cookie = "sid"
  body = "Wel\\ncome \\\\ é"
  body_not = "Wrong"
  [app.login.logout]
  path = "/out"
  header = { "X-Requested-With" = "*" }
  [app.login.whoami]
  path = "/me"
  pattern = "<b>{user}</b>"
  [[app.route]]
  name = "r"
  action = "Do \\"it\\""
  methods = "POST"
  path = "/r/**"
  except = ["/r/a-rather-long-path-in-this-place", "/r/another-rather-long-path-in-this-place", "/r/a/third/one"]
  query = { "a b" = "x" }
  form = { c = "*" }
  show = ["a", "b"]
  max_age = "0s"
  verify = ["passkey"]
  hold_max = "0B"
  hold_for = "1s"
  once = true
  mode = "report"
[[app]]
name = "two"
host = "two.example"
upstream = "http://127.0.0.1:9001"
public = ["/static/**"]
"""
EXAMPLE = (Path(__file__).parents[1] / "routes.toml").read_text().replace("file:gateway.secret", "env:S")


@pytest.fixture
def show(tmp_path, monkeypatch, capsys):
    """Runs it on a text; what it printed, its errors, and the settings of both."""
    for name, value in ENV.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "gateway.secret").write_text(SECRET)
    monkeypatch.chdir(tmp_path)

    def of(text):
        Path("routes.toml").write_text(text)
        assert cli.main(["check", "--show"]) == 0
        out, err = capsys.readouterr()
        Path("shown").mkdir(exist_ok=True)
        Path("shown/routes.toml").write_text(out)
        before, after = load(Path("routes.toml"), env=ENV), load(Path("shown/routes.toml"), env=ENV)
        assert before.keyring.keys("x") == after.keyring.keys("x")
        return out, err, before, replace(after, keyring=before.keyring)

    return of


TEXTS = {
    "shortest": GATEWAY + APP,
    "example": EXAMPLE,
    "everything": EVERYTHING,
    **{name: f'{GATEWAY}{APP}preset = "{name}"\n' for name in presets.names()},
    **{f"{name} below": f'{GATEWAY}{APP}preset = "{name}"\nbase = "/a b"\n' for name in presets.names()},
    "local": f'{GATEWAY}{APP}preset = "{presets.names()[0]}"\nsignin = "local"\n',
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_what_is_shown_means_the_same_as_what_was_written(text, show):
    out, _, before, after = show(text)
    assert after == before
    assert "preset" not in tomllib.loads(out)["app"][0]
    assert SECRET not in out and SECRET[::-1] not in out


@pytest.mark.parametrize("text", [GATEWAY + APP, EVERYTHING])
def test_what_was_shown_is_shown_alike(text, show):
    once = show(text)[0]
    twice = show(once)[0]
    assert [line.partition("#")[0].rstrip() for line in once.splitlines()] == [
        line.partition("#")[0].rstrip() for line in twice.splitlines()
    ]


def test_each_key_says_who_wrote_it(show):
    text = f'{GATEWAY}[stepup]\nhold_for = "20m"\n{APP}preset = "dokuwiki"\nbase = "/wiki"\n'
    lines = show(text + '[app.login]\ncookies = "DW*"\n[[app.route]]\nname = "x"\naction = "X"\npath = "/x"\n')[0]
    said = {line.split("=")[0].strip(): line for line in lines.splitlines() if " = " in line}
    assert "#" not in said["upstream"] + said["cookies"] + said["public_url"]
    assert said["listen"].endswith("# default") and said["inject"].endswith("# default")
    assert said["signin"].endswith("# preset") and said["success"].endswith("# preset")
    assert said["hold_for"].endswith("# from [stepup]")
    assert '# preset "dokuwiki" is written out here, for an app at "/wiki"' in lines
    headings = [line.strip() for line in lines.splitlines() if "[[app.route]]" in line]
    assert headings[0] == "[[app.route]]" and set(headings[1:]) == {"[[app.route]]  # preset"}


def test_warnings_are_no_part_of_it(show):
    out, err, _, _ = show(EVERYTHING)
    assert "warning: routes.toml:" in err and "warning:" not in out


def test_a_bad_file_is_not_shown(tmp_path, capsys):
    file = tmp_path / "routes.toml"
    file.write_text("[gateway]\n")
    assert cli.main(["check", "--show", "--config", str(file)]) == 2
    assert all(line.startswith(str(file)) for line in capsys.readouterr().out.splitlines())
