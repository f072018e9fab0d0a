"""routes.toml read by another process: the same is found, and said, as here."""

import os
import sys
from dataclasses import replace

import pytest

from gateway.config import apart
from gateway.config.apart import Reading, again, load
from gateway.config.load import check
from gateway.errors import ConfigError, GatewayError

GOOD = """\
[gateway]
public_url = "http://notes.example.com"
secret = "env:APART"
[[app]]
name = "notes"
upstream = "http://127.0.0.1:9000"
signin = "app"
preset = "dokuwiki"
  [[app.route]]
  name = "admin"
  action = "Open it"
  path = "/admin/**"
  form = { a = ["b", "c"] }
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setenv("APART", "s" * 32)
    written = tmp_path / "routes.toml"
    written.write_text(GOOD)
    return written


@pytest.mark.parametrize("text", [GOOD, GOOD.replace("9000", "x").replace("admin/", "**/"), "[[", GOOD + "x = 1\n"])
def test_all_that_is_found_comes_over(file, text):
    file.write_text(text)
    here, there = check(file, env=os.environ), again(file)
    assert (there.problems, there.warnings, there.source) == (here.problems, here.warnings, None)
    if here.settings is None:
        assert there.settings is None
        with pytest.raises(ConfigError):
            load(file)
    else:
        assert replace(there.settings, keyring=here.settings.keyring) == here.settings
        assert there.settings.keyring.digest("use", b"x") == here.settings.keyring.digest("use", b"x")


def test_the_file_is_named_as_it_was_here(file, monkeypatch):
    monkeypatch.chdir(file.parent)
    file.write_text("[[")
    assert again(type(file)("routes.toml")).problems == check(type(file)("routes.toml"), env=os.environ).problems


def test_what_reading_raises_is_raised_here(file):
    file.write_text("deep = " + "[" * 100_000)
    with pytest.raises(RecursionError):
        again(file)


@pytest.mark.parametrize(("does", "status"), [("os.kill(os.getpid(), signal.SIGKILL)", -9), ("", 0)])
def test_a_reader_that_dies_has_read_nothing(file, monkeypatch, does, status):
    monkeypatch.setattr(apart, "CODE", f"import os, signal; {does} # {{path}}")
    with pytest.raises(GatewayError, match=rf"routes\.toml is not read: .* status {status}$"):
        load(file)


def test_it_takes_modules_from_where_this_process_has_them_and_from_nowhere_else(file, monkeypatch):
    (file.parent / "pydantic.py").write_text("raise SystemExit(7)\n")
    monkeypatch.chdir(file.parent)
    assert Reading(file).report().problems == []
    monkeypatch.setattr(sys, "path", [str(file.parent), *sys.path])
    with pytest.raises(GatewayError, match=r"status 7$"):
        Reading(file).report()
