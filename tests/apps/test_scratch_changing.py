"""The gateway's own conversation with apps that change their cookies all the time: it touches nobody's session."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gateway.config.settings import App
from gateway.identity.app import AppIdentity
from gateway.policy.facts import Reason
from gateway.policy.login import Accepted, Attempt, Declined
from tests.apps.phpmyadmin import DESK_PEOPLE, PhpMyAdmin, sign_in_to_desk, token_of
from tests.apps.redmine import TRACKER_PEOPLE, Redmine, sign_in_to_tracker
from tests.apps.wire import app_of
from tests.support.visitor import Visitor


async def tries(app: App, upstream: str, *pairs: tuple[str, str]) -> list[Attempt]:
    """What the app says to each name and password."""
    assert app.login is not None
    identity = AppIdentity(app.login, upstream=upstream, origin="http://localhost:8000")
    try:
        return [await identity.sign_in(name, password, address="192.0.2.7") for name, password in pairs]
    finally:
        await identity.close()


def test_redmine_is_asked_and_its_people_stay_as_they_are(tracker: Redmine, tmp_path: Path) -> None:
    bob = TRACKER_PEOPLE["bob"]
    sessions = "tokens where action = 'session' and user_id = (select id from users where login = 'bob')"
    tracker.sql(f"delete from {sessions}")
    with Visitor(tracker.url) as person:
        sign_in_to_tracker(person, "bob")
        pairs = [("bob", bob), ("BOB", bob), ("bob", "not it"), ("nobody", bob), ("bob", "x" * 5000)]
        said = asyncio.run(tries(app_of("redmine", tmp_path), tracker.url, *pairs))
        assert said == [Accepted("bob")] * 2 + [Declined(Reason.WRONG, True)] * 3
        assert ">bob</a>" in person.get("/my/page").text
        assert tracker.sql(f"select count(*) from {sessions}") == [(1,)]


@pytest.mark.parametrize("name", sorted(DESK_PEOPLE))
def test_phpmyadmin_is_asked_and_its_people_stay_as_they_are(name: str, desk: PhpMyAdmin, tmp_path: Path) -> None:
    right = DESK_PEOPLE[name]
    with Visitor(desk.url) as person:
        sign_in_to_desk(person, name)
        token = token_of(person)
        pairs = [(name, right), (name.upper(), right), (name, "not it"), ("root", right)]
        said = asyncio.run(tries(app_of("phpmyadmin", tmp_path), desk.url, *pairs))
        assert said == [Accepted(name)] + [Declined(Reason.WRONG, True)] * 3
        assert token_of(person) == token
