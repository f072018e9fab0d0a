"""The story in front of the Django admin, unmodified: its CSRF check, its forms, its database."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest

from tests.apps.django_admin import OFFICE_PASSWORD, Office, sign_in, sign_in_to_django
from tests.apps.documented import A_WHILE, SHORT, STALE, in_front_of
from tests.apps.forms import form, send, step_down
from tests.journeys.ageing import credentials_older
from tests.support.processes import PEOPLE, Gateway
from tests.support.visitor import Visitor

LIST = "/admin/auth/user/"
NUMBERS = count(1)


@pytest.fixture(scope="module")
def signed_in(django_front: Gateway) -> Iterator[Visitor]:
    with Visitor(django_front.url) as visitor:
        sign_in(visitor, "alice", PEOPLE["alice"])
        yield visitor


@pytest.fixture
def alice(signed_in: Visitor) -> Visitor:
    """Signed in to both; nothing is confirmed any more."""
    step_down(signed_in)
    return signed_in


@pytest.fixture
def bob(django: Office) -> int:
    """Somebody new in Django."""
    return django.add(f"bob{next(NUMBERS)}")


def change(id: int) -> str:
    return f"{LIST}{id}/change/"


def promote(visitor: Visitor, id: int, email: str) -> None:
    """Open the form of that person, change the address, tick "staff", press Save."""
    opened = form(visitor.get(change(id)).text, "email")
    send(visitor, opened, opened.filled(email=email, is_staff="on"))


def test_a_change_made_when_stale_is_confirmed_and_is_in_the_database_once(
    django: Office, bob: int, tmp_path: Path
) -> None:
    with in_front_of("office", django.url, tmp_path, max_age=SHORT) as front, Visitor(front.url) as visitor:
        sign_in(visitor, "alice", PEOPLE["alice"])
        time.sleep(STALE)
        promote(visitor, bob, "waited@example.test")
        assert "Change what a person may do" in visitor.page.text and "waited@example.test" in visitor.page.text
        assert django.person(bob)[1] == 0 and django.posts(change(bob)) == 0
        answer = visitor.confirm(PEOPLE["alice"])
        assert answer.url.path == LIST and "was changed successfully" in answer.text
        assert django.person(bob) == ("waited@example.test", 1) and django.posts(change(bob)) == 1
        visitor.get(change(bob))
        assert django.posts(change(bob)) == 1


def test_after_confirming_the_next_change_is_not_asked_about(django: Office, bob: int, alice: Visitor) -> None:
    promote(alice, bob, "first@example.test")
    alice.confirm(PEOPLE["alice"])
    promote(alice, bob, "second@example.test")
    assert django.person(bob) == ("second@example.test", 1)


def test_a_multipart_form_arrives_as_it_was_sent(django: Office, bob: int, alice: Visitor) -> None:
    opened = form(alice.get(change(bob)).text, "email")
    opened.multipart = True
    name = "Bób “the & first” =%41+ 日本"
    send(alice, opened, opened.filled(first_name=name), [("unused", ("a\u202eb.bin", bytes(range(256)), "image/png"))])
    assert "Confirm access" in alice.page.text
    alice.confirm(PEOPLE["alice"])
    assert django.sql("select first_name from auth_user where id = ?", bob) == [(name,)]


def test_djangos_own_check_of_a_form_still_works_behind_the_hold(django: Office, bob: int, alice: Visitor) -> None:
    opened = form(alice.get(change(bob)).text, "email")
    send(alice, opened, opened.filled(email="forged@example.test", csrfmiddlewaretoken="x" * 64))
    assert alice.confirm(PEOPLE["alice"]).status_code == 403
    assert "CSRF verification failed" in alice.page.text
    assert django.person(bob)[0] != "forged@example.test"


def test_a_wrong_password_changes_nothing_and_the_right_one_then_does(django: Office, bob: int, alice: Visitor) -> None:
    promote(alice, bob, "wrong@example.test")
    assert alice.confirm("not it").status_code == 422
    assert django.posts(change(bob)) == 0
    alice.confirm(PEOPLE["alice"])
    assert django.person(bob) == ("wrong@example.test", 1) and django.posts(change(bob)) == 1


def test_two_tabs_are_each_held_and_each_change_their_own_person(django: Office, alice: Visitor) -> None:
    one, two = django.add("tab-one"), django.add("tab-two")
    promote(alice, one, "one@example.test")
    first, first_fields = alice.page.url.path, alice.hidden()
    promote(alice, two, "two@example.test")
    alice.confirm(PEOPLE["alice"])
    assert django.person(two) == ("two@example.test", 1) and django.person(one)[1] == 0
    alice.go("POST", first, data={**first_fields, "way": "password", "password": PEOPLE["alice"]})
    assert django.person(one) == ("one@example.test", 1)
    assert (django.posts(change(one)), django.posts(change(two))) == (1, 1)


def test_cancel_drops_the_change(django: Office, bob: int, alice: Visitor) -> None:
    promote(alice, bob, "cancelled@example.test")
    alice.submit(alice.page.url.path + "/cancel", {})
    alice.get(change(bob))
    assert django.posts(change(bob)) == 0


def test_several_people_are_deleted_after_one_confirmation_and_djangos_own_question(
    django: Office, alice: Visitor
) -> None:
    ids = {str(django.add(f"gone{number}")) for number in range(3)}
    chosen = form(alice.get(LIST).text, "action")
    picked = [("_selected_action", id) for id in ids]
    send(alice, chosen, [*chosen.filled(action="delete_selected", index="0"), *picked])
    assert "Delete several people" in alice.page.text and "_selected_action" in alice.page.text
    alice.confirm(PEOPLE["alice"])
    assert alice.page.url.path == LIST and "Are you sure" in alice.page.text
    asked = form(alice.page.text, "post")
    send(alice, asked, asked.fields)
    assert "Successfully deleted 3 users" in alice.page.text
    assert django.sql("select count(*) from auth_user where username like 'gone%'") == [(0,)]


def test_other_forms_of_the_same_list_are_not_asked_about(alice: Visitor) -> None:
    chosen = form(alice.get(LIST).text, "action")
    send(alice, chosen, chosen.filled(action="", index="0", _selected_action="1"))
    assert alice.page.url.path == LIST and "No action selected" in alice.page.text


@pytest.mark.parametrize(
    ("target", "action"),
    [
        ("/admin/auth/user/add/", "Add a person"),
        ("/admin/auth/user/1/change/", "Change what a person may do"),
        ("/admin/auth/user/%31/change/", "Change what a person may do"),
        ("/admin/auth/user/%201/change/", "Change what a person may do"),
        ("/admin/auth/user/1%0A/change/", "Change what a person may do"),
        ("/admin/auth%2Fuser/1/change/", "Change what a person may do"),
        ("/admin/auth/user/1/change/?_popup=1&_to_field=id", "Change what a person may do"),
        ("/admin/auth/user/1/password/", "Set a person&#39;s password"),
        ("/admin/auth/user/1/delete/", "Delete a person"),
        ("/admin/auth/group/add/", "Change what a group may do"),
        ("/admin/auth/group/1/delete/", "Change what a group may do"),
        ("/admin/password_change/", "Change your password"),
    ],
)
def test_everything_that_gives_or_takes_rights_is_asked_about(
    target: str, action: str, django: Office, alice: Visitor
) -> None:
    before = django.posts(target)
    alice.go("POST", target, data={"username": "x"})
    assert "Confirm access" in alice.page.text and action in alice.page.text
    assert django.posts(target) == before
    assert alice.request("GET", target).url.path.startswith("/admin/")


def test_ones_own_password_is_changed_after_confirming(django: Office, alice: Visitor) -> None:
    before = django.sql("select password from auth_user where username = 'admin'")
    opened = form(alice.get("/admin/password_change/").text, "old_password")
    filled = opened.filled(old_password=OFFICE_PASSWORD, new_password1=OFFICE_PASSWORD, new_password2=OFFICE_PASSWORD)
    send(alice, opened, filled)
    assert OFFICE_PASSWORD not in alice.page.text
    alice.confirm(PEOPLE["alice"])
    assert alice.page.url.path == "/admin/password_change/done/"
    assert django.sql("select password from auth_user where username = 'admin'") != before


def test_an_app_that_was_restarted_while_its_owner_confirmed_gets_the_change(
    django: Office, bob: int, alice: Visitor
) -> None:
    promote(alice, bob, "restarted@example.test")
    django.program.stop()
    django.start()
    alice.confirm(PEOPLE["alice"])
    assert django.person(bob) == ("restarted@example.test", 1)
    assert django.posts(change(bob)) == 1


def test_an_app_that_is_down_when_the_change_resumes_gets_it_by_trying_again(
    django: Office, bob: int, alice: Visitor
) -> None:
    promote(alice, bob, "later@example.test")
    django.program.stop()
    try:
        answer = alice.confirm(PEOPLE["alice"])
    finally:
        django.start()
    assert answer.status_code == 502 and "Your request is kept" in answer.text
    retry = re.search(r'<a class="main" href="([^"]+)"', answer.text)
    assert retry is not None and django.posts(change(bob)) == 0
    alice.get(retry[1])
    assert django.person(bob) == ("later@example.test", 1) and django.posts(change(bob)) == 1


def test_a_change_is_confirmed_with_an_authenticator_code(django: Office, bob: int, django_front: Gateway) -> None:
    added = django_front.cli("users", "add", "carol", "--password-stdin", stdin="carol's long password\n")
    enrolled = django_front.cli("users", "totp", "carol")
    assert added.returncode == enrolled.returncode == 0
    [uri] = re.findall(r"otpauth://\S+", enrolled.stdout)
    totp = pyotp.TOTP(parse_qs(urlsplit(uri).query)["secret"][0])
    credentials_older(django_front.folder, A_WHILE)
    while time.time() % 30 > 25:
        time.sleep(0.1)
    with Visitor(django_front.url) as carol:
        carol.sign_in("carol", "carol's long password")
        carol.submit("/.gateway/signin/code", {"code": totp.at(int(time.time()) - 30)})
        sign_in_to_django(carol)
        step_down(carol)
        promote(carol, bob, "code@example.test")
        carol.submit(carol.page.url.path, {"way": "totp", "code": "000000"})
        assert carol.page.status_code == 422 and django.posts(change(bob)) == 0
        carol.submit(carol.page.url.path, {"way": "totp", "code": totp.now()})
        assert django.person(bob) == ("code@example.test", 1) and django.posts(change(bob)) == 1
