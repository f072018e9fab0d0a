"""DokuWiki with its own login alone: no second account, its own password confirms."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.apps.dokuwiki import BEN_PASSWORD, WIKI_PASSWORD, DokuWiki, sign_in_to_wiki
from tests.apps.forms import form, send
from tests.apps.kept import asked, confirm, forgiven, holding, keeping
from tests.journeys.ageing import older
from tests.support.processes import Gateway
from tests.support.visitor import Visitor

PROFILE = "/doku.php?id=start&do=profile"
LOGOUT = re.compile(r'href="([^"]*do=logout[^"]*)"')


@pytest.fixture(scope="module")
def front(wiki: DokuWiki, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with keeping("dokuwiki", wiki.url, tmp_path_factory.mktemp("wiki-kept")) as started:
        yield started


@pytest.fixture
def ann(front: Gateway) -> Iterator[Visitor]:
    """The wiki's administrator, signed in a moment ago."""
    forgiven(front)
    with Visitor(front.url) as visitor:
        sign_in_to_wiki(visitor, "admin", WIKI_PASSWORD)
        yield visitor


def change(visitor: Visitor, email: str, password: str = WIKI_PASSWORD) -> None:
    """Open the form of one's own profile, and send it."""
    profile = form(visitor.get(PROFILE).text, "email")
    send(visitor, profile, profile.filled(email=email, oldpass=password))


def stale_change(front: Gateway, visitor: Visitor, email: str, password: str = WIKI_PASSWORD) -> None:
    """The same, sent long after it was opened."""
    profile = form(visitor.get(PROFILE).text, "email")
    older(front.folder)
    send(visitor, profile, profile.filled(email=email, oldpass=password))


def test_who_has_signed_in_to_the_wiki_is_not_asked(wiki: DokuWiki, ann: Visitor) -> None:
    change(ann, "fresh@kept.test")
    assert "User profile successfully updated" in ann.page.text
    assert wiki.emails()["admin"] == "fresh@kept.test"


def test_asking_who_somebody_is_does_not_disturb_their_session(ann: Visitor) -> None:
    for _ in range(2):
        assert "set-cookie" not in ann.get(PROFILE).headers


def test_a_stale_change_waits_for_the_wikis_own_password_and_is_made_once(
    wiki: DokuWiki, front: Gateway, ann: Visitor
) -> None:
    stale_change(front, ann, "held@kept.test")
    assert asked(ann) and "held@kept.test" in ann.page.text and WIKI_PASSWORD not in ann.page.text
    assert confirm(ann, "not it").status_code == 422 and wiki.emails()["admin"] != "held@kept.test"
    before = wiki.seen().count(f"POST {PROFILE}")
    assert "User profile successfully updated" in confirm(ann, WIKI_PASSWORD).text
    assert wiki.emails()["admin"] == "held@kept.test"
    assert wiki.seen().count(f"POST {PROFILE}") == before + 1
    assert not asked(ann) and form(ann.get(PROFILE).text, "email").fields.count(("email", "held@kept.test")) == 1


@pytest.mark.parametrize("button", ["fn[delete]", "fn"])
def test_deleting_a_person_is_confirmed_every_time(button: str, wiki: DokuWiki, ann: Visitor) -> None:
    people = wiki.folder / "conf/users.auth.php"
    people.write_text(people.read_text() + "gone:x:Gone:gone@kept.test:user\n")
    page = form(ann.get("/doku.php?id=start&do=admin&page=usermanager").text, "userid")
    assert not asked(ann)
    send(ann, page, [*page.fields, ("delete[gone]", "1"), (button, "delete")])
    assert asked(ann) and "Delete people of the wiki" in ann.page.text and "gone" in wiki.emails()
    confirm(ann, WIKI_PASSWORD)
    assert "gone" not in wiki.emails()


def test_a_wiki_that_was_restarted_while_its_owner_confirmed_gets_the_change(
    wiki: DokuWiki, front: Gateway, ann: Visitor
) -> None:
    stale_change(front, ann, "restarted@kept.test")
    wiki.program.stop()
    try:
        assert confirm(ann, WIKI_PASSWORD).status_code == 502
    finally:
        wiki.start()
    confirm(ann, WIKI_PASSWORD)
    assert wiki.emails()["admin"] == "restarted@kept.test" and wiki.seen().count(f"POST {PROFILE}") == 1


def test_a_change_of_the_password_keeps_the_session_and_the_new_one_confirms(
    wiki: DokuWiki, front: Gateway, ann: Visitor
) -> None:
    for old, new in ((WIKI_PASSWORD, "another-pw1"), ("another-pw1", WIKI_PASSWORD)):
        profile = form(ann.get(PROFILE).text, "email")
        send(ann, profile, profile.filled(newpass=new, passchk=new, oldpass=old))
        assert "User profile successfully updated" in ann.page.text
        stale_change(front, ann, f"{new}@kept.test", new)
        assert asked(ann)
        confirm(ann, new)
        assert wiki.emails()["admin"] == f"{new}@kept.test"


def test_somebody_else_in_another_tab_takes_over_and_what_was_held_is_not_theirs(
    wiki: DokuWiki, front: Gateway, ann: Visitor
) -> None:
    stale_change(front, ann, "other@kept.test")
    page, hidden = ann.page.url.path, ann.hidden()
    ann.get("/doku.php?id=start")
    [logout] = set(LOGOUT.findall(ann.page.text))
    ann.get(logout.replace("&amp;", "&"))
    sign_in_to_wiki(ann, "ben", BEN_PASSWORD)
    for password in (WIKI_PASSWORD, BEN_PASSWORD):
        assert ann.go("POST", page, data={**hidden, "way": "password", "password": password}).status_code >= 400
    assert wiki.emails()["admin"] != "other@kept.test" != wiki.emails()["ben"]
    stale_change(front, ann, "ben2@kept.test", BEN_PASSWORD)
    assert asked(ann) and "ben" in ann.page.text
    assert confirm(ann, WIKI_PASSWORD).status_code == 422
    confirm(ann, BEN_PASSWORD)
    assert wiki.emails()["ben"] == "ben2@kept.test"


def test_who_was_signed_in_before_confirms_with_name_and_password_and_nobody_else_can(
    wiki: DokuWiki, front: Gateway
) -> None:
    forgiven(front)
    with Visitor(wiki.url) as before:
        sign_in_to_wiki(before, "admin", WIKI_PASSWORD)
        with holding(front, before.http.cookies) as visitor:
            visitor.get(PROFILE)
            assert asked(visitor) and "gateway_session" in visitor.http.cookies
            assert confirm(visitor, BEN_PASSWORD, username="ben").status_code == 422
            assert "Ann Admin" in confirm(visitor, WIKI_PASSWORD, username="admin").text
            change(visitor, "before@kept.test")
            assert wiki.emails()["admin"] == "before@kept.test"


def test_a_stolen_cookie_of_the_wiki_reads_and_does_nothing_more(wiki: DokuWiki, ann: Visitor, front: Gateway) -> None:
    with holding(front, ann.http.cookies) as thief:
        assert "Logged in as" in thief.get("/doku.php?id=start").text
        before = len(wiki.seen())
        thief.go("POST", PROFILE, data={"do": "profile", "save": "1", "email": "thief@kept.test"})
        assert asked(thief)
        assert not [line for line in wiki.seen()[before:] if line.startswith("POST")]
    change(ann, "still@kept.test")
    assert wiki.emails()["admin"] == "still@kept.test"


@pytest.mark.parametrize("target", ["/doku.php?do=show&", "/lib/exe/ajax.php?call=x&", "/feed.php?"])
def test_who_becomes_somebody_else_by_an_address_is_asked_as_that_other(target: str, front: Gateway) -> None:
    forgiven(front)
    with Visitor(front.url) as visitor:
        sign_in_to_wiki(visitor, "ben", BEN_PASSWORD)
        assert not asked_for_profile(visitor)
        visitor.get(f"{target}u=admin&p={WIKI_PASSWORD}")
        assert asked_for_profile(visitor)
        assert confirm(visitor, BEN_PASSWORD, username="ben").status_code == 422


def test_one_request_that_signs_in_and_does_something_does_not_do_it(wiki: DokuWiki, front: Gateway) -> None:
    forgiven(front)
    with Visitor(front.url) as visitor:
        sign_in_to_wiki(visitor, "ben", BEN_PASSWORD)
        answer = visitor.get(f"/doku.php?do=admin&page=usermanager&u=admin&p={WIKI_PASSWORD}")
        assert "usermanager" not in answer.text


def asked_for_profile(visitor: Visitor) -> bool:
    visitor.get(PROFILE)
    return asked(visitor)


def test_signed_out_of_the_wiki_is_signed_out_of_the_gateway(front: Gateway, ann: Visitor) -> None:
    ann.get("/doku.php?id=start")
    [logout] = set(LOGOUT.findall(ann.page.text))
    with holding(front, ann.http.cookies, ours=True) as kept:
        assert not asked_for_admin(kept)
        ann.get(logout.replace("&amp;", "&"))
        assert "gateway_session" not in ann.http.cookies
        assert asked_for_admin(kept)


def asked_for_admin(visitor: Visitor) -> bool:
    visitor.get("/doku.php?do=admin")
    return asked(visitor)


def test_uploads_and_long_pages_leave_the_session_as_it_was(wiki: DokuWiki, ann: Visitor) -> None:
    ann.fetch(
        "POST",
        "/lib/exe/ajax.php?call=mediaupload&ns=wiki&qqfile=a.png",
        content=b"\x89PNG",
        headers={"content-type": "application/octet-stream"},
    )
    edit = form(ann.get("/doku.php?id=long&do=edit").text, "wikitext")
    send(ann, edit, [*edit.filled(wikitext="a long page\n" * 10_000), ("do[save]", "Save")])
    assert (wiki.folder / "data/pages/long.txt").stat().st_size > 100_000
    change(ann, "uploaded@kept.test")
    assert wiki.emails()["admin"] == "uploaded@kept.test"


def test_a_name_written_otherwise_is_the_person_that_the_wiki_says_it_is(front: Gateway) -> None:
    with Visitor(front.url) as visitor:
        sign_in_to_wiki(visitor, "AdMin", WIKI_PASSWORD)
    [line] = [line for line in front.audit() if line["event"] == "sign-in"][-1:]
    assert line["subject"] == "app:admin"


def test_nobody_needs_anything_to_read_to_sign_in_and_to_ask_for_a_new_password(front: Gateway) -> None:
    with Visitor(front.url) as visitor:
        for do in ("show", "login", "register", "resendpwd", "recent"):
            answer = visitor.get(f"/doku.php?id=start&do={do}")
            assert answer.status_code == 200 and ".gateway" not in str(answer.url)
