"""WordPress with its own login alone, as a person sees it: the dashboard's forms, its scripts, and the block editor."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.apps.kept import forgiven, keeping
from tests.apps.wordpress import BLOG_PEOPLE, WordPress
from tests.journeys.ageing import older
from tests.support.browser import window
from tests.support.processes import Gateway

ADMIN, BOB = BLOG_PEOPLE["admin"], BLOG_PEOPLE["bob"]


@pytest.fixture(scope="module")
def front(blog: WordPress, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with keeping("wordpress", blog.url, tmp_path_factory.mktemp("blog-seen")) as started:
        yield started


@pytest.fixture
def page(browser: Browser, front: Gateway) -> Iterator[Page]:
    """The administrator's, signed in a moment ago."""
    forgiven(front)
    with window(browser) as opened:
        opened.context.route(lambda url: "//localhost:" not in url, lambda route: route.abort())  # pictures of people
        sign_in(opened, front, "admin", ADMIN)
        yield opened


def sign_in(page: Page, front: Gateway, name: str, password: str) -> None:
    page.goto(front.url + "/wp-login.php")
    expect(page.locator("#user_login")).to_be_focused()  # by a script, which would take what is typed before
    page.locator("#user_login").fill(name)
    page.locator("#user_pass").fill(password)
    page.get_by_role("button", name="Log In").click()
    page.wait_for_url("**/wp-admin/")


def confirm(page: Page, password: str) -> None:
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Confirm", exact=True).click()


def bob(blog: WordPress) -> str:
    found = blog.person("bob")
    assert found is not None
    return found[0]


def test_a_persons_account_is_changed_once_after_confirming_with_the_blogs_own_password(
    page: Page, blog: WordPress, front: Gateway
) -> None:
    page.goto(front.url + "/wp-admin/user-edit.php?user_id=2")
    page.locator("#email").fill("seen@kept.test")
    older(front.folder)
    page.get_by_role("button", name="Update User").click()
    expect(page.get_by_role("heading", name="Confirm access")).to_be_visible()
    expect(page.get_by_text("seen@kept.test")).to_be_visible()
    confirm(page, "not it")
    expect(page.get_by_text("Wrong password")).to_be_visible()
    assert bob(blog) != "seen@kept.test"
    blog.program.stop()
    blog.start()
    confirm(page, ADMIN)
    expect(page.get_by_text("User updated.")).to_be_visible()
    assert bob(blog) == "seen@kept.test"
    page.reload()
    assert blog.program.output().count("POST /wp-admin/user-edit.php") == 1


def test_a_key_for_an_application_is_made_by_script_after_asking_in_a_window(
    page: Page, blog: WordPress, front: Gateway
) -> None:
    page.goto(front.url + "/wp-admin/profile.php")
    page.locator("#new_application_password_name").fill("Telephone")
    older(front.folder)
    with page.expect_popup() as opened:
        page.get_by_role("button", name="Add New Application Password").click()
    asking = opened.value
    expect(asking.get_by_role("heading", name="Confirm access")).to_be_visible()
    confirm(asking, BOB)
    expect(asking.get_by_text("Wrong password")).to_be_visible()
    assert "Telephone" not in blog.keys("admin")
    with asking.expect_event("close"):
        confirm(asking, ADMIN)
    expect(page.locator("#new-application-password-value")).to_be_visible()
    expect(page.locator("#application-passwords-section tbody tr", has_text="Telephone")).to_have_count(1)
    assert blog.keys("admin").count("Telephone") == 1


def test_who_does_not_want_to_confirm_is_told_by_wordpress_itself(page: Page, blog: WordPress, front: Gateway) -> None:
    page.goto(front.url + "/wp-admin/profile.php")
    page.locator("#new_application_password_name").fill("Tablet")
    older(front.folder)
    with page.expect_popup() as opened:
        page.get_by_role("button", name="Add New Application Password").click()
    with opened.value.expect_event("close"):
        opened.value.get_by_role("button", name="Cancel").click()
    expect(page.locator("#application-passwords-section .notice-error")).to_be_visible()
    assert "Tablet" not in blog.keys("admin")


def test_who_signs_in_in_another_tab_is_who_is_asked(page: Page, blog: WordPress, front: Gateway) -> None:
    page.goto(front.url + "/wp-admin/user-edit.php?user_id=2")
    page.locator("#email").fill("whose@kept.test")
    other = page.context.new_page()
    other.goto(front.url + "/wp-login.php?action=logout")
    other.get_by_role("link", name="log out").click()
    sign_in(other, front, "bob", BOB)
    older(front.folder)
    page.get_by_role("button", name="Update User").click()
    expect(page.locator(".who")).to_contain_text("bob")
    confirm(page, ADMIN)
    expect(page.get_by_text("Wrong password")).to_be_visible()
    confirm(page, BOB)
    expect(page.get_by_role("heading", name="Confirm access")).to_have_count(0)
    assert bob(blog) != "whose@kept.test"


def test_writing_is_not_asked_about_however_long_ago_the_sign_in_was(
    page: Page, blog: WordPress, front: Gateway
) -> None:
    older(front.folder)
    page.goto(front.url + "/wp-admin/post-new.php")
    page.get_by_role("button", name="Close dialog").click()  # a tour for newcomers
    page.get_by_role("textbox", name="Add title").fill("Written at leisure")
    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_role("button", name="Dismiss this notice")).to_contain_text("Draft saved.")
    assert "Written at leisure" in blog.titles() and len(page.context.pages) == 1
