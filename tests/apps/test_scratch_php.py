"""A password is tried at WordPress and MediaWiki in a conversation that is nobody else's, and leaves nothing behind."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gateway.identity.app import AppIdentity
from gateway.policy.facts import Reason
from gateway.policy.login import Accepted, Attempt, Declined
from tests.apps.mediawiki import PEDIA_PEOPLE, MediaWiki, sign_in_to_pedia
from tests.apps.wire import app_of
from tests.apps.wordpress import BLOG_PEOPLE, WordPress, sign_in_to_blog
from tests.support.visitor import Visitor

ADMIN, BOB = BLOG_PEOPLE["admin"], BLOG_PEOPLE["bob"]


def tried(preset: str, upstream: str, folder: Path, name: str, password: str) -> tuple[Attempt, list[str]]:
    """What comes of it, and what is told of each step."""
    login = app_of(preset, folder).login
    assert login is not None

    async def conversation() -> tuple[Attempt, list[str]]:
        said: list[str] = []
        app = AppIdentity(login, upstream=upstream, origin="https://app.example.com:8443")
        try:
            return await app.sign_in(name, password, address="192.0.2.7", tell=said.append), said
        finally:
            await app.close()

    return asyncio.run(conversation())


@pytest.mark.parametrize(
    ("name", "password", "expected"),
    [
        ("bob", BOB, Accepted("bob")),
        ("Bob", BOB, Accepted("bob")),
        ("admin@example.test", ADMIN, Accepted("admin")),
        ("bob", ADMIN, Declined(Reason.WRONG)),
        ("bob", BOB.upper(), Declined(Reason.WRONG)),
        ("nobody", BOB, Declined(Reason.WRONG)),
    ],
)
def test_wordpress_says_who_it_is(name: str, password: str, expected: Attempt, blog: WordPress, tmp_path: Path) -> None:
    attempt, said = tried("wordpress", blog.url, tmp_path, name, password)
    assert attempt == expected
    assert not [line for line in said if password in line]
    assert isinstance(expected, Declined) or said[-1].startswith("signed out by GET /wp-login.php")


@pytest.mark.parametrize(
    ("name", "password", "expected"),
    [
        ("Ann Admin", PEDIA_PEOPLE["Ann Admin"], Accepted("Ann Admin")),
        ("ann_Admin", PEDIA_PEOPLE["Ann Admin"], Accepted("Ann Admin")),
        ("Ann Admin", PEDIA_PEOPLE["Bob"], Declined(Reason.WRONG)),
        ("Nobody", PEDIA_PEOPLE["Bob"], Declined(Reason.WRONG)),
    ],
)
def test_mediawiki_says_who_it_is(
    name: str, password: str, expected: Attempt, pedia: MediaWiki, tmp_path: Path
) -> None:
    attempt, said = tried("mediawiki", pedia.url, tmp_path, name, password)
    assert attempt == expected
    assert not [line for line in said if password in line]
    assert isinstance(expected, Declined) or said[-1].startswith("signed out by POST /index.php/Special:UserLogout")


def test_sessions_of_wordpress_end_with_their_conversation_and_no_other_does(blog: WordPress, tmp_path: Path) -> None:
    with Visitor(blog.url) as visitor:
        sign_in_to_blog(visitor, "bob", BOB)
        before = blog.sessions("bob")
        assert tried("wordpress", blog.url, tmp_path, "bob", BOB)[0] == Accepted("bob")
        assert blog.sessions("bob") == before >= 1
        assert 'value="bob" disabled' in visitor.get("/wp-admin/profile.php").text


def test_nobodys_session_of_mediawiki_ends_with_a_conversation(pedia: MediaWiki, tmp_path: Path) -> None:
    with Visitor(pedia.url) as visitor:
        sign_in_to_pedia(visitor, "Bob", PEDIA_PEOPLE["Bob"])
        assert tried("mediawiki", pedia.url, tmp_path, "Bob", PEDIA_PEOPLE["Bob"])[0] == Accepted("Bob")
        assert 'name="Bob"' in visitor.get("/api.php?action=query&meta=userinfo&format=xml").text


def test_an_app_that_is_down_or_is_another_one_is_told_apart(blog: WordPress, pedia: MediaWiki, tmp_path: Path) -> None:
    password = PEDIA_PEOPLE["Bob"]
    attempt, _ = tried("mediawiki", blog.url, tmp_path / "other", "Bob", password)
    assert attempt == Declined(Reason.APP_CHANGED, tried=False)
    pedia.program.stop()
    try:
        attempt, _ = tried("mediawiki", pedia.url, tmp_path / "down", "Bob", password)
        assert attempt == Declined(Reason.APP_DOWN, tried=False)
    finally:
        pedia.start()
