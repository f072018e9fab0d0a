"""Replicas whose Redis or PostgreSQL is killed, emptied, full, silent or cut off: nothing passes unproved, nothing is
sent twice, whoever sent something is told, and all goes on without a restart.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.journeys.faults import PASSWORD, asked, confirmed, delivered, got_page, until
from tests.journeys.store_faults import Scene, refused, stage, timed, told_the_truth, watched
from tests.support.cutoff import Cutoff
from tests.support.postgres import Postgres, postgres
from tests.support.replicas import STALE, Browser

PAUSE = 30.0
TARGET = "/account/email?resumed"
STORES = ("state", "directory")


@pytest.fixture(scope="module")
def scene(postgresql: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with stage(tmp_path_factory.mktemp("stores"), postgresql) as set_up:
        yield set_up


def sends(browser: Browser, name: str) -> httpx.Response:
    """A form, its answer as it comes."""
    return browser.request("POST", "/account/email", data={"email": name})


def test_without_redis_nothing_sensitive_passes_and_with_its_data_back_all_goes_on(scene: Scene) -> None:
    names = [scene.person() for _ in range(3)]
    before = scene.errors("state")
    with (
        asked(scene.front, names[0]) as answering,
        confirmed(scene.front, names[1], TARGET) as resuming,
        scene.front.browser(scene.front.signed_in(names[2])) as fresh,
        watched(scene, "state"),
    ):
        question = answering.page
        scene.redis.kill()
        refused(lambda: fresh.request("GET", "/admin/"), "state")
        refused(lambda: sends(fresh, names[2]), "state")
        refused(lambda: answering.confirm_only(PASSWORD), "state")
        refused(lambda: resuming.request("GET", TARGET), "state")
        refused(lambda: scene.signs_in(names[2]), "state")
        scene.says("state", up=False)
        until(lambda: scene.errors("state") > before)
        scene.redis.start()
        scene.recovers("state")
        answering.page = question
        assert answering.confirm(PASSWORD).json()["method"] == "POST"
        assert resuming.get(TARGET).json()["method"] == "POST"
        assert sends(fresh, names[2]).json()["method"] == "POST"
    assert [delivered(scene.app, name) for name in names] == [1, 1, 1]
    assert not got_page(scene.app, TARGET)


def test_with_an_empty_redis_people_sign_in_again_and_read_what_became_of_what_they_sent(scene: Scene) -> None:
    names = [scene.person() for _ in range(3)]
    with (
        asked(scene.front, names[0]) as answering,
        confirmed(scene.front, names[1], TARGET) as resuming,
        scene.front.browser(scene.front.signed_in(names[2])) as fresh,
        watched(scene, "state"),
    ):
        scene.redis.kill()
        scene.redis.empty()
        scene.redis.start()
        scene.recovers("state")
        assert "Nothing was sent" in fresh.go("POST", "/account/email", data={"email": names[2]}).text
        answering.confirm(PASSWORD)
        answering.submit("/.gateway/signin", {"username": names[0], "password": PASSWORD})
        assert answering.page.status_code == 404 and "nothing was sent: go back and do it again" in answering.page.text
        resuming.get(TARGET)
        assert resuming.page.status_code == 409 and "We do not know whether it took effect" in resuming.page.text
        resuming.get("/notes")
        resuming.submit("/.gateway/signin", {"username": names[1], "password": PASSWORD})
        assert resuming.page.json()["target"] == "/notes"  # once is enough
    assert [delivered(scene.app, name) for name in names] == [0, 0, 0]
    assert not got_page(scene.app, TARGET)


def test_a_full_redis_refuses_what_is_new_and_goes_on_reading(scene: Scene) -> None:
    names = [scene.person() for _ in range(4)]
    with (
        asked(scene.front, names[0]) as answering,
        confirmed(scene.front, names[1], TARGET) as resuming,
        scene.front.browser(scene.front.signed_in(names[2])) as fresh,
        scene.front.browser(scene.front.signed_in(names[3], ago=STALE)) as stale,
        watched(scene, "state"),
    ):
        question = answering.page
        scene.redis.say("CONFIG", "SET", "maxmemory", 1)
        refused(lambda: scene.signs_in(names[2]), "state")
        refused(lambda: sends(stale, names[3]), "state")
        refused(lambda: answering.confirm_only(PASSWORD), "state")
        assert fresh.fetch("GET", "/admin/").status_code == 200
        assert fresh.request("GET", "/notes").status_code == 200
        assert resuming.get(TARGET).json()["method"] == "POST"
        scene.says("state", up=False)
        scene.redis.say("CONFIG", "SET", "maxmemory", 0)
        scene.recovers("state")
        answering.page = question
        assert answering.confirm(PASSWORD).json()["method"] == "POST"
    assert [delivered(scene.app, name) for name in names] == [1, 1, 0, 0]


CUTS: dict[str, Callable[[Cutoff], None]] = {
    "silent": Cutoff.silent,
    "refused": Cutoff.refused,
    "reset": Cutoff.reset,
    "very slow": lambda wire: wire.slow(6.0),
}


@pytest.mark.parametrize(("store", "cut"), [(store, cut) for store in STORES for cut in CUTS][:-1])
def test_a_store_behind_a_broken_network_is_refused_in_time_and_used_again(scene: Scene, store: str, cut: str) -> None:
    names = [scene.person() for _ in range(3)]
    with (
        asked(scene.front, names[0]) as answering,
        confirmed(scene.front, names[1], TARGET) as resuming,
        scene.front.browser(scene.front.signed_in(names[2])) as fresh,
        watched(scene, store),
    ):
        question = answering.page
        try:
            CUTS[cut](scene.wire(store))
            refused(lambda: answering.confirm_only(PASSWORD), store)
            refused(lambda: scene.signs_in(names[2]), store)
            if store == "state":
                refused(lambda: fresh.request("GET", "/admin/"), store)
                refused(lambda: resuming.request("GET", TARGET), store)
            else:
                assert fresh.fetch("GET", "/admin/").status_code == 200
                assert resuming.get(TARGET).json()["method"] == "POST"
            scene.says(store, up=False)
        finally:
            scene.wire(store).whole()
        scene.recovers(store)
        answering.page = question
        told_the_truth(scene.app, names[0], answering.confirm(PASSWORD))
        if store == "state":
            told_the_truth(scene.app, names[1], resuming.get(TARGET))
    assert not got_page(scene.app, TARGET)


@pytest.mark.parametrize("store", STORES)
def test_over_a_slow_network_everything_goes_on_slowly(scene: Scene, store: str) -> None:
    name = scene.person()
    with watched(scene, store):
        try:
            scene.wire(store).slow(0.02)
            with asked(scene.front, name) as browser:
                assert browser.confirm(PASSWORD).json()["method"] == "POST"
            assert scene.signs_in(name).status_code == 200
        finally:
            scene.wire(store).whole()
    assert delivered(scene.app, name) == 1


def test_postgresql_restarted_under_use_keeps_people_from_signing_in_only(scene: Scene) -> None:
    names = [scene.person() for _ in range(2)]
    with (
        asked(scene.front, names[0]) as answering,
        scene.front.browser(scene.front.signed_in(names[1])) as fresh,
        watched(scene, "directory"),
    ):
        question = answering.page
        with scene.postgresql.stopped():
            refused(lambda: answering.confirm_only(PASSWORD), "directory")
            refused(lambda: scene.signs_in(names[1]), "directory")
            assert sends(fresh, names[1]).json()["method"] == "POST"
            scene.says("directory", up=False)
        scene.recovers("directory")
        answering.page = question
        assert answering.confirm(PASSWORD).json()["method"] == "POST"
    assert [delivered(scene.app, name) for name in names] == [1, 1]


def test_redis_or_postgresql_that_stands_still_for_half_a_minute_keeps_nobody_waiting(
    scene: Scene, tmp_path: Path
) -> None:
    """Each of them for a gateway of its own, at the same time."""
    with ExitStack() as stack:
        other = stack.enter_context(stage(tmp_path, stack.enter_context(postgres()), number=1))
        with ThreadPoolExecutor(2) as pool:
            stories = [pool.submit(_redis_stands_still, scene), pool.submit(_postgresql_stands_still, other)]
        for each in stories:
            each.result()


def _redis_stands_still(scene: Scene) -> None:
    names = [scene.person() for _ in range(3)]
    with (
        asked(scene.front, names[0]) as answering,
        confirmed(scene.front, names[1], TARGET) as resuming,
        scene.front.browser(scene.front.signed_in(names[2])) as fresh,
        watched(scene, "state"),
    ):
        question, took = answering.page, []
        scene.redis.pause()
        over = time.monotonic() + PAUSE
        try:
            while time.monotonic() < over:
                took.append(timed(lambda: refused(lambda: fresh.request("GET", "/admin/"), "state"))[1])
                refused(lambda: answering.confirm_only(PASSWORD), "state")
                refused(lambda: resuming.request("GET", TARGET), "state")
                refused(lambda: scene.signs_in(names[2]), "state")
                answering.page = question
            scene.says("state", up=False)
        finally:
            scene.redis.go_on()
        assert sorted(took)[len(took) // 2] < 1  # one a second waits, the others are told at once
        scene.recovers("state")
        told_the_truth(scene.app, names[0], answering.confirm(PASSWORD))
        told_the_truth(scene.app, names[1], resuming.get(TARGET))
        assert sends(fresh, names[2]).json()["method"] == "POST"
    assert not got_page(scene.app, TARGET)


def _postgresql_stands_still(scene: Scene) -> None:
    names = [scene.person() for _ in range(3)]
    with (
        asked(scene.front, names[0]) as answering,
        confirmed(scene.front, names[1], TARGET) as resuming,
        scene.front.browser(scene.front.signed_in(names[2])) as fresh,
        watched(scene, "directory"),
    ):
        question = answering.page
        with scene.postgresql.paused():
            over = time.monotonic() + PAUSE
            assert resuming.get(TARGET).json()["method"] == "POST"
            while time.monotonic() < over:
                refused(lambda: answering.confirm_only(PASSWORD), "directory")
                refused(lambda: scene.signs_in(names[2]), "directory")
                answering.page = question
                assert fresh.fetch("GET", "/admin/").status_code == 200
            scene.says("directory", up=False)
        scene.recovers("directory")
        told_the_truth(scene.app, names[0], answering.confirm(PASSWORD))
    assert [delivered(scene.app, name) for name in names] == [1, 1, 0]
    until(lambda: scene.front[0].ready())
