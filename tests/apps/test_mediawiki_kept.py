"""MediaWiki with its own login alone: no second account, its own password confirms."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.apps.forms import form, send
from tests.apps.kept import asked, confirm, forgiven, holding, keeping
from tests.apps.mediawiki import PEDIA_PEOPLE, MediaWiki, sign_in_to_pedia
from tests.journeys.ageing import older
from tests.support.processes import Gateway
from tests.support.visitor import Visitor

ANN, BOB = PEDIA_PEOPLE["Ann Admin"], PEDIA_PEOPLE["Bob"]
EMAIL = "/index.php?title=Special:ChangeEmail"
RIGHTS = "/index.php?title=Special:UserRights/Bob"


@pytest.fixture(scope="module")
def front(pedia: MediaWiki, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with keeping("mediawiki", pedia.url, tmp_path_factory.mktemp("pedia-kept")) as started:
        yield started


@pytest.fixture
def ann(front: Gateway) -> Iterator[Visitor]:
    """The administrator, signed in a moment ago."""
    forgiven(front)
    with Visitor(front.url) as visitor:
        sign_in_to_pedia(visitor, "Ann Admin", ANN)
        assert "gateway_session" in visitor.http.cookies
        yield visitor


def change(visitor: Visitor, email: str, stale: Gateway | None = None) -> None:
    """Send the form of one's own address; with a gateway in `stale`, long after it was opened."""
    filled = form(visitor.get(EMAIL).text, "wpNewEmail")
    if stale:
        older(stale.folder)
    send(visitor, filled, filled.filled(wpNewEmail=email))


def address(pedia: MediaWiki, name: str = "Ann Admin") -> object:
    return pedia.person(name)[0]


def leave(visitor: Visitor) -> None:
    """By MediaWiki's own page."""
    page = form(visitor.get("/index.php?title=Special:UserLogout").text, "wpEditToken")
    send(visitor, page, page.fields)


def tokens(visitor: Visitor) -> dict[str, str]:
    """What scripts send along."""
    said = visitor.fetch("GET", "/api.php?action=query&meta=tokens&type=csrf|userrights|login&format=json").json()
    found: dict[str, str] = said["query"]["tokens"]
    return found


def test_a_stale_change_waits_for_the_wikis_own_password_and_is_made_once(
    pedia: MediaWiki, front: Gateway, ann: Visitor
) -> None:
    change(ann, "fresh@kept.test")
    assert address(pedia) == "fresh@kept.test"
    change(ann, "held@kept.test", front)
    assert asked(ann) and "held@kept.test" in ann.page.text
    before = pedia.program.output().count("POST /index.php/Special:ChangeEmail")
    assert confirm(ann, BOB).status_code == 422 and address(pedia) == "fresh@kept.test"
    confirm(ann, ANN)
    assert address(pedia) == "held@kept.test"
    assert pedia.program.output().count("POST /index.php/Special:ChangeEmail") == before + 1


def test_a_wiki_that_was_restarted_while_its_owner_confirmed_gets_the_change(
    pedia: MediaWiki, front: Gateway, ann: Visitor
) -> None:
    rights = form(ann.get(RIGHTS).text, "conflictcheck-originalgroups")
    older(front.folder)
    send(ann, rights, [*rights.fields, ("wpGroup-bot", "1"), ("saveusergroups", "Save")])
    assert asked(ann)
    pedia.program.stop()
    try:
        assert confirm(ann, ANN).status_code == 502 and pedia.person("Bob")[2] == []
    finally:
        pedia.start()
    confirm(ann, ANN)
    assert pedia.person("Bob")[2] == ["bot"]


def test_a_change_of_ones_own_password_keeps_the_session_and_the_new_one_confirms(
    pedia: MediaWiki, front: Gateway, ann: Visitor
) -> None:
    for new in ("another & pw 3", ANN):
        filled = form(ann.get("/index.php?title=Special:ChangePassword").text, "retype")
        send(ann, filled, filled.filled(password=new, retype=new))
        change(ann, f"{len(new)}@kept.test", front)
        assert asked(ann)
        confirm(ann, new)
        assert address(pedia) == f"{len(new)}@kept.test"


def test_somebody_else_in_another_tab_takes_over_and_what_was_held_is_not_theirs(
    pedia: MediaWiki, front: Gateway, ann: Visitor
) -> None:
    change(ann, "other@kept.test", front)
    page, hidden = ann.page.url.path, ann.hidden()
    leave(ann)
    sign_in_to_pedia(ann, "bob", BOB)
    for password in (ANN, BOB):
        assert ann.go("POST", page, data={**hidden, "way": "password", "password": password}).status_code >= 400
    change(ann, "bob@kept.test", front)
    assert asked(ann) and "Bob" in ann.page.text
    assert confirm(ann, ANN).status_code == 422
    confirm(ann, BOB)
    assert address(pedia, "Bob") == "bob@kept.test" and address(pedia) != "other@kept.test"


def test_who_was_signed_in_before_confirms_with_name_and_password_and_nobody_else_can(
    pedia: MediaWiki, front: Gateway
) -> None:
    forgiven(front)
    with Visitor(pedia.url) as before:
        sign_in_to_pedia(before, "Ann Admin", ANN)
        with holding(front, before.http.cookies) as visitor:
            change(visitor, "before@kept.test")
            assert asked(visitor)
            assert confirm(visitor, BOB, username="Bob").status_code == 422
            confirm(visitor, ANN, username="Ann Admin")
            assert address(pedia) == "before@kept.test"


def test_who_signs_in_again_because_the_wiki_asks_is_not_asked_once_more(
    pedia: MediaWiki, front: Gateway, ann: Visitor
) -> None:
    older(front.folder)
    again = form(ann.get("/index.php?title=Special:UserLogin").text, "wpPassword")
    send(ann, again, again.filled(wpPassword=ANN))
    change(ann, "reauthenticated@kept.test")
    assert address(pedia) == "reauthenticated@kept.test"


def test_who_signs_in_by_script_is_asked_by_name_and_borrows_nothing(
    pedia: MediaWiki, front: Gateway, ann: Visitor
) -> None:
    change(ann, "before-script@kept.test")
    fields = {
        "action": "clientlogin",
        "username": "Bob",
        "password": BOB,
        "loginreturnurl": front.url,
        "format": "json",
    }
    ann.fetch("POST", "/api.php", data={"action": "logout", "token": tokens(ann)["csrftoken"], "format": "json"})
    said = ann.fetch("POST", "/api.php", data={**fields, "logintoken": tokens(ann)["logintoken"]}).json()
    assert said["clientlogin"]["status"] == "PASS"
    change(ann, "script@kept.test")
    assert asked(ann) and address(pedia, "Bob") != "script@kept.test" != address(pedia)
    assert confirm(ann, ANN, username="Ann Admin").status_code == 422
    confirm(ann, BOB, username="Bob")
    assert address(pedia, "Bob") == "script@kept.test" and address(pedia) == "before-script@kept.test"


def test_a_stolen_cookie_of_the_wiki_reads_and_does_nothing_more(
    pedia: MediaWiki, front: Gateway, ann: Visitor
) -> None:
    with holding(front, ann.http.cookies) as thief:
        change(thief, "thief@kept.test")
        assert asked(thief)
        fields = {"action": "userrights", "user": "Bob", "add": "sysop", "token": tokens(thief)["userrightstoken"]}
        assert thief.fetch("POST", "/api.php", data=fields).status_code == 401
        assert "sysop" not in pedia.person("Bob")[2] and address(pedia) != "thief@kept.test"
    change(ann, "still@kept.test")
    assert address(pedia) == "still@kept.test"


@pytest.mark.parametrize("by_script", [False, True])
def test_signed_out_of_the_wiki_is_signed_out_of_the_gateway(by_script: bool, front: Gateway, ann: Visitor) -> None:
    if by_script:
        ann.fetch("POST", "/api.php", data={"action": "logout", "token": tokens(ann)["csrftoken"], "format": "json"})
    else:
        leave(ann)
    assert "gateway_session" not in ann.http.cookies
    assert [line["event"] for line in front.audit() if line["event"] in {"sign-in", "sign-out"}][-1] == "sign-out"


def test_an_apostrophe_in_a_name_is_the_apps_business(pedia: MediaWiki, front: Gateway) -> None:
    pedia.add("Eve O'Hara", "eve o'hara pw1")
    with Visitor(front.url) as visitor:
        sign_in_to_pedia(visitor, "eve_O'Hara", "eve o'hara pw1")
        change(visitor, "eve@kept.test", front)
        assert asked(visitor)
        confirm(visitor, "eve o'hara pw1")
    assert address(pedia, "Eve O'Hara") == "eve@kept.test"
    assert {"app:Eve O'Hara"} == {line["subject"] for line in front.audit() if "Eve" in line.get("subject", "")}


def test_nobody_needs_anything_to_read_to_sign_in_and_to_ask_for_a_new_password(front: Gateway) -> None:
    with Visitor(front.url) as visitor:
        for page in ("Main_Page", "Special:UserLogin", "Special:CreateAccount", "Special:PasswordReset"):
            answer = visitor.get(f"/index.php?title={page}")
            assert answer.status_code == 200 and ".gateway" not in str(answer.url)
        account = form(visitor.get("/index.php?title=Special:CreateAccount").text, "retype")
        send(visitor, account, account.filled(wpName="Newcomer", wpPassword="newcomer pw 1", retype="newcomer pw 1"))
        assert "Newcomer" in visitor.page.text and visitor.page.status_code == 200


def test_a_program_with_a_password_of_its_own_does_what_is_ordinary_and_no_more(front: Gateway, ann: Visitor) -> None:
    filled = form(ann.get("/index.php?title=Special:BotPasswords/robot").text, "wprestrictions")
    grants = [("wpgrants[]", "grant-editpage"), ("wpgrants[]", "grant-basic")]
    send(ann, filled, [*filled.fields, *grants, ("op", "create")])
    password = ann.page.text.partition("is <strong>")[2].partition("</strong>")[0]
    with httpx.Client(base_url=front.url) as robot:
        token = robot.get("/api.php?action=query&meta=tokens&type=login&format=json").json()["query"]["tokens"]
        fields = {"lgname": "Ann Admin@robot", "lgpassword": password, "lgtoken": token["logintoken"]}
        signed_in = robot.post("/api.php?action=login&format=json", data=fields).json()
        assert signed_in["login"]["result"] == "Success", signed_in
        assert robot.post("/api.php?action=userrights&format=json", data={"user": "Bob"}).status_code == 401
        key = {each.name: each.value or "" for each in robot.cookies.jar if each.name.endswith("_BPsession")}
    assert ann.fetch("POST", "/api.php?action=userrights").status_code == 200
    assert len(key) == 1
    ann.http.cookies.update(key)
    assert ann.fetch("POST", "/api.php?action=userrights").status_code == 401
