"""One line of JSON for each event, and never a way to forge or to break one."""

import io
import json
import os

import pytest

from gateway.audit import Audit
from gateway.policy.facts import Reason

NOW = 1770091506.789


def written(**fields):
    stream = io.BytesIO()
    Audit(stream).write("decision", **({"now": NOW, "reason": Reason.STALE} | fields))
    return stream.getvalue()


def test_an_event_is_one_line_of_json_with_the_time_in_utc():
    line = written(
        app="notes",
        routes=("change-email",),
        subject="ada",
        session="5f00",
        client="192.0.2.7",
        method="POST",
        path="/account/email",
        request_id="r-1",
        max_age=300,
        auth_time=1770090000,
        verifier="password",
    )
    assert line.endswith(b"\n") and line.count(b"\n") == 1
    assert json.loads(line) == {
        "time": "2026-02-03T04:05:06.789Z",
        "event": "decision",
        "reason": "stale",
        "app": "notes",
        "routes": ["change-email"],
        "subject": "ada",
        "session": "5f00",
        "client": "192.0.2.7",
        "method": "POST",
        "path": "/account/email",
        "request_id": "r-1",
        "max_age": 300,
        "auth_time": 1770090000,
        "verifier": "password",
    }


def test_what_is_empty_is_left_out_but_an_age_of_zero_is_said():
    assert json.loads(written(max_age=0)) == {
        "time": "2026-02-03T04:05:06.789Z",
        "event": "decision",
        "reason": "stale",
        "max_age": 0,
    }


def test_what_enforcing_would_have_asked_is_said_by_route():
    line = json.loads(written(reason=Reason.REPORT, routes=["admin"], unmet={"admin": Reason.WEAK}))
    assert (line["reason"], line["unmet"]) == ("report", {"admin": "weak"})


def test_a_query_never_reaches_the_log():
    assert b"hunter2" not in written(path="/account/email?password=hunter2")


@pytest.mark.parametrize(
    "nasty", ["a\nb", "a\r\nb", 'a"b', "\x1b[2J", "\x7f", "\x9b", "\u2028", "\u202e", "\udcff", "ключ", "\x00"]
)
def test_no_value_can_forge_a_line_or_drive_a_terminal(nasty):
    line = written(path=f"/{nasty}", subject=nasty)
    assert line.count(b"\n") == 1
    assert all(0x20 <= byte < 0x7F for byte in line[:-1])
    assert json.loads(line)["subject"] == nasty


def test_a_line_fits_into_one_write_to_a_pipe():
    assert len(written(path="/" + "\x00" * 9000, subject="a" * 64, routes=["delete-account"] * 5)) < 4096


def test_a_closed_pipe_is_noted_once_and_stops_nothing(capsys):
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "wb", buffering=0) as stream:
        audit = Audit(stream)
        audit.write("sign-in", now=NOW, reason=Reason.SIGNED_IN)
        audit.write("sign-in", now=NOW, reason=Reason.SIGNED_IN)
    assert capsys.readouterr().err.count("audit log cannot be written") == 1


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), -1e300])
def test_an_odd_clock_stops_nothing(odd, capsys):
    written(now=odd)
    assert "audit log cannot be written" in capsys.readouterr().err
