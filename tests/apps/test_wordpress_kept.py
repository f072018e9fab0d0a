"""WordPress with its own login alone: no second account, its own password confirms."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

import httpx
import pytest

from tests.apps.forms import form, send
from tests.apps.kept import asked, confirm, forgiven, holding, keeping
from tests.apps.wordpress import BLOG_PEOPLE, WordPress, sign_in_to_blog
from tests.journeys.ageing import older
from tests.support.processes import Gateway
from tests.support.visitor import Visitor

ADMIN, BOB = BLOG_PEOPLE["admin"], BLOG_PEOPLE["bob"]
BOBS_PAGE = "/wp-admin/user-edit.php?user_id=2"
LOGOUT = re.compile(r"href=['\"]([^'\"]*action=logout[^'\"]*)['\"]")


@pytest.fixture(scope="module")
def front(blog: WordPress, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with keeping("wordpress", blog.url, tmp_path_factory.mktemp("blog-kept")) as started:
        yield started


@pytest.fixture
def admin(front: Gateway) -> Iterator[Visitor]:
    """Signed in a moment ago."""
    forgiven(front)
    with Visitor(front.url) as visitor:
        sign_in_to_blog(visitor, "admin", ADMIN)
        assert "Dashboard" in visitor.page.text
        yield visitor


def change(visitor: Visitor, email: str, stale: Gateway | None = None, page: str = BOBS_PAGE) -> None:
    """Send the form of a person's account; with a gateway in `stale`, long after it was opened."""
    account = form(visitor.get(page).text, "email")
    if stale:
        older(stale.folder)
    send(visitor, account, account.filled(email=email, pass1=None, pass2=None))


def bobs_address(blog: WordPress) -> str:
    found = blog.person("bob")
    assert found is not None
    return found[0]


def edits(blog: WordPress) -> int:
    """How many accounts it was told to change."""
    return blog.program.output().count("POST /wp-admin/user-edit.php")


def leave(visitor: Visitor) -> None:
    """By WordPress's own link."""
    visitor.get(html.unescape(LOGOUT.findall(visitor.get("/wp-admin/").text)[0]))


def test_who_has_signed_in_to_the_blog_is_not_asked(blog: WordPress, admin: Visitor) -> None:
    change(admin, "fresh@kept.test")
    assert bobs_address(blog) == "fresh@kept.test"


def test_a_stale_change_waits_for_the_blogs_own_password_and_is_made_once(
    blog: WordPress, front: Gateway, admin: Visitor
) -> None:
    before = edits(blog)
    change(admin, "held@kept.test", front)
    assert asked(admin) and "held@kept.test" in admin.page.text and "pass1" not in admin.page.text
    assert confirm(admin, BOB).status_code == 422
    assert bobs_address(blog) != "held@kept.test" and edits(blog) == before
    assert "User updated." in confirm(admin, ADMIN).text
    assert bobs_address(blog) == "held@kept.test" and edits(blog) == before + 1
    change(admin, "again@kept.test")
    assert bobs_address(blog) == "again@kept.test"


def test_a_blog_that_was_restarted_while_its_owner_confirmed_gets_the_change(
    blog: WordPress, front: Gateway, admin: Visitor
) -> None:
    change(admin, "restarted@kept.test", front)
    blog.program.stop()
    try:
        assert confirm(admin, ADMIN).status_code == 502
    finally:
        blog.start()
    confirm(admin, ADMIN)
    assert bobs_address(blog) == "restarted@kept.test" and edits(blog) == 1


def test_a_change_of_ones_own_password_keeps_the_session_and_the_new_one_confirms(
    blog: WordPress, front: Gateway, admin: Visitor
) -> None:
    for new in ("another's pw 3", ADMIN):
        account = form(admin.get("/wp-admin/profile.php").text, "email")
        send(admin, account, account.filled(pass1=new, pass2=new, pw_weak="on"))
        assert "Profile updated." in admin.page.text
        address = f"{len(new)}@kept.test"
        change(admin, address, front)
        assert asked(admin)
        confirm(admin, new)
        assert bobs_address(blog) == address


def test_somebody_else_in_another_tab_takes_over_and_what_was_held_is_not_theirs(
    blog: WordPress, front: Gateway, admin: Visitor
) -> None:
    change(admin, "other@kept.test", front)
    page, hidden = admin.page.url.path, admin.hidden()
    leave(admin)
    sign_in_to_blog(admin, "bob", BOB)
    for password in (ADMIN, BOB):
        assert admin.go("POST", page, data={**hidden, "way": "password", "password": password}).status_code >= 400
    change(admin, "bob2@kept.test", front, "/wp-admin/profile.php")
    assert asked(admin) and "bob" in admin.page.text
    assert confirm(admin, ADMIN).status_code == 422
    assert "Profile updated." in confirm(admin, BOB).text
    assert bobs_address(blog) != "other@kept.test"


@pytest.mark.parametrize("remembered", [{}, {"rememberme": "forever"}])
def test_who_was_signed_in_before_confirms_with_name_and_password_and_nobody_else_can(
    remembered: dict[str, str], blog: WordPress, front: Gateway
) -> None:
    forgiven(front)
    host = {"host": f"localhost:{front.port}"}
    before = httpx.post(blog.url + "/wp-login.php", data={"log": "admin", "pwd": ADMIN, **remembered}, headers=host)
    with holding(front, before.cookies) as visitor:
        visitor.get("/wp-admin/theme-editor.php")
        assert asked(visitor)
        assert confirm(visitor, BOB, username="bob").status_code == 422
        assert "Edit Themes" in confirm(visitor, ADMIN, username="admin").text
        change(visitor, f"before{len(remembered)}@kept.test")
        assert bobs_address(blog) == f"before{len(remembered)}@kept.test"


def test_a_stolen_cookie_of_the_blog_reads_and_does_nothing_more(
    blog: WordPress, front: Gateway, admin: Visitor
) -> None:
    with holding(front, admin.http.cookies) as thief:
        before = edits(blog)
        change(thief, "thief@kept.test")
        assert asked(thief) and edits(blog) == before
        nonce = thief.fetch("GET", "/wp-admin/admin-ajax.php?action=rest-nonce").text
        fields = {"rest_route": "/wp/v2/users/2", "email": "thief@kept.test"}
        thief.go("POST", "/wp-admin/edit.php", data={**fields, "_wpnonce": nonce})
        assert asked(thief) or thief.page.status_code == 401
        assert bobs_address(blog) != "thief@kept.test"
    change(admin, "still@kept.test")
    assert bobs_address(blog) == "still@kept.test"


def test_signed_out_of_the_blog_is_signed_out_of_the_gateway(front: Gateway, admin: Visitor) -> None:
    with holding(front, admin.http.cookies, ours=True) as kept:
        assert "Edit Themes" in kept.get("/wp-admin/theme-editor.php").text
        leave(admin)
        assert "gateway_session" not in admin.http.cookies
        kept.get("/wp-admin/theme-editor.php")
        assert "Edit Themes" not in kept.page.text


def test_a_script_of_the_dashboard_is_told_where_to_confirm_and_then_passes(
    blog: WordPress, front: Gateway, admin: Visitor
) -> None:
    key = {"x-wp-nonce": admin.fetch("GET", "/wp-admin/admin-ajax.php?action=rest-nonce").text}
    older(front.folder)
    refused = admin.fetch("POST", "/wp-json/wp/v2/users/2", json={"email": "rest@kept.test"}, headers=key)
    assert refused.status_code == 401 and bobs_address(blog) != "rest@kept.test"
    admin.get(refused.json()["confirm_url"])
    assert asked(admin)
    confirm(admin, ADMIN)
    done = admin.fetch("POST", "/wp-json/wp/v2/users/2", json={"email": "rest@kept.test"}, headers=key)
    assert done.status_code == 200, done.text
    assert bobs_address(blog) == "rest@kept.test"


def test_an_application_password_does_what_is_ordinary_and_no_more(front: Gateway, admin: Visitor) -> None:
    key = {"x-wp-nonce": admin.fetch("GET", "/wp-admin/admin-ajax.php?action=rest-nonce").text}
    made = admin.fetch("POST", "/wp-json/wp/v2/users/me/application-passwords", json={"name": "phone"}, headers=key)
    assert made.status_code == 201, made.text
    phone = httpx.Client(base_url=front.url, auth=("admin", made.json()["password"]))
    with phone:
        assert phone.get("/wp-json/wp/v2/users/me?context=edit").json()["username"] == "admin"
        assert phone.post("/wp-json/wp/v2/posts", json={"title": "from a phone"}).status_code == 201
        assert phone.post("/wp-json/wp/v2/users/2", json={"email": "phone@kept.test"}).status_code == 401


@pytest.mark.parametrize(("typed", "more"), [("admin@example.test", {}), ("ADMIN", {"interim-login": "1"})])
def test_a_name_written_otherwise_is_the_person_that_the_blog_says_it_is(
    typed: str, more: dict[str, str], front: Gateway
) -> None:
    forgiven(front)
    with Visitor(front.url) as visitor:
        visitor.request("POST", "/wp-login.php", data={"log": typed, "pwd": ADMIN, **more})
        assert "gateway_session" in visitor.http.cookies
    [line] = [line for line in front.audit() if line["event"] == "sign-in"][-1:]
    assert line["subject"] == "app:admin"


def test_nobody_needs_anything_to_read_to_sign_in_and_to_ask_for_a_new_password(front: Gateway) -> None:
    with Visitor(front.url) as visitor:
        for target in ("/", "/hello-world/", "/wp-login.php", "/wp-login.php?action=lostpassword", "/feed/"):
            answer = visitor.get(target)
            assert answer.status_code == 200 and ".gateway" not in str(answer.url)
        forgotten = visitor.request("POST", "/wp-login.php?action=lostpassword", data={"user_login": "bob"})
        assert forgotten.status_code == 200 and "lostpasswordform" in forgotten.text
