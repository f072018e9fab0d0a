"""The app's word on a password, and whose it has to be."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from gateway.errors import Busy
from gateway.policy.credentials import Credentials
from gateway.policy.facts import AuthEvent, Reason
from gateway.policy.login import Accepted, Attempt, Declined
from gateway.verifiers.app_password import LONGEST, AppPassword
from gateway.verifiers.base import Site, Unsettled, Verified

SITE = Site("wiki.example.com", "Wiki", "https://wiki.example.com")
NOW = 1_800_000_000
ALICE = Credentials("wiki:alice")
RIGHT = "correct horse"
CONFIRMED = Verified(AuthEvent("password", NOW, ("pwd",)), "")


NAMES = {"alice": "alice", "Alice": "Alice", "alice@example.test": "alice", "a:b": "a:b"}
"""Who is who, by what they may type."""


class People:
    """An app of people and their passwords, who may sign in by their address too. It notes what it is asked."""

    def __init__(self, says: Declined | None = None, busy: bool = False) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self._says, self._busy = says, busy

    async def sign_in(self, name: str, password: str, *, address: str) -> Attempt:
        self.asked.append((name, password, address))
        if self._busy:
            raise Busy("too many")
        if self._says is not None:
            return self._says
        known = NAMES.get(name)
        return Accepted(known) if known and password == RIGHT else Declined(Reason.WRONG)


def check(
    app: People, answer: Mapping[str, str], who: Credentials = ALICE, since: int | None = 100
) -> Verified | Unsettled | None:
    verifier = AppPassword(app)
    return asyncio.run(verifier.check(who, answer, SITE, secret=b"", since=since, now=NOW, address="192.0.2.1"))


@pytest.mark.parametrize(
    "answer",
    [
        {"password": RIGHT},
        {"username": "", "password": RIGHT},
        {"username": "alice", "password": RIGHT},
        {"username": "alice@example.test", "password": RIGHT},
    ],
)
def test_the_right_password_is_an_auth_event_of_now(answer: dict[str, str]) -> None:
    assert check(People(), answer) == CONFIRMED


def test_a_name_with_a_colon_is_whole() -> None:
    assert check(People(), {"password": RIGHT}, Credentials("wiki:a:b")) == CONFIRMED


@pytest.mark.parametrize("typed", ["wrong", RIGHT + " ", "x" * LONGEST])
def test_a_wrong_password_is_wrong(typed: str) -> None:
    assert check(People(), {"password": typed}) is None


@pytest.mark.parametrize(
    "answer", [{}, {"password": ""}, {"password": "x" * (LONGEST + 1)}, {"username": "a" * 5000, "password": RIGHT}]
)
def test_what_cannot_be_right_is_never_sent(answer: dict[str, str]) -> None:
    app = People()
    assert (check(app, answer), app.asked) == (None, [])


def test_the_password_of_somebody_else_confirms_nobody() -> None:
    assert check(People(), {"username": "a:b", "password": RIGHT}) == Unsettled(Reason.OTHER_PERSON)


def test_a_name_in_other_letters_is_another_name() -> None:
    assert check(People(), {"username": "Alice", "password": RIGHT}) == Unsettled(Reason.OTHER_PERSON)


def test_the_password_goes_to_the_app_as_it_was_typed() -> None:
    app = People()
    check(app, {"password": " ﬁsh\u0301 "})
    assert app.asked == [("alice", " ﬁsh\u0301 ", "192.0.2.1")]


@pytest.mark.parametrize(
    ("said", "guessed"),
    [
        (Declined(Reason.APP_DOWN, tried=False), False),
        (Declined(Reason.APP_CHANGED, tried=False), False),
        (Declined(Reason.APP_DOWN, tried=True), True),
        (Declined(Reason.APP_CHANGED, tried=True), True),
        (Declined(Reason.APP_CAPTCHA, tried=False), True),
        (Declined(Reason.APP_LOCKED, tried=False), True),
    ],
)
def test_what_the_app_has_seen_was_a_guess_whatever_came_of_it(said: Declined, guessed: bool) -> None:
    assert check(People(said), {"password": RIGHT}) == Unsettled(said.reason, guessed)


def test_a_queue_that_is_full_says_so() -> None:
    with pytest.raises(Busy):
        check(People(busy=True), {"password": RIGHT})


@pytest.mark.parametrize("since", [None, 0, NOW])
def test_everybody_has_one_but_who_is_disabled(since: int | None) -> None:
    app = People()
    verifier = AppPassword(app)
    assert verifier.usable(ALICE, SITE, since)
    gone = Credentials("wiki:alice", disabled=True)
    assert not verifier.usable(gone, SITE, since)
    assert (check(app, {"password": RIGHT}, gone, since), app.asked) == (None, [])
