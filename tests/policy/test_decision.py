"""The rule, as rows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.decision import Assessment, assess, decide, judge, missing, ran_out
from gateway.policy.facts import AuthEvent, Challenge, Forward, Reason, Requirement, Route, Session

NOW = 1_000_000
PASSWORD = frozenset({"password"})
TOTP = frozenset({"totp"})
PASSKEY = frozenset({"passkey"})
PASSWORD_AND_TOTP = PASSWORD | TOTP


def events(*ages: tuple[str, int]) -> tuple[AuthEvent, ...]:
    return tuple(AuthEvent(verifier, NOW - age, (verifier,)) for verifier, age in ages)


def session(*ages: tuple[str, int], superseded: bool = False) -> Session:
    return Session("ref", "notes", "ada", NOW - 9000, NOW, events(*ages), superseded=superseded)


def route(name: str = "r", verify=(PASSWORD,), max_age: int = 300, once: bool = False, report: bool = False) -> Route:
    return Route(name, name, "/" + name, Requirement(tuple(verify), max_age, once), report=report)


@pytest.mark.parametrize(
    ("verify", "max_age", "shown", "reason", "age"),
    [
        ([PASSWORD], 300, [("password", 0)], Reason.FRESH, 0),
        ([PASSWORD], 300, [("password", 300)], Reason.FRESH, 300),
        ([PASSWORD], 300, [("password", 301)], Reason.STALE, 301),
        ([PASSWORD], 300, [], Reason.WEAK, None),
        ([PASSWORD], 300, [("totp", 1)], Reason.WEAK, None),
        ([PASSWORD, TOTP], 300, [("totp", 1)], Reason.FRESH, 1),
        ([PASSWORD, TOTP], 300, [("password", 999), ("totp", 1)], Reason.FRESH, 1),
        ([PASSWORD_AND_TOTP], 300, [("password", 1), ("totp", 1000)], Reason.STALE, 1000),
        ([PASSWORD_AND_TOTP], 300, [("password", 1)], Reason.WEAK, None),
        ([PASSWORD_AND_TOTP], 300, [("password", 5), ("totp", 9)], Reason.FRESH, 9),
        ([PASSKEY, PASSWORD_AND_TOTP], 300, [("password", 5), ("totp", 9), ("passkey", 400)], Reason.FRESH, 9),
        ([PASSWORD], 300, [("password", 900), ("password", 20)], Reason.FRESH, 20),
        ([PASSWORD], 300, [("password", -5)], Reason.FRESH, -5),
        ([PASSWORD], 300, [("password", -6)], Reason.WEAK, None),  # an event from the future: the clock is odd
    ],
)
def test_a_combination_is_as_old_as_its_oldest_member(verify, max_age, shown, reason, age) -> None:
    found = assess(Requirement(tuple(verify), max_age), events(*shown), NOW)
    assert found == Assessment(reason, None if age is None else NOW - age)


def test_an_open_request_tells_the_latest_auth_time() -> None:
    assert decide((), session(("password", 80), ("totp", 70)), NOW) == Forward(Reason.OPEN, auth_time=NOW - 70)
    assert decide((), session(), NOW) == Forward(Reason.OPEN, auth_time=NOW - 9000)
    assert decide((), None, NOW) == Forward(Reason.OPEN)


def test_every_route_that_matches_must_be_satisfied() -> None:
    loose, strict = route("loose", max_age=3600), route("strict", max_age=60)
    decision = decide((loose, strict), session(("password", 100)), NOW)
    assert decision == Challenge(Reason.STALE, (strict,), 60, NOW - 100)
    assert decide((strict, loose), session(("password", 100)), NOW) == decision


def test_the_app_is_told_the_oldest_of_the_proofs_that_were_needed() -> None:
    decision = decide(
        (route("a"), route("b", verify=[TOTP])), session(("password", 10), ("totp", 50), ("passkey", 1)), NOW
    )
    assert isinstance(decision, Forward) and decision.auth_time == NOW - 50


def test_nobody_and_a_superseded_id_satisfy_no_sensitive_route() -> None:
    assert decide((route(),), None, NOW) == Challenge(Reason.ANONYMOUS, (route(),), 300)
    old = session(("password", 0), superseded=True)
    assert decide((route(),), old, NOW) == Challenge(Reason.SUPERSEDED, (route(),), 300)
    assert decide((route(),), old, NOW, own=events(("password", 0))).reason is Reason.SUPERSEDED
    assert decide((), old, NOW).reason is Reason.OPEN


@pytest.mark.parametrize("each_time", [route(max_age=0), route(once=True)])
def test_what_is_confirmed_by_itself_is_asked_every_time_and_passes_once_confirmed(each_time: Route) -> None:
    just_signed_in = session(("password", 0))
    assert decide((each_time,), just_signed_in, NOW).reason is Reason.ONCE
    assert decide((each_time,), just_signed_in, NOW, own=events(("password", 0))).reason is Reason.FRESH
    assert decide((each_time,), just_signed_in, NOW, own=events(("totp", 0))).reason is Reason.ONCE
    assert decide((each_time,), just_signed_in, NOW, own=events(("password", 301))).reason is Reason.ONCE


def test_report_mode_passes_and_says_what_would_have_been_asked() -> None:
    watched = route("watched", report=True)
    decision = decide((watched,), session(("password", 900)), NOW)
    assert decision == Forward(Reason.REPORT, (watched,), NOW - 900, {"watched": Reason.STALE})
    both = decide((watched, route("strict")), session(("password", 900)), NOW)
    assert isinstance(both, Challenge) and [each.name for each in both.routes] == ["strict"]


AGES = st.lists(st.tuples(st.sampled_from(["password", "totp", "passkey"]), st.integers(-20, 400)), max_size=4)


@given(
    st.lists(st.sampled_from([PASSWORD, TOTP, PASSKEY, PASSWORD_AND_TOTP]), min_size=1, max_size=3),
    st.sampled_from([0, 60, 300]),
    st.booleans(),
    AGES,
    AGES,
)
def test_nothing_is_missing_where_the_proof_is_fresh_and_only_there(verify, max_age, once, shown, own) -> None:
    asked = route(verify=verify, max_age=max_age, once=once)
    fresh = judge(asked, session(*shown), events(*own), NOW).reason is Reason.FRESH
    assert (() in missing(asked.requirement, events(*shown), events(*own), NOW)) is fresh


def test_what_is_missing_is_listed_for_each_combination_in_the_operators_order() -> None:
    requirement = Requirement((PASSKEY, PASSWORD_AND_TOTP), 300)
    assert missing(requirement, events(("password", 10)), (), NOW) == [("passkey",), ("totp",)]
    assert missing(requirement, events(("password", 900)), (), NOW) == [("passkey",), ("password", "totp")]
    once = Requirement((PASSWORD_AND_TOTP,), 300, once=True)
    assert missing(once, events(("password", 10)), events(("totp", 1)), NOW) == [("password",)]


@pytest.mark.parametrize(
    ("signed_in", "seen", "over"),
    [
        (0, 0, False),
        (100, 60, False),
        (100, 61, True),
        (3600, 0, False),
        (3601, 0, True),
        (-5, 0, False),
        (-6, 0, True),
    ],
)
def test_a_session_runs_out_idle_or_absolute_or_when_the_clock_is_odd(signed_in, seen, over) -> None:
    one = Session("ref", "notes", "ada", NOW - signed_in, NOW - seen, ())
    assert ran_out(one, idle=60, absolute=3600, now=NOW) is over
