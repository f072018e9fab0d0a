"""Marks: which of an app's cookies go with a session of ours."""

from __future__ import annotations

import pytest

from gateway.config.secrets import Keyring
from gateway.flows.binding import MOST, Binding, Standing
from gateway.policy.facts import Request
from gateway.policy.jar import Names
from tests.support.cost import cost

NAMES = Names(("sid", "remember_*"))
BINDING = Binding(Keyring([b"k" * 32]), NAMES)
ANN, BEN = (b"sid", b"ann"), (b"sid", b"ben")
REMEMBER = (b"remember_x", b"1")


def request(*cookies: bytes) -> Request:
    headers = tuple((b"cookie", cookie) for cookie in cookies)
    return Request("GET", b"/", b"/", b"", headers, "h.test", "192.0.2.1", "id", 0.0)


@pytest.mark.parametrize(
    ("own", "beside", "shown", "standing"),
    [
        ([ANN], [], [ANN], Standing.OWN),
        ([ANN], [], [BEN], Standing.NONE),
        ([ANN], [], [ANN, BEN], Standing.NONE),
        ([ANN], [], [(b"sid2", b"ann")], Standing.NONE),
        ([ANN], [REMEMBER], [ANN, REMEMBER], Standing.BESIDE),
        ([ANN], [REMEMBER], [ANN], Standing.OWN),
        ([ANN], [], [], Standing.OWN),
        ([], [ANN], [ANN], Standing.BESIDE),
    ],
)
def test_a_request_stands_as_the_least_of_what_it_shows(
    own: list[tuple[bytes, bytes]],
    beside: list[tuple[bytes, bytes]],
    shown: list[tuple[bytes, bytes]],
    standing: Standing,
) -> None:
    assert BINDING.standing("ref", shown, BINDING.marks("ref", own, beside).encode()) is standing


def test_marks_are_those_of_one_session_and_one_secret() -> None:
    marks = BINDING.marks("ref", [ANN]).encode()
    assert BINDING.standing("other", [ANN], marks) is Standing.NONE
    assert Binding(Keyring([b"x" * 32]), NAMES).standing("ref", [ANN], marks) is Standing.NONE
    rotated = Binding(Keyring([b"x" * 32, b"k" * 32]), NAMES)
    assert rotated.standing("ref", [ANN], marks) is Standing.OWN


def test_another_cookie_in_an_answer_takes_the_place_of_the_one_before() -> None:
    marks = BINDING.marks("ref", [ANN, REMEMBER]).encode()
    moved = BINDING.moved("ref", request(b"sid=ann"), marks, [(b"sid", b"ann2")]).encode()
    assert BINDING.standing("ref", [(b"sid", b"ann2")], moved) is Standing.OWN
    assert BINDING.standing("ref", [ANN], moved) is Standing.NONE
    assert BINDING.standing("ref", [REMEMBER], moved) is Standing.OWN  # it is for other paths, and did not come along


def test_what_an_answer_sets_stands_no_better_than_what_was_asked_with() -> None:
    marks = BINDING.marks("ref", [], [ANN]).encode()
    moved = BINDING.moved("ref", request(b"sid=ann"), marks, [(b"sid", b"ann2")]).encode()
    assert BINDING.standing("ref", [(b"sid", b"ann2")], moved) is Standing.BESIDE
    nothing = BINDING.moved("ref", request(b"sid=ben"), marks, [(b"sid", b"ben2")]).encode()
    assert BINDING.standing("ref", [(b"sid", b"ben2")], nothing) is Standing.NONE


def test_a_cookie_taken_away_is_no_longer_marked() -> None:
    marks = BINDING.marks("ref", [ANN]).encode()
    assert BINDING.moved("ref", request(b"sid=ann"), marks, [(b"sid", None)]) == ""


def test_the_cookie_of_marks_does_not_grow() -> None:
    marks = BINDING.marks("ref", [(b"sid", b"%d" % number) for number in range(40)])
    assert len(marks.split(".")) == MOST
    moved = BINDING.moved("ref", request(b"sid=39"), marks.encode(), [(b"remember_%d" % n, b"1") for n in range(40)])
    assert len(moved.split(".")) == MOST


def test_more_than_can_be_marked_is_not_looked_at() -> None:
    many = [(b"sid", b"%d" % number) for number in range(6000)]
    marks = BINDING.marks("ref", many).encode()

    def stand() -> None:
        for _ in range(20):
            assert BINDING.standing("ref", many, marks) is Standing.NONE

    assert cost(stand, enough=0.5) <= 0.5
    assert BINDING.standing("ref", many[-MOST:] * 2, marks) is Standing.OWN


def test_an_authorization_field_is_shown_like_a_cookie() -> None:
    fields = ((b"cookie", b"sid=ann; other=1"), (b"authorization", b"Basic x"))
    assert BINDING.shown(fields) == [ANN, (b"authorization", b"Basic x")]


def test_nonsense_for_marks_is_no_marks() -> None:
    for marks in (b"", b".", b"\xff\xfe", b"x" * 5000):
        assert BINDING.standing("ref", [ANN], marks) is Standing.NONE
