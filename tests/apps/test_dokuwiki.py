"""The story in front of DokuWiki, unmodified: its own login, its own forms, its own data."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.apps.documented import SHORT, STALE, in_front_of
from tests.apps.dokuwiki import WIKI_PASSWORD, DokuWiki, sign_in
from tests.apps.forms import form, forms, send, step_down
from tests.support.processes import PEOPLE, Gateway
from tests.support.visitor import Visitor

PROFILE = "/doku.php?id=start&do=profile"
PEOPLE_PAGE = "/doku.php?id=start&do=admin&page=usermanager"


@pytest.fixture
def ann(wiki_front: Gateway) -> Iterator[Visitor]:
    with Visitor(wiki_front.url) as visitor:
        sign_in(visitor, PEOPLE["alice"])
        yield visitor


def changes(wiki: DokuWiki) -> list[str]:
    return [line for line in wiki.seen() if line == f"POST {PROFILE}"]


def test_a_profile_form_sent_when_stale_is_confirmed_and_takes_effect_once(wiki: DokuWiki, tmp_path: Path) -> None:
    with in_front_of("wiki", wiki.url, tmp_path, max_age=SHORT) as front, Visitor(front.url) as visitor:
        sign_in(visitor, PEOPLE["alice"])
        time.sleep(STALE)
        visitor.get(PROFILE)
        profile = form(visitor.confirm(PEOPLE["alice"]).text, "email")
        before = len(changes(wiki))
        time.sleep(STALE)
        send(visitor, profile, profile.filled(email="waited@example.test", oldpass=WIKI_PASSWORD))
        assert "Confirm access" in visitor.page.text and "Change your wiki profile" in visitor.page.text
        assert "waited@example.test" in visitor.page.text and WIKI_PASSWORD not in visitor.page.text
        assert len(changes(wiki)) == before
        assert wiki.emails()["admin"] != "waited@example.test"
        answer = visitor.confirm(PEOPLE["alice"])
        assert answer.status_code == 200 and "User profile successfully updated" in answer.text
        assert wiki.emails()["admin"] == "waited@example.test"
        assert len(changes(wiki)) == before + 1
        visitor.get(visitor.page.url.raw_path.decode())
        assert len(changes(wiki)) == before + 1
        assert "waited@example.test" in visitor.get(PROFILE).text


def test_a_fresh_sign_in_changes_the_profile_without_being_asked(wiki: DokuWiki, ann: Visitor) -> None:
    profile = form(ann.get(PROFILE).text, "email")
    send(ann, profile, profile.filled(email="fresh@example.test", oldpass=WIKI_PASSWORD))
    assert wiki.emails()["admin"] == "fresh@example.test"


def test_the_wikis_own_check_of_a_form_still_works_behind_the_hold(wiki: DokuWiki, ann: Visitor) -> None:
    profile = form(ann.get(PROFILE).text, "email")
    step_down(ann)
    send(ann, profile, profile.filled(email="forged@example.test", oldpass=WIKI_PASSWORD, sectok="0" * 32))
    ann.confirm(PEOPLE["alice"])
    assert wiki.emails()["admin"] != "forged@example.test"


def test_a_list_of_people_to_import_is_held_with_its_file(wiki: DokuWiki, ann: Visitor) -> None:
    [upload] = [each for each in forms(ann.get(PEOPLE_PAGE).text) if each.multipart]
    step_down(ann)
    rows = 'User Name,Real Name,E-mail,Groups\r\nzoe,"Zoë, the ""first""",zoe@example.test,user\r\n'.encode()
    send(ann, upload, [*upload.fields, ("fn[import]", "Import")], [("import", ("people ü.csv", rows, "text/csv"))])
    assert "Administer the wiki" in ann.page.text and "zoe" not in wiki.emails()
    ann.confirm(PEOPLE["alice"])
    assert wiki.emails()["zoe"] == "zoe@example.test"


def test_what_is_named_on_the_page_is_the_gravest_thing_that_is_asked(ann: Visitor, wiki: DokuWiki) -> None:
    delete = form(ann.get(PROFILE).text, "oldppass")
    send(ann, delete, delete.filled(oldppass="not it", confirm_delete="1"))
    assert "Delete your wiki account" in ann.page.text
    ann.confirm(PEOPLE["alice"])
    assert "admin" in wiki.emails()


def test_editing_and_saving_a_page_is_never_asked_about(ann: Visitor, wiki: DokuWiki) -> None:
    step_down(ann)
    edit = form(ann.get("/doku.php?id=notes&do=edit").text, "wikitext")
    text = "do=profile, do[profile]=1\n" * 100
    send(ann, edit, [*edit.filled(wikitext=text), ("do[save]", "Save")])
    assert "do=profile" in ann.page.text
    assert (wiki.folder / "data/pages/notes.txt").read_text().startswith("do=profile")


def test_a_client_of_the_remote_api_is_told_to_confirm(ann: Visitor) -> None:
    step_down(ann)
    call = b"<?xml version='1.0'?><methodCall><methodName>dokuwiki.getTitle</methodName></methodCall>"
    answer = ann.fetch("POST", "/lib/exe/xmlrpc.php", content=call, headers={"content-type": "text/xml"})
    assert answer.status_code == 401 and "confirm_url" in answer.json()
