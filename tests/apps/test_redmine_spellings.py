"""Redmine takes formats after its addresses and methods inside its forms: the preset's table knows them.

Each spelling is tried on Redmine itself. Sent without Redmine's own token it does nothing and is refused for that:
what gets so far is an address that Redmine has.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.policy.routes import RouteTable
from tests.apps.redmine import Redmine, sign_in_to_tracker
from tests.apps.wire import MULTIPART, Sent, Wire, app_of, get, matched, part, post
from tests.support.visitor import Visitor

PUT = "_method=put"
TO_FORMS = [
    (Sent("PUT", "/my/account"), "account"),
    (post("/my/account", PUT), "account"),
    (post("/my/account", "_method=PUT&user[mail]=x"), "account"),
    (post("/my/account", "_method=p%75t"), "account"),
    (post("/my/account", part("_method", "put"), MULTIPART), "account"),
    (post("/my/account", X_HTTP_Method_Override="PUT"), "account"),
    (post("/my/account?_method=put", PUT), "account"),
    (post("/my/account/", PUT), "account"),
    (post("/my/account.html", PUT), "account"),
    (post("/my/account.html/", PUT), "account"),
    (post("/my/account.pdf", PUT), "account"),
    (post("/my/account.%0a", PUT), "account"),
    (post("//my//account", PUT), "account"),
    (post("/my/account/destroy"), "delete-account"),
    (post("/my/account/destroy.html", "confirm=1"), "delete-account"),
    (post("/my/password.html"), "password"),
    (post("/my/api_key"), "api-key"),
    (post("/my/atom_key"), "feeds-key"),
    (post("/my/twofa/totp/deactivate/init"), "two-factor"),
    (post("/my/twofa/backup_codes/init.html"), "two-factor"),
    (post("/users"), "people"),
    (post("/users.html"), "people"),
    (Sent("PATCH", "/users/5"), "people"),
    (post("/users/5", "_method=patch"), "people"),
    (post("/users/5/email_addresses"), "people"),
    (post("/users/5/email_addresses.js"), "people"),
    (post("/users/5/twofa/deactivate"), "people"),
    (post("/users/5/memberships"), "people"),
    (Sent("DELETE", "/users/5.html"), "delete-people"),
    (post("/users/5", "_method=delete&lock=1"), "delete-people"),
    (post("/imports", "type=UserImport"), "import-people"),
    (post("/imports?type=UserImport"), "import-people"),
    (post("/imports.html", part("type", "UserImport"), MULTIPART), "import-people"),
    (post("/imports", '{"type":"UserImport"}', "application/json"), "import-people"),
    (post("/imports", "<type>UserImport</type>", "application/xml"), "import-people"),
    (post("/groups"), "groups"),
    (post("/groups/3/users"), "groups"),
    (post("/roles"), "roles"),
    (post("/roles/permissions"), "roles"),
    (post("/projects/garden/memberships"), "members"),
    (post("/projects/1/memberships.js"), "members"),
    (post("/memberships/1", "_method=delete"), "member"),
    (post("/projects/garden", "_method=delete"), "delete-project"),
    (post("/projects/garden.html", "_method=delete"), "delete-project"),
    (Sent("DELETE", "/projects/1"), "delete-project"),
    (post("/projects/garden/wiki/destroy"), "delete-wiki"),
    (post("/projects/garden/repositories"), "add-repository"),
    (post("/repositories/1", PUT), "repository"),
    (post("/settings/edit"), "settings"),
    (post("/settings/edit.html"), "settings"),
    (post("/admin/test_email"), "administration"),
    (post("/auth_sources"), "sign-in-sources"),
    (post("/trackers.html"), "trackers"),
    (post("/issue_statuses"), "issue-statuses"),
    (post("/workflows/update", "_method=patch"), "workflows"),
    (post("/custom_fields"), "custom-fields"),
    (post("/enumerations"), "enumerations"),
]
TO_KEYS = [
    (get("/my/api_key"), "api-key"),
    (get("/my/api_key.html/"), "api-key"),
    (get("//my/api_key"), "api-key"),
    (Sent("HEAD", "/my/api_key"), "api-key"),
    (get("/settings"), "settings"),
    (get("/settings.html"), "settings"),
    (get("/settings/edit?tab=repositories"), "settings"),
]
EVERY_DAY = [
    get("/"),
    get("/login"),
    get("/account/lost_password"),
    get("/my/page"),
    get("/my/account"),
    get("/my/password"),
    get("/users/5"),
    get("/projects/garden"),
    get("/projects/garden/settings"),
    get("/issues"),
    get("/search?q=settings"),
    post("/issues", "issue[subject]=x"),
    post("/projects/garden/issues", "issue[subject]=x"),
    post("/projects/garden", "_method=patch"),
    post("/projects/garden/wiki/Settings", PUT),
    post("/imports", "type=IssueImport"),
    post("/watchers/watch"),
    post("/logout"),
]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> RouteTable:
    return RouteTable(app_of("redmine", tmp_path_factory.mktemp("redmine-table")).routes)


@pytest.fixture(scope="module")
def behind(tracker: Redmine) -> Wire:
    with Visitor(tracker.url) as visitor:
        sign_in_to_tracker(visitor, "admin")
        return Wire(tracker.port, "; ".join(f"{each.name}={each.value}" for each in visitor.http.cookies.jar))


@pytest.mark.parametrize(("sent", "route"), TO_FORMS, ids=str)
def test_every_spelling_that_redmine_takes_is_asked_about(
    sent: Sent, route: str, table: RouteTable, behind: Wire
) -> None:
    assert behind.send(sent).status == 422
    assert route in matched(table, sent)


@pytest.mark.parametrize(("sent", "route"), TO_KEYS, ids=str)
def test_what_shows_keys_is_asked_about(sent: Sent, route: str, table: RouteTable, behind: Wire) -> None:
    assert behind.send(sent).status == 200
    assert route in matched(table, sent)


@pytest.mark.parametrize("sent", EVERY_DAY, ids=str)
def test_what_people_do_every_day_is_left_alone(sent: Sent, table: RouteTable, behind: Wire) -> None:
    assert behind.send(sent).status in {200, 302, 422}
    assert matched(table, sent) == set()


def test_it_is_found_below_another_address(tmp_path: Path) -> None:
    app = app_of("redmine", tmp_path, 'base = "/tracker"')
    assert app.login is not None and app.login.whoami is not None
    assert (app.login.page, app.login.whoami.target) == ("/tracker/login", "/tracker/logout")
    below = RouteTable(app.routes)
    assert matched(below, post("/tracker/my/account", PUT)) == {"account"}
    assert matched(below, post("/my/account", PUT)) == set()
