"""Limits as they are written: what they mean, what is no limit, and what is probably not meant."""

import os
from pathlib import Path

import pytest

from gateway.config.load import check
from gateway.config.settings import AppTimeouts, Limits

GATEWAY = '[gateway]\npublic_url = "http://localhost:8000"\nsecret = "env:S"\n{gateway}\n[limits]\n{limits}\n'
APP = '[[app]]\nname = "wiki"\nupstream = "http://127.0.0.1:9000"\n{app}\n'
ROUTE = '[[app.route]]\nname = "r"\naction = "Do it"\npath = "/r"\n'


@pytest.fixture
def read(tmp_path: Path):
    """Checks a file with these lines in its tables."""

    def of(limits: str = "", gateway: str = "", app: str = ""):
        file = tmp_path / "routes.toml"
        file.write_text((GATEWAY + APP + ROUTE).format(gateway=gateway, limits=limits, app=app))
        return check(file, env={"S": "s" * 32})

    return of


def test_what_is_not_written_has_the_defaults_of_the_settings(read) -> None:
    settings = read().good()
    assert (settings.limits, settings.apps[0].timeouts, settings.drain) == (Limits(), AppTimeouts(), 30)
    assert read().warnings == []


def test_what_is_written_is_what_counts(read) -> None:
    settings = read(
        'target = "2KiB"\nhead_within = "3s"\ninspect = "3MiB"\nhashing_waiting = 5',
        'drain = "2m"',
        '[app.timeouts]\nfirst_byte = "10m"',
    ).good()
    assert settings.limits == Limits(target=2048, head_within=3, inspect=3 << 20, hashing_waiting=5)
    assert (settings.apps[0].timeouts, settings.drain) == (AppTimeouts(first_byte=600), 120)


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ('target = "100B"', 'limits.target: "100B" is too little for any browser; write at least "1KiB"'),
        ("fields = 0", "limits.fields: 0 is out of range; write 1 to 1000000"),
        ("connections = true", "limits.connections: true is not a number; write it without quotes"),
        ('pause = "0s"', 'limits.pause: "0s" is out of range; write at least "1s" and at most "366d"'),
        ("paus = 1", 'limits: unknown key "paus"; did you mean "pause"?'),
    ],
)
def test_what_is_no_limit_is_a_problem(read, limits, said) -> None:
    (problem,) = read(limits).problems
    assert said.partition(": ")[2] in problem


@pytest.mark.parametrize(
    ("limits", "app", "said"),
    [
        ('target = "65KiB"', "", "limits.target: is more than head"),
        ('pause = "61s"', "", "limits.pause: is longer than read_within"),
        ('held_total = "2MiB"', "", "limits.held_session: is more than held_total"),
        ('held_session = "1000KiB"', "", "limits.held_session: is less than the largest hold_max, 1MiB"),
        ('inspect = "1KiB"', "", "limits.inspect: is less than the largest hold_max, 1MiB"),
        (f"hashing = {(os.cpu_count() or 1) + 1}", "", "limits.hashing: is more than the"),
        ("", '[app.timeouts]\nidle = "1s"', "app[0].timeouts.idle: is shorter than connect"),
    ],
)
def test_what_is_probably_not_meant_is_a_warning(read, limits, app, said) -> None:
    (warning,) = read(limits, app=app).warnings
    assert said in warning
