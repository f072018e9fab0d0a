"""phpMyAdmin with its own login alone: what a database password opened, it confirms."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.apps.forms import form, send
from tests.apps.kept import asked, confirm, forgiven, holding, keeping
from tests.apps.phpmyadmin import DESK_PEOPLE, PhpMyAdmin, sign_in_to_desk, token_of
from tests.journeys.ageing import older
from tests.support.processes import Gateway
from tests.support.visitor import Visitor

DORA, BOB = DESK_PEOPLE["dora"], DESK_PEOPLE["bob"]
PLANTS = "/index.php?route=/sql&db=bob&table=plants"


@pytest.fixture(scope="module")
def front(desk: PhpMyAdmin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with keeping("phpmyadmin", desk.url, tmp_path_factory.mktemp("phpmyadmin-kept")) as started:
        yield started


@pytest.fixture
def bob(front: Gateway) -> Iterator[Visitor]:
    """Signed in a moment ago."""
    forgiven(front)
    with Visitor(front.url) as visitor:
        sign_in_to_desk(visitor, "bob")
        yield visitor


def plant(visitor: Visitor, name: str) -> None:
    """Run a statement that adds one."""
    said = {"db": "bob", "sql_query": f"INSERT INTO plants (name) VALUES ('{name}')", "token": token_of(visitor)}
    visitor.go("POST", "/index.php?route=/import", data=said)


def stale_plant(front: Gateway, visitor: Visitor, name: str) -> None:
    older(front.folder)
    plant(visitor, name)


def wants_privileges(visitor: Visitor) -> bool:
    """Whether seeing who may do what is asked about."""
    visitor.get("/index.php?route=/server/privileges")
    return asked(visitor)


def signed_in(front: Gateway) -> int:
    """How many sign-ins it took for one."""
    return sum(line["reason"] == "signed-in" for line in front.audit())


def sign_out(visitor: Visitor) -> None:
    visitor.go("POST", "/index.php?route=/logout", data={"token": token_of(visitor)})


def test_who_has_signed_in_to_phpmyadmin_is_not_asked_through_all_its_cookies(desk: PhpMyAdmin, bob: Visitor) -> None:
    before = bob.http.cookies["pmaAuth-1"]
    assert "fern" in bob.get(PLANTS).text
    assert bob.http.cookies["pmaAuth-1"] != before
    plant(bob, "fresh")
    assert "1 row inserted" in bob.page.text and desk.plants("bob").count("fresh") == 1
    assert not wants_privileges(bob)


def test_tables_are_read_and_turned_over_without_asking(front: Gateway, bob: Visitor) -> None:
    older(front.folder)
    assert "fern" in bob.get(PLANTS).text
    said = {"db": "bob", "table": "plants", "sql_query": "SELECT * FROM `plants`", "pos": "1", "token": token_of(bob)}
    assert "moss" in bob.go("POST", "/index.php?route=/sql", data=said).text
    assert not asked(bob)


def test_a_stale_statement_waits_for_the_databases_password_and_is_run_once(
    desk: PhpMyAdmin, front: Gateway, bob: Visitor
) -> None:
    stale_plant(front, bob, "held")
    assert asked(bob) and "Run SQL statements" in bob.page.text and "held" in bob.page.text
    assert confirm(bob, "not it").status_code == 422 and confirm(bob, DORA).status_code == 422
    assert "held" not in desk.plants("bob")
    assert "1 row inserted" in confirm(bob, BOB).text
    assert desk.plants("bob").count("held") == 1
    assert not wants_privileges(bob)


def test_a_phpmyadmin_that_was_restarted_while_its_owner_confirmed_runs_the_statement(
    desk: PhpMyAdmin, front: Gateway, bob: Visitor
) -> None:
    stale_plant(front, bob, "restarted")
    desk.program.stop()
    try:
        assert confirm(bob, BOB).status_code == 502
    finally:
        desk.start()
    confirm(bob, BOB)
    assert desk.plants("bob").count("restarted") == 1


def test_a_database_that_is_down_is_not_taken_for_a_wrong_password(
    desk: PhpMyAdmin, front: Gateway, bob: Visitor
) -> None:
    stale_plant(front, bob, "late")
    desk.database.program.stop()
    try:
        answer = confirm(bob, BOB)
    finally:
        desk.database.start()
    assert answer.status_code >= 400 and "late" not in desk.plants("bob")
    confirm(bob, BOB)
    assert desk.plants("bob").count("late") == 1


def test_a_change_of_the_password_keeps_the_session_and_the_new_one_confirms(
    desk: PhpMyAdmin, front: Gateway, bob: Visitor
) -> None:
    for number, new in enumerate(("another-pw1", BOB)):
        page = form(bob.get("/index.php?route=/user-password").text, "pma_pw")
        send(bob, page, page.filled(nopass="0", pma_pw=new, pma_pw2=new, change_pw="1"))
        assert "The profile has been updated" in bob.page.text
        stale_plant(front, bob, f"new{number}")
        assert asked(bob)
        confirm(bob, new)
        assert desk.plants("bob").count(f"new{number}") == 1


def test_somebody_else_in_another_tab_takes_over_and_what_was_held_is_not_theirs(
    desk: PhpMyAdmin, front: Gateway, bob: Visitor
) -> None:
    stale_plant(front, bob, "other")
    page, hidden = bob.page.url.path, bob.hidden()
    sign_out(bob)
    sign_in_to_desk(bob, "dora")
    for password in (BOB, DORA):
        assert bob.go("POST", page, data={**hidden, "way": "password", "password": password}).status_code >= 400
    assert "other" not in desk.plants("bob")
    older(front.folder)
    assert wants_privileges(bob) and "dora" in bob.page.text
    assert confirm(bob, BOB).status_code == 422
    assert "User accounts" in confirm(bob, DORA).text


def test_who_was_signed_in_before_confirms_with_name_and_password_and_nobody_else_can(
    desk: PhpMyAdmin, front: Gateway
) -> None:
    forgiven(front)
    with Visitor(desk.url) as before:
        sign_in_to_desk(before, "bob")
        with holding(front, before.http.cookies) as visitor:
            plant(visitor, "before")
            assert asked(visitor)
            assert confirm(visitor, DORA, username="dora").status_code == 422
            assert "before" not in desk.plants("bob")
            confirm(visitor, BOB, username="bob")
            assert desk.plants("bob").count("before") == 1


def test_a_stolen_cookie_of_phpmyadmin_reads_and_does_nothing_more(
    desk: PhpMyAdmin, front: Gateway, bob: Visitor
) -> None:
    with holding(front, bob.http.cookies) as thief:
        assert "fern" in thief.get(PLANTS).text
        plant(thief, "thief")
        assert asked(thief) and "thief" not in desk.plants("bob")
    plant(bob, "still")
    assert desk.plants("bob").count("still") == 1


@pytest.mark.parametrize("route", ["/", "/collation-connection", "/themes/set"])
def test_a_sign_in_that_phpmyadmin_does_not_look_at_proves_nothing(route: str, front: Gateway, bob: Visitor) -> None:
    older(front.folder)
    before = signed_in(front)
    with holding(front, bob.http.cookies, ours=True) as thief:
        guess = {"pma_username": "bob", "pma_password": "not it"}
        answer = thief.request("POST", f"/index.php?route={route}", data=guess)
        assert answer.status_code == (200 if route == "/" else 302) and "pmaAuth-1" in answer.cookies
        assert wants_privileges(thief)
    assert signed_in(front) == before


def test_one_request_that_signs_in_and_does_something_does_not_do_it(
    desk: PhpMyAdmin, front: Gateway, bob: Visitor
) -> None:
    said = {"pma_username": "dora", "pma_password": DORA, "sql_query": "DROP TABLE bob.plants", "token": token_of(bob)}
    answer = bob.go("POST", "/index.php?route=/import", data=said)
    assert answer.status_code == 403 and "plants" in desk.tables("bob")


def test_signed_out_of_phpmyadmin_is_signed_out_of_the_gateway(front: Gateway, bob: Visitor) -> None:
    with holding(front, bob.http.cookies, ours=True) as kept:
        assert not wants_privileges(kept)
        sign_out(bob)
        assert "gateway_session" not in bob.http.cookies
        assert not wants_privileges(kept) and "User accounts" not in kept.page.text


def test_a_name_that_the_pages_of_strangers_carry_is_nobody(front: Gateway) -> None:
    with Visitor(front.url) as stranger:
        assert 'user:"root"' in stranger.get("/index.php?route=/git-revision").text
        assert not wants_privileges(stranger) and "User accounts" not in stranger.page.text
    [line] = front.audit()[-1:]
    assert (line["event"], line["reason"]) == ("decision", "anonymous")


def test_nobody_needs_anything_to_see_the_form_and_to_use_it_on_the_way_to_a_table(front: Gateway) -> None:
    forgiven(front)
    with Visitor(front.url) as visitor:
        for target in ("/", "/index.php", "/index.php?route=/", PLANTS):
            assert 'name="pma_username"' in visitor.get(target).text
        page = form(visitor.page.text, "pma_username")
        send(visitor, page, page.filled(pma_username="bob", pma_password=BOB, server="1"))
        assert not wants_privileges(visitor)
