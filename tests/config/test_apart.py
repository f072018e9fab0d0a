"""routes.toml read by another process: the same is found, and said, as here."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from gateway import processes
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


ways = pytest.mark.parametrize("read", [again, lambda file: Reading(file).report()], ids=["a new process", "a copy"])


@ways
@pytest.mark.parametrize("text", [GOOD, GOOD.replace("9000", "x").replace("admin/", "**/"), "[[", GOOD + "x = 1\n"])
def test_all_that_is_found_comes_over(file, text, read):
    file.write_text(text)
    here, there = check(file, env=os.environ), read(file)
    assert (there.problems, there.warnings, there.source) == (here.problems, here.warnings, None)
    if here.settings is None:
        with pytest.raises(ConfigError):
            there.good()
    else:
        assert replace(there.settings, keyring=here.settings.keyring) == here.settings
        assert there.settings.keyring.digest("use", b"x") == here.settings.keyring.digest("use", b"x")


@ways
def test_the_file_is_named_as_it_was_here(file, monkeypatch, read):
    monkeypatch.chdir(file.parent)
    file.write_text("[[")
    assert read(Path("routes.toml")).problems == check(Path("routes.toml"), env=os.environ).problems


@ways
def test_what_reading_raises_is_raised_here(file, read):
    file.write_text("deep = " + "[" * 100_000)
    with pytest.raises(RecursionError):
        read(file)


@ways
@pytest.mark.parametrize("status", [-9, 3, 0])
def test_a_reader_that_dies_has_read_nothing(file, monkeypatch, read, status):
    end = "os.kill(os.getpid(), 9)" if status < 0 else f"os._exit({status})"
    monkeypatch.setattr(processes, "CODE", f"import os; {end} # {{path}}")
    monkeypatch.setattr(apart, "answer", lambda path, to: exec(end))
    with pytest.raises(GatewayError, match=rf"routes\.toml is not read: .* status {status}$"):
        read(file)


def test_a_copy_that_stumbles_ends_and_does_not_go_on_as_this_process(file, monkeypatch):
    monkeypatch.setattr(apart, "answer", lambda path, to: sys.exit(0))
    with pytest.raises(GatewayError, match=r"status 1$"):
        Reading(file).report()


def test_a_new_process_takes_modules_from_where_this_one_has_them_and_from_nowhere_else(file, monkeypatch):
    (file.parent / "pydantic.py").write_text("raise SystemExit(7)\n")
    monkeypatch.chdir(file.parent)
    assert load(file).apps[0].name == "notes"
    monkeypatch.setattr(sys, "path", [str(file.parent), *sys.path])
    with pytest.raises(GatewayError, match=r"status 7$"):
        load(file)


def test_what_a_group_is_told_does_not_end_a_reader(file, monkeypatch):
    told = "import os; [os.kill(os.getpid(), number) for number in (15, 1, 2)]; "
    monkeypatch.setattr(processes, "CODE", told + processes.CODE)
    assert again(file).settings is not None
