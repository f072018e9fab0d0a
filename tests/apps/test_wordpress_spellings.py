"""WordPress leads to its REST interface from nearly every page, and to its dashboard by many addresses: all are known.

Each spelling is tried on WordPress itself, so that the table is about what it really understands.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.policy.routes import RouteTable
from tests.apps.wire import MULTIPART, Sent, Wire, app_of, documented, get, matched, part, post
from tests.apps.wordpress import BLOG_PEOPLE, WordPress, sign_in_to_blog
from tests.support.visitor import Visitor

ME = "/wp/v2/users/me"
NO_ADDRESS = "email=nowhere"
REFUSED = "rest_invalid_param"
"""WordPress got as far as looking at the address that somebody wants to change to."""

EXPIRED = "The link you followed has expired."
"""It got as far as looking for its own token."""

TO_REST = [
    post(f"/wp-json{ME}", NO_ADDRESS),
    post(f"/wp-json{ME}", '{"email": "nowhere"}', "application/json"),
    post(f"/wp-json{ME}/?{NO_ADDRESS}"),
    post("/wp-json/wp/v2/users/1", part("email", "nowhere"), MULTIPART),
    Sent("PUT", f"/wp-json{ME}?{NO_ADDRESS}"),
    Sent("PATCH", f"/wp-json{ME}?{NO_ADDRESS}"),
    get(f"/wp-json{ME}?{NO_ADDRESS}&_method=POST"),
    get(f"/wp-json{ME}?{NO_ADDRESS}&_method=patch"),
    get(f"/wp-json{ME}?{NO_ADDRESS}", X_HTTP_Method_Override="PUT"),
    post("/wp-json//wp/v2/users/me", NO_ADDRESS),
    post("/wp-json/wp/v2/users%2Fme", NO_ADDRESS),
    post("/wp-json/wp/v2/USERS/ME", NO_ADDRESS),
    post("/%77p-json/wp/v2/users/me", NO_ADDRESS),
    post(f"/index.php/wp-json{ME}", NO_ADDRESS),
    post(f"/?rest_route={ME}", NO_ADDRESS),
    post(f"/?rest_route={ME}/&{NO_ADDRESS}"),
    post("/?rest_route=%2Fwp%2Fv2%2FUsers%2F1", NO_ADDRESS),
    post(f"/?rest_route={ME}%0a", NO_ADDRESS),
    post(f"/?rest.route={ME}", NO_ADDRESS),
    post(f"/?rest%20route={ME}", NO_ADDRESS),
    post(f"/?rest_route=/&rest_route={ME}", NO_ADDRESS),
    get(f"/?rest_route={ME}&_method=PUT&{NO_ADDRESS}"),
    get(f"/hello-world/?rest_route={ME}&_method=PUT&{NO_ADDRESS}"),
    get(f"/wp-trackback.php?rest_route={ME}&_method=PUT&{NO_ADDRESS}"),
    get(f"/wp-admin/edit.php?rest_route={ME}&_method=PUT&{NO_ADDRESS}"),
    post("/", f"rest_route={ME}&{NO_ADDRESS}"),
    post(f"/?{NO_ADDRESS}", part("rest_route", ME), MULTIPART),
    post(f"/?{NO_ADDRESS}", part("rest_route", ME), "multipart/form-data boundary=b"),
    post(f"/?{NO_ADDRESS}", f"rest_route={ME}", "Application/X-WWW-Form-Urlencoded, text/plain"),
    post("/wp-json/wp/v2/posts", f"rest_route={ME}&{NO_ADDRESS}"),
    post("/wp-admin/edit.php", f"rest_route={ME}&{NO_ADDRESS}"),
]

TO_DASHBOARD = [
    (post("/wp-admin/profile.php", "action=update&user_id=1"), "profile"),
    (post("/wp-admin/profile.php?action=update&user_id=1", "x=1"), "profile"),
    (post("/wp-admin/profile.php/x", part("action", "update"), MULTIPART), "profile"),
    (post("//wp-admin/./profile.php", "action=update&user_id=1"), "profile"),
    (post("/wp-admin/css/../profile%2ephp", "action=update&user_id=1"), "profile"),
    (post("/wp-admin/user-edit.php", "action=update&user_id=2"), "change-person"),
    (get("/wp-admin/user-new.php?action=createuser&user_login=x"), "add-person"),
    (get("/wp-admin/users.php?action=promote&new_role=editor&users[]=2"), "roles"),
    (get("/wp-admin/users.php?action=-1&changeit=Change&new_role=editor&users[]=2"), "roles-of-several"),
    (get("/wp-admin/users.php?action=dodelete&users[]=2"), "delete-people"),
    (post("/wp-admin/users.php", "action=dodelete&users[]=2"), "delete-people"),
    (post("/wp-admin/users.php?action=-1", part("action", "dodelete"), MULTIPART), "delete-people"),
    (post("/wp-admin/authorize-application.php", "action=authorize_application_password"), "connect-application"),
    (get("/wp-admin/plugins.php?action=activate&plugin=akismet/akismet.php"), "plugins"),
    (post("/wp-admin/plugins.php", "action=delete-selected&checked[]=akismet/akismet.php"), "plugins"),
    (get("/wp-admin/themes.php?action=activate&stylesheet=twentytwentythree"), "themes"),
    (get("/wp-admin/update.php?action=install-plugin&plugin=hello"), "install"),
    (get("/wp-admin/update-core.php?action=do-core-upgrade"), "update"),
    (post("/wp-admin/options.php", "action=update&option_page=general"), "settings"),
    (post("/wp-admin/options-permalink.php", "permalink_structure=x"), "permalinks"),
    (post("/wp-admin/erase-personal-data.php", "action=add_remove_personal_data_request"), "erase-personal-data"),
    (post("/wp-admin/export-personal-data.php", "action=add_export_personal_data_request"), "personal-data"),
]

EVERYDAY = [
    get("/"),
    get("/hello-world/"),
    get("/?s=users"),
    get("/wp-login.php"),
    get("/wp-login.php?action=lostpassword"),
    post("/wp-login.php?action=lostpassword", "user_login=bob"),
    post("/wp-login.php", "log=bob&pwd=x"),
    post("/wp-login.php?action=rp", "pass1=x&rp_key=y"),
    get("/wp-admin/"),
    get("/wp-admin/profile.php"),
    get("/wp-admin/users.php?s=bob&action=-1&new_role=&paged=1"),
    get("/wp-admin/plugins.php?plugin_status=active"),
    get("/wp-admin/themes.php"),
    get("/wp-admin/update-core.php"),
    get("/wp-admin/options-general.php"),
    get("/wp-admin/export.php"),
    get("/wp-admin/edit.php?post_type=page"),
    post("/wp-admin/post.php", "action=editpost&post_ID=1&post_title=settings"),
    post("/wp-admin/admin-ajax.php", "action=heartbeat"),
    post("/wp-admin/async-upload.php", part("async-upload", "picture"), MULTIPART),
    post("/wp-comments-post.php", "comment=rest_route&comment_post_ID=1"),
    post("/wp-json/wp/v2/posts/1", '{"content": "/wp/v2/users/me"}', "application/json"),
    post("/wp-json/wp/v2/media", "picture", "image/png"),
    get("/wp-json/wp/v2/users?per_page=100"),
    get(f"/wp-json{ME}"),
    get(f"/?rest_route={ME}"),
    post("/?rest_route=/wp/v2/posts/1", '{"title": "x"}', "application/json"),
    post("/xmlrpc.php", "<methodCall/>", "text/xml"),
]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> RouteTable:
    return RouteTable(app_of("wordpress", tmp_path_factory.mktemp("wordpress")).routes)


@pytest.fixture(scope="module")
def admin(blog: WordPress) -> Wire:
    """The administrator, at WordPress's own port."""
    with Visitor(blog.url) as visitor:
        sign_in_to_blog(visitor, "admin", BLOG_PEOPLE["admin"])
        return Wire(blog.port, "; ".join(f"{each.name}={each.value}" for each in visitor.http.cookies.jar))


@pytest.fixture(scope="module")
def nonce(admin: Wire) -> str:
    """What scripts of the dashboard send along."""
    return admin.send(get("/wp-admin/admin-ajax.php?action=rest-nonce")).text


@pytest.mark.parametrize("sent", TO_REST, ids=str)
def test_every_way_to_the_rest_interface_is_in_the_table(
    sent: Sent, table: RouteTable, admin: Wire, nonce: str
) -> None:
    with_nonce = Sent(sent.method, sent.target, sent.body, sent.kind, {**sent.headers, "X-WP-Nonce": nonce})
    assert REFUSED in admin.send(with_nonce).text
    assert matched(table, sent) & {"rest-people", "rest-by-query", "rest-by-form"}


@pytest.mark.parametrize(("sent", "route"), TO_DASHBOARD, ids=str)
def test_every_deed_of_the_dashboard_is_in_the_table(sent: Sent, route: str, table: RouteTable, admin: Wire) -> None:
    assert EXPIRED in admin.send(sent).text
    assert matched(table, sent) == {route}


@pytest.mark.parametrize("sent", EVERYDAY, ids=str)
def test_what_people_do_all_day_is_not(sent: Sent, table: RouteTable) -> None:
    assert matched(table, sent) == set()


@pytest.mark.parametrize(
    ("target", "route"),
    [
        ("/blog/wp-admin/plugin-editor.php", "plugin-editor"),
        ("/blog/wp-admin/theme-editor.php", "theme-editor"),
        ("/blog/site2/wp-admin/plugin-editor.php", "plugin-editor"),
        ("/blog/wp-admin/network/settings.php", "network"),
        ("/blog/wp-admin/export.php?download=true", "export"),
        ("/blog/wp-admin/admin.php?import=wordpress", "import"),
        ("/blog/wp-admin/profile.php?newuseremail=0123", "new-address"),
        ("/blog/wp-admin/ms-delete-site.php", "delete-site"),
    ],
)
def test_a_blog_in_a_folder_is_covered_there(target: str, route: str, tmp_path: Path) -> None:
    assert matched(RouteTable(app_of("wordpress", tmp_path, 'base = "/blog"').routes), get(target)) == {route}


@pytest.mark.parametrize("page", ["admin.php", "", "index.php", "edit.php", "profile.php"])
def test_an_import_is_known_on_every_page_of_the_dashboard(page: str, table: RouteTable, admin: Wire) -> None:
    sent = get(f"/wp-admin/{page}?import=nothing")
    assert "import.php?invalid=nothing" in admin.send(sent).location
    assert matched(table, sent) == {"import"}


@pytest.mark.parametrize("script", ["wp-admin/async-upload.php", "wp-admin/media-new.php", "xmlrpc.php"])
def test_a_page_that_is_named_like_a_script_is_a_page(script: str, table: RouteTable) -> None:
    form = f"rest_route={ME}&{NO_ADDRESS}"
    assert matched(table, post(f"/{script}", form)) == set()
    for target in (f"/page/{script}", f"/{script}/page", f"/index.php/{script}", f"/{script}/../../page"):
        assert "rest-by-form" in matched(table, post(target, form))


@pytest.mark.parametrize("action", ["install-plugin", "delete-plugin", "update-theme", "edit-theme-plugin-file"])
def test_what_the_dashboard_does_by_script_is_in_the_table(action: str, table: RouteTable, admin: Wire) -> None:
    for sent in (
        post("/wp-admin/admin-ajax.php", f"action={action}"),
        post("/wp-admin/admin-ajax.php?action=heartbeat", f"action={action}"),
        post("/wp-admin/admin-ajax.php", part("action", action), MULTIPART),
    ):
        assert admin.send(sent).status in (200, 403) and matched(table, sent) == {"by-script"}


def test_a_core_in_its_own_folder_is_covered_as_the_documentation_says(tmp_path: Path) -> None:
    app = app_of("wordpress", tmp_path, documented("WordPress"))
    assert app.login is not None and app.login.page == "/wp/wp-login.php" and app.login.whoami is not None
    table = RouteTable(app.routes)
    assert matched(table, post("/wp/wp-admin/profile.php", "email=x")) == {"profile"}
    assert matched(table, post("/wp-json/wp/v2/users/1", "email=x")) == {"rest-people"}
