"""One line of JSON for each event, and never a way to forge or to break one."""

import asyncio
import io
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit import LONGEST, Audit, line
from gateway.policy.facts import Reason
from tests.support.coroutines import in_a_loop

NOW = 1770091506.789
ORDER = (
    *("time", "event", "reason", "app", "routes", "subject", "session", "client", "method", "path", "request_id"),
    *("max_age", "auth_time", "verifier", "credential", "held", "unmet"),
)


def written(**fields):
    stream = io.BytesIO()
    when = {"now": fields.pop("now", NOW), "request_id": fields.pop("request_id", "")}
    Audit(stream).put(line("decision", **({"reason": Reason.STALE} | fields)), **when)
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
        audit.put(line("sign-in", reason=Reason.SIGNED_IN), now=NOW)
        audit.put(line("sign-in", reason=Reason.SIGNED_IN), now=NOW)
    assert capsys.readouterr().err.count("audit log cannot be written") == 1


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), -1e300])
def test_an_odd_clock_stops_nothing(odd, capsys):
    written(now=odd)
    assert "audit log cannot be written" in capsys.readouterr().err
    Audit(io.BytesIO()).put(line("decision", reason=Reason.FRESH), now=odd)
    assert "audit log cannot be written" in capsys.readouterr().err


@given(st.text(), st.text(), st.lists(st.text()), st.dictionaries(st.text(), st.sampled_from(Reason)))
def test_every_value_is_read_back_as_it_was_said(subject, verifier, routes, unmet):
    line = written(subject=subject, verifier=verifier, routes=routes, unmet=unmet, held=False, auth_time=-5)
    assert line.endswith(b"\n") and all(0x20 <= byte < 0x7F for byte in line[:-1])
    said = json.loads(line)
    assert list(said) == [key for key in ORDER if key in said]
    assert said.get("subject", "") == subject[:LONGEST] and said.get("verifier", "") == verifier
    assert said.get("routes", []) == routes and said.get("unmet", {}) == unmet
    assert said["held"] is False and said["auth_time"] == -5


class Pipe(io.RawIOBase):
    """Notes each write."""

    def __init__(self):
        self.writes = []

    def write(self, data):
        self.writes.append(bytes(data))
        return len(data)


def say(audit, *names):
    for name in names:
        audit.put(line("decision", reason=Reason.FRESH, subject=name), now=NOW)


def subjects(writes):
    return [json.loads(line)["subject"] for line in b"".join(writes).splitlines()]


@in_a_loop
async def test_lines_of_one_turn_leave_together_at_its_end_and_in_their_order():
    pipe = Pipe()
    audit = Audit(pipe)
    say(audit, "ada", "bob")
    assert pipe.writes == []
    await asyncio.sleep(0)
    assert len(pipe.writes) == 1 and subjects(pipe.writes) == ["ada", "bob"]
    say(audit, "cyd")
    await asyncio.sleep(0)
    assert len(pipe.writes) == 2 and subjects(pipe.writes) == ["ada", "bob", "cyd"]


@in_a_loop
async def test_however_many_lines_there_are_a_pipe_gets_whole_ones_in_pieces_that_it_takes_whole():
    pipe = Pipe()
    names = [f"{number}-{'a' * (number * 7 % 280)}" for number in range(200)]
    say(Audit(pipe), *names)
    await asyncio.sleep(0)
    assert all(write.endswith(b"\n") and len(write) <= 4096 for write in pipe.writes)
    assert subjects(pipe.writes) == names and 1 < len(pipe.writes) < 25


@in_a_loop
async def test_what_is_written_can_be_sent_off_at_once_and_leaves_once():
    pipe = Pipe()
    audit = Audit(pipe)
    say(audit, "ada")
    audit.flush()
    assert subjects(pipe.writes) == ["ada"]
    await asyncio.sleep(0)
    say(audit, "bob")
    await asyncio.sleep(0)
    assert subjects(pipe.writes) == ["ada", "bob"]
