"""MediaWiki finds its special pages by many names and in many places: the table goes by what all of them need.

Each spelling is tried on MediaWiki itself, so that the table is about what it really understands.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest

from gateway.policy.routes import RouteTable
from tests.apps.mediawiki import PEDIA_PEOPLE, MediaWiki, sign_in_to_pedia
from tests.apps.wire import MULTIPART, Sent, Wire, app_of, documented, get, matched, part, post
from tests.support.visitor import Visitor

EMAIL = [
    post("/index.php?title=Special:ChangeEmail", "wpNewEmail=nowhere"),
    post("/index.php?title=Special:ChangeEmail&wpNewEmail=nowhere"),
    post("/index.php?title=Special:ChangeEmail&wpNewEmail=nowhere", "x", "text/plain"),
    post("/index.php?title=Special:ChangeEmail", part("wpNewEmail", "nowhere"), MULTIPART),
    post("/index.php?title=special:_changeEMAIL", "wpNewEmail=nowhere"),
    post("/index.php?title=Special%20:%20Change%E2%80%8EEmail", "wpNewEmail=nowhere"),
    post("/index.php", "title=Special:ChangeEmail&wpNewEmail=nowhere"),
    post("/index.php/Special:ChangeEmail", "wpNewEmail=nowhere"),
    post("/index.php/Special:ChangeEmail?title=Main_Page", "title=Main_Page&wpNewEmail=nowhere"),
    post("/index.php/special%3AChangeEmail", "wpNewEmail=nowhere"),
    post("/index.php?title=Special:ChangeEmail", "%77pNewEmail=nowhere"),
    post("/index.php?title=Special:ChangeEmail", "wpNewEmail%00x=nowhere"),
    post("/?title=Special:ChangeEmail", "wpNewEmail=nowhere"),
    post("/some/where?title=Special:ChangeEmail", "wpNewEmail=nowhere"),
    post("//index.php?title=Special:ChangeEmail", "wpNewEmail=nowhere"),
    post("/api.php/../index.php?title=Special:ChangeEmail", "wpNewEmail=nowhere"),
]
REACHED = "The email address cannot be accepted as it appears to have an invalid format"
"""MediaWiki got as far as looking at the address that somebody wants to change to."""

OTHERS = [
    (post("/wiki/Special:ChangeEmail/api.php", "wpNewEmail=a@b.test"), "email"),
    (post("/w/api.php", "action=userrights&user=Bob&add=sysop"), "by-script"),
    (post("/index.php?title=Special:ChangePassword", "wpAuthToken=x&password=y&retype=z"), "password"),
    (post("/index.php?title=Special:RemoveCredentials", "wpAuthToken=x"), "password"),
    (post("/index.php?title=Special:BotPasswords/robot", "op=create"), "bot-passwords"),
    (post("/index.php/Special:BotPasswords/robot?op=delete", "x=1"), "bot-passwords"),
    (post("/index.php?title=Special:UserRights/Bob", "saveusergroups=&wpGroup-sysop=1"), "user-rights"),
    (post("/index.php?title=Spezial:Benutzerrechte", "saveusergroups=1&wpGroup-sysop=1"), "user-rights"),
    (post("/index.php?title=Special:ResetTokens", "wptokens[]=watchlisttoken"), "feeds"),
    (post("/index.php?title=Special:Import&action=submit", part("source", "upload"), MULTIPART), "import"),
    (post("/index.php?title=Special:RenameUser", "oldusername=Bob&newusername=Rob"), "rename"),
    (post("/index.php?title=Special:OATHManage&action=disable&module=totp", "x=1"), "two-factor"),
    (post("/wiki/Spécial:Gérer".replace("é", "%C3%A9"), "action=enable&module=totp"), "two-factor"),
]

BY_SCRIPT = ["changeauthenticationdata", "removeauthenticationdata", "userrights", "import"]

EVERYDAY = [
    get("/"),
    get("/index.php/Main_Page"),
    get("/index.php?title=Special:UserLogin"),
    post("/index.php?title=Special:UserLogin", "wpName=Bob&wpPassword=x&wpLoginToken=y&authAction=login"),
    post("/index.php?title=Special:CreateAccount", "wpName=Eve&wpPassword=x&wpCreateaccountToken=y"),
    get("/index.php?title=Special:PasswordReset"),
    post("/index.php?title=Special:PasswordReset", "wpUsername=Bob&wpEditToken=x"),
    get("/index.php?title=Special:ChangeEmail"),
    get("/index.php?title=Special:UserRights/Bob"),
    get("/index.php?title=Special:Preferences"),
    post("/index.php?title=Special:Preferences", "wprealname=Bob&wpEditToken=x"),
    post("/index.php?title=Notes&action=submit", "wpTextbox1=saveusergroups%3D1&wpEditToken=x"),
    post("/index.php?title=Notes&action=submit", part("wpTextbox1", "wpNewEmail"), MULTIPART),
    post("/index.php?title=Special:Upload", part("wpUploadFile", "picture"), MULTIPART),
    post("/index.php?title=Notes&action=watch", "wpEditToken=x"),
    get("/api.php?action=query&meta=userinfo"),
    post("/api.php", "action=edit&title=userrights&text=x"),
    post("/api.php", "action=login&lgname=x&lgpassword=y"),
    post("/api.php", "action=clientlogin&username=x&password=y"),
    post("/api.php", "action=logout"),
    post("/api.php?action=upload", part("chunk", "picture"), MULTIPART),
    post("/rest.php/v1/page", '{"source": "op=create", "title": "Notes"}', "application/json"),
]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> RouteTable:
    return RouteTable(app_of("mediawiki", tmp_path_factory.mktemp("mediawiki")).routes)


@pytest.fixture(scope="module")
def ann(pedia: MediaWiki) -> Wire:
    """The administrator, at MediaWiki's own port."""
    with Visitor(pedia.url) as visitor:
        sign_in_to_pedia(visitor, "Ann Admin", PEDIA_PEOPLE["Ann Admin"])
        return Wire(pedia.port, "; ".join(f"{each.name}={each.value}" for each in visitor.http.cookies.jar))


@pytest.fixture(scope="module")
def token(ann: Wire) -> str:
    """What MediaWiki puts into all its forms."""
    said = ann.send(get("/api.php?action=query&meta=tokens&format=json")).text
    return str(json.loads(said)["query"]["tokens"]["csrftoken"])


@pytest.mark.parametrize("sent", EMAIL, ids=str)
def test_every_way_to_another_address_is_in_the_table(sent: Sent, table: RouteTable, ann: Wire, token: str) -> None:
    signed = f"{'&' if '?' in sent.target else '?'}wpEditToken={quote(token)}"
    assert REACHED in ann.send(replace(sent, target=sent.target + signed)).text
    assert "email" in matched(table, sent)


@pytest.mark.parametrize(("sent", "route"), OTHERS, ids=str)
def test_every_other_deed_is_in_the_table(sent: Sent, route: str, table: RouteTable) -> None:
    assert matched(table, sent) == {route}


@pytest.mark.parametrize("action", BY_SCRIPT)
def test_what_is_done_by_script_is_in_the_table(action: str, table: RouteTable, ann: Wire) -> None:
    for sent in (
        post("/api.php?format=json", f"action={action}"),
        post(f"/api.php?format=json&action={action}"),
        post(f"/api.php?format=json&action={action}", "x", "text/plain"),
        post("/api.php?format=json&action=query", f"action={action}"),
        post("/api.php?format=json", part("action", action), MULTIPART),
    ):
        assert json.loads(ann.send(sent).text)["error"]["code"] in {"missingparam", "badtoken"}
        assert matched(table, sent) == {"by-script"}


@pytest.mark.parametrize("sent", EVERYDAY, ids=str)
def test_what_people_do_all_day_is_not(sent: Sent, table: RouteTable) -> None:
    assert matched(table, sent) == set()


@pytest.mark.parametrize(
    ("title", "fields"),
    [
        ("Special:ChangeEmail", ""),
        ("Special:UserRights/Bob", "wpGroup-bot=1&user=Bob&conflictcheck-originalgroups="),
        ("Special:BotPasswords/robot", "wpgrants[]=basic"),
        ("Special:ChangePassword", "password=another-one-1&retype=another-one-1&authAction=change"),
    ],
)
def test_nothing_changes_without_the_field_that_the_table_goes_by(
    title: str, fields: str, pedia: MediaWiki, ann: Wire, token: str
) -> None:
    before = [pedia.person(name) for name in PEDIA_PEOPLE], pedia.sql("select bp_app_id, bp_token from bot_passwords")
    ann.send(post(f"/index.php?title={title}", f"wpEditToken={quote(token)}&{fields}"))
    after = [pedia.person(name) for name in PEDIA_PEOPLE], pedia.sql("select bp_app_id, bp_token from bot_passwords")
    assert after == before


def test_short_addresses_are_covered_as_the_documentation_says(tmp_path: Path) -> None:
    app = app_of("mediawiki", tmp_path, documented("MediaWiki"))
    assert app.login is not None and app.login.page.startswith("/w/") and app.login.whoami is not None
    table = RouteTable(app.routes)
    for target in ("/wiki/Special:ChangeEmail", "/w/index.php?title=Special:ChangeEmail", "/w/index.php/Spezial:X"):
        assert matched(table, post(target, "wpNewEmail=a@b.test")) == {"email"}
    assert matched(table, post("/w/api.php", "action=userrights")) == {"by-script"}
