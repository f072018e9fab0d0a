"""The Django admin with its own login alone. It does not say who somebody is, so only sign-ins that were seen count."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from urllib.parse import quote

import pytest

from tests.apps.django_admin import OFFICE_PASSWORD, Office
from tests.apps.forms import form, send
from tests.apps.kept import asked, confirm, forgiven, holding, keeping
from tests.journeys.ageing import older
from tests.support.processes import Gateway
from tests.support.visitor import Visitor

LIST = "/admin/auth/user/"
NUMBERS = count(1)
DORA_PASSWORD = "dora's own pw1"


@pytest.fixture(scope="module")
def front(django: Office, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with keeping("django-admin", django.url, tmp_path_factory.mktemp("django-kept")) as started:
        yield started


@pytest.fixture(scope="module")
def dora(django: Office) -> str:
    """Somebody else who may do everything. What others read of her is the name of the first."""
    django.staff("dora", DORA_PASSWORD, first_name="admin", is_superuser="1")
    return "dora"


@pytest.fixture
def admin(front: Gateway) -> Iterator[Visitor]:
    """Django's superuser, signed in a moment ago."""
    forgiven(front)
    with Visitor(front.url) as visitor:
        sign_in(visitor, "admin", OFFICE_PASSWORD)
        yield visitor


@pytest.fixture
def bob(django: Office) -> int:
    """Somebody new in Django."""
    return django.add(f"kept-bob{next(NUMBERS)}")


def sign_in(visitor: Visitor, name: str, password: str, target: str = "/admin/login/?next=/admin/") -> None:
    login = form(visitor.get(target).text, "password")
    send(visitor, login, login.filled(username=name, password=password))


def change(id: int) -> str:
    return f"{LIST}{id}/change/"


def promote(visitor: Visitor, id: int, email: str) -> None:
    """Open the form of that person, change the address, tick "staff", press Save."""
    opened = form(visitor.get(change(id)).text, "email")
    send(visitor, opened, opened.filled(email=email, is_staff="on"))


def test_who_has_signed_in_to_django_is_not_asked(django: Office, bob: int, admin: Visitor) -> None:
    promote(admin, bob, "fresh@kept.test")
    assert django.person(bob) == ("fresh@kept.test", 1)


def test_a_stale_change_waits_for_djangos_own_password_and_is_in_the_database_once(
    django: Office, bob: int, front: Gateway, admin: Visitor
) -> None:
    older(front.folder)
    promote(admin, bob, "held@kept.test")
    assert asked(admin) and "held@kept.test" in admin.page.text
    assert confirm(admin, "not it").status_code == 422
    assert django.person(bob)[1] == 0 and django.posts(change(bob)) == 0
    answer = confirm(admin, OFFICE_PASSWORD)
    assert answer.url.path == LIST and "was changed successfully" in answer.text
    assert django.person(bob) == ("held@kept.test", 1) and django.posts(change(bob)) == 1


def test_a_project_that_was_restarted_while_its_owner_confirmed_gets_the_change(
    django: Office, bob: int, front: Gateway, admin: Visitor
) -> None:
    older(front.folder)
    promote(admin, bob, "restarted@kept.test")
    django.program.stop()
    try:
        assert confirm(admin, OFFICE_PASSWORD).status_code == 502
    finally:
        django.start()
    confirm(admin, OFFICE_PASSWORD)
    assert django.person(bob) == ("restarted@kept.test", 1)
    assert django.posts(change(bob)) == 1


def test_ones_own_new_password_keeps_the_session(django: Office, bob: int, admin: Visitor) -> None:
    opened = form(admin.get("/admin/password_change/").text, "old_password")
    filled = opened.filled(old_password=OFFICE_PASSWORD, new_password1=OFFICE_PASSWORD, new_password2=OFFICE_PASSWORD)
    before = admin.http.cookies["sessionid"]
    send(admin, opened, filled)
    assert admin.page.url.path == "/admin/password_change/done/" and admin.http.cookies["sessionid"] != before
    promote(admin, bob, "after@kept.test")
    assert django.person(bob) == ("after@kept.test", 1)


def test_somebody_else_in_another_tab_takes_over_and_what_was_held_is_not_theirs(
    django: Office, bob: int, dora: str, front: Gateway, admin: Visitor
) -> None:
    older(front.folder)
    promote(admin, bob, "other@kept.test")
    page, hidden = admin.page.url.path, admin.hidden()
    logout = form(admin.get("/admin/").text, "csrfmiddlewaretoken")
    assert logout.action == "/admin/logout/"
    send(admin, logout, logout.fields)
    sign_in(admin, dora, DORA_PASSWORD)
    for password in (OFFICE_PASSWORD, DORA_PASSWORD):
        assert admin.go("POST", page, data={**hidden, "way": "password", "password": password}).status_code >= 400
    assert django.posts(change(bob)) == 0
    older(front.folder)
    promote(admin, bob, "dora@kept.test")
    assert asked(admin) and "dora" in admin.page.text
    assert confirm(admin, OFFICE_PASSWORD).status_code == 422
    confirm(admin, DORA_PASSWORD)
    assert django.person(bob)[0] == "dora@kept.test"


def test_who_was_signed_in_before_is_told_to_sign_in_again_and_then_may(
    django: Office, bob: int, front: Gateway, admin: Visitor
) -> None:
    with holding(front, admin.http.cookies) as visitor:
        promote(visitor, bob, "before@kept.test")
        assert visitor.page.status_code == 403 and "/admin/login" in visitor.page.text
        assert django.posts(change(bob)) == 0
        visitor.http.cookies.delete("sessionid")
        sign_in(visitor, "admin", OFFICE_PASSWORD)
        promote(visitor, bob, "before@kept.test")
    assert django.person(bob) == ("before@kept.test", 1)


def test_a_stolen_cookie_of_django_changes_nothing(
    django: Office, bob: int, dora: str, front: Gateway, admin: Visitor
) -> None:
    forgiven(front)
    with Visitor(front.url) as thief:
        sign_in(thief, dora, DORA_PASSWORD)
        thief.http.cookies.set("sessionid", admin.http.cookies["sessionid"], domain="localhost.local", path="/")
        promote(thief, bob, "thief@kept.test")
        assert thief.page.status_code == 403
    assert django.posts(change(bob)) == 0
    promote(admin, bob, "still@kept.test")
    assert django.posts(change(bob)) == 1


@pytest.mark.parametrize("query", ["?next=/admin/login/", "?next=/admin/&username=dora", "?next=/admin/&password=x"])
def test_becoming_somebody_else_in_a_way_that_nobody_can_judge_borrows_no_confirmation(
    query: str, django: Office, bob: int, dora: str, front: Gateway
) -> None:
    forgiven(front)
    with Visitor(front.url) as visitor:
        sign_in(visitor, dora, DORA_PASSWORD)
        login = {"username": "admin", "password": OFFICE_PASSWORD, "csrfmiddlewaretoken": csrf(visitor)}
        visitor.request("POST", f"/admin/login/{query}", data=login)
        assert visitor.page.status_code == 302 and "sessionid" in visitor.http.cookies
        promote(visitor, bob, "borrowed@kept.test")
        assert visitor.page.status_code == 403
    assert django.posts(change(bob)) == 0


def csrf(visitor: Visitor) -> str:
    return dict(form(visitor.get("/admin/").text, "csrfmiddlewaretoken").fields)["csrfmiddlewaretoken"]


def test_signed_out_of_django_is_signed_out_of_the_gateway(bob: int, front: Gateway, admin: Visitor) -> None:
    logout = form(admin.get("/admin/").text, "csrfmiddlewaretoken")
    with holding(front, admin.http.cookies, ours=True) as kept:
        send(admin, logout, logout.fields)
        assert "gateway_session" not in admin.http.cookies
        kept.request("POST", change(bob), data={"email": "x"})
        assert kept.page.status_code == 403


def test_a_sign_in_that_django_refuses_is_none(front: Gateway) -> None:
    forgiven(front)
    with Visitor(front.url) as visitor:
        for name, password in (("admin", "not it"), ("nobody", OFFICE_PASSWORD)):
            sign_in(visitor, name, password)
            assert visitor.page.status_code == 200 and "gateway_session" not in visitor.http.cookies


@pytest.mark.parametrize("target", ["/admin/login/", f"/admin/login/?next={quote('/admin/auth/user/1/change/')}"])
def test_nobody_needs_anything_to_reach_the_login_page(target: str, front: Gateway) -> None:
    with Visitor(front.url) as visitor:
        answer = visitor.get(target)
        assert answer.status_code == 200 and str(answer.url) == front.url + target
