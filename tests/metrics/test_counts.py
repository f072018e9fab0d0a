"""What one process counts, and by which labels."""

from __future__ import annotations

import pytest

from gateway.metrics.counts import Counts, Times
from gateway.metrics.names import METRICS
from gateway.policy.facts import Reason


def counted(counts: Counts) -> dict[tuple[str, ...], int]:
    """All that is not zero, without the prefix."""
    counts.settle()
    return {(key[0].removeprefix("gateway_"), *key[1:]): number for key, number in counts.totals.items() if number}


@pytest.mark.parametrize(
    ("event", "reason", "more", "found"),
    [
        ("decision", Reason.STALE, {"routes": ["a"]}, {("decisions_total", "notes", "a", "stale"): 1}),
        (
            "decision",
            Reason.FRESH,
            {"routes": ["a", "b"]},
            {("decisions_total", "notes", "a", "fresh"): 1, ("decisions_total", "notes", "b", "fresh"): 1},
        ),
        ("decision", Reason.UPSTREAM, {}, {("decisions_total", "notes", "", "upstream"): 1}),
        ("confirm", Reason.CONFIRMED, {"verifier": "totp"}, {("confirms_total", "notes", "totp", "confirmed"): 1}),
        ("confirm", Reason.CANCELLED, {}, {("confirms_total", "notes", "", "cancelled"): 1}),
        (
            "sign-in",
            Reason.SIGNED_IN,
            {"verifier": "password totp"},
            {("sign_ins_total", "notes", "password totp", "signed-in"): 1},
        ),
        (
            "confirm",
            Reason.THROTTLED,
            {"verifier": "password"},
            {("confirms_total", "notes", "password", "throttled"): 1, ("throttled_total", "notes", "confirm"): 1},
        ),
        (
            "sign-in",
            Reason.THROTTLED,
            {},
            {("sign_ins_total", "notes", "", "throttled"): 1, ("throttled_total", "notes", "sign-in"): 1},
        ),
        (
            "sign-in",
            Reason.THROTTLED,
            {"own_login": True},
            {("sign_ins_total", "notes", "", "throttled"): 1, ("throttled_total", "notes", "app-sign-in"): 1},
        ),
        ("sign-out", Reason.SIGNED_OUT, {}, {("sessions_ended_total", "signed-out"): 1}),
        ("sign-out", Reason.STORE_DOWN, {}, {}),
        ("session", Reason.REVOKED, {}, {("sessions_ended_total", "revoked"): 1}),
        ("credential", Reason.CREDENTIAL_ADDED, {"verifier": "totp"}, {}),
        ("resume", Reason.RESUMED, {"routes": ["a"]}, {}),
    ],
)
def test_what_the_audit_log_is_told_is_counted(event, reason, more, found):
    counts = Counts()
    counts.app("notes").noted(event, reason, **{"routes": (), "verifier": "", "own_login": False} | more)
    assert counted(counts) == found


def test_what_is_no_verifier_never_becomes_a_label():
    counts = Counts()
    counts.app("notes").noted("confirm", Reason.WRONG, (), "hunter2", own_login=False)
    assert counted(counts) == {("confirms_total", "notes", "", "wrong"): 1}


def test_requests_on_no_route_are_settled_with_the_others_once():
    counts = Counts()
    counts.app("notes").open += 3
    counts.app("notes").decided((), Reason.ANONYMOUS)
    for _ in range(2):
        assert counted(counts) == {
            ("decisions_total", "notes", "", "open"): 3,
            ("decisions_total", "notes", "", "anonymous"): 1,
        }


def test_an_app_goes_on_counting_after_a_reload():
    counts = Counts()
    assert counts.app("notes") is counts.app("notes")
    before = counts.store("state")
    before("read", 0.1, True)
    counts.store("state")("read", 0.1, True)
    assert sum(counts.times["gateway_store_seconds", "state", "read"].counts) == 2


@pytest.mark.parametrize(("seconds", "bucket"), [(0.0, 0), (0.1, 0), (0.11, 1), (1.0, 1), (1.01, 2), (99.0, 2)])
def test_a_duration_is_in_the_first_bucket_that_reaches_it(seconds, bucket):
    times = Times((0.1, 1.0))
    times.add(seconds)
    assert (times.counts.index(1), times.total) == (bucket, seconds)


def test_calls_of_a_store_and_those_it_did_not_answer():
    counts = Counts()
    timed = counts.store("state")
    timed("read", 0.001, True)
    timed("write", 5.0, False)
    assert counted(counts) == {("store_errors_total", "state"): 1}
    assert [key for key in counts.times if key[0] == "gateway_store_seconds"] == [
        ("gateway_store_seconds", "state", "read"),
        ("gateway_store_seconds", "state", "write"),
    ]


def test_an_app_that_answers_and_one_that_does_not():
    counts = Counts()
    counts.app("notes").upstream("head", 0.3, True)
    counts.app("notes").upstream("timeout", 0.0, False)
    assert counted(counts) == {("upstream_errors_total", "notes", "timeout"): 1}
    assert sum(counts.times["gateway_upstream_seconds", "notes"].counts) == 1


def test_a_websocket_is_open_until_it_ends_however_it_ends():
    counts = Counts()
    with pytest.raises(OSError, match="gone"), counts.app("notes").websocket():
        assert counts.websockets == 1
        raise OSError("gone")
    assert counts.websockets == 0


def test_a_file_that_is_bad_leaves_the_time_of_the_last_good_one():
    counts = Counts()
    counts.loaded(10)
    counts.not_reloaded()
    assert counts.gauges["gateway_config_last_reload_successful",] == 0
    assert counts.gauges["gateway_config_last_reload_success_timestamp_seconds",] == 10
    counts.reloaded(20)
    assert counts.gauges["gateway_config_last_reload_successful",] == 1
    assert counts.gauges["gateway_config_last_reload_success_timestamp_seconds",] == 20
    assert counted(counts) == {("config_reloads_total", "good"): 1, ("config_reloads_total", "bad"): 1}


def test_every_number_has_its_metric_and_all_of_its_labels():
    counts = Counts()
    counts.loaded(10)
    counts.store("state")("read", 0.1, False)
    app = counts.app("notes")
    for event in ("decision", "confirm", "sign-in", "sign-out", "session"):
        for reason in Reason:
            app.noted(event, reason, ["a"], "totp", own_login=False)
    app.held("held")
    app.resumed("resumed")
    counts.settle()
    keys = [*counts.totals, *counts.times, *counts.gauges]
    assert len(keys) > 100
    assert [key for key in keys if len(key) != 1 + len(METRICS[key[0]].labels)] == []
