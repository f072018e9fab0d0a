"""Several replicas of several workers are one gateway: what happens at one counts at all of them at once."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count
from threading import Barrier
from typing import TypeVar

import httpx
import pyotp
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Origin

from gateway.verifiers.recovery import CODE as RECOVERY_CODE
from tests.journeys.conftest import ROUTES
from tests.support.authenticator import Authenticator
from tests.support.echo import Echo
from tests.support.replicas import STALE, STORES, Browser, Replicas, replicas

COUNT = 3
PASSWORD = "correct horse battery"
NAMES = count(1)
OPTIONS = re.compile(r'data-options="([^"]+)"')

T = TypeVar("T")


@pytest.fixture(scope="module", params=STORES)
def three(app: Echo, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Replicas]:
    stores = request.param
    workers = 1 if stores == "sqlite" else 2  # what opens its files does not matter to SQLite
    folder = tmp_path_factory.mktemp("three")
    routes = ROUTES.format(upstream=app.url)
    with replicas(folder, routes, count=COUNT, workers=workers, stores=STORES[stores](folder, request)) as started:
        yield started


@pytest.fixture
def ada(three: Replicas) -> str:
    """Somebody new."""
    name = f"ada{next(NAMES)}"
    three.person(name, PASSWORD)
    return name


@pytest.fixture
def ida(three: Replicas) -> tuple[str, str]:
    """Somebody new with an authenticator app; its secret."""
    name, secret = f"ida{next(NAMES)}", pyotp.random_base32()
    three.person(name, PASSWORD, phone=secret)
    return name, secret


def twins(opened: Browser, stack: ExitStack, number: int = COUNT) -> list[Browser]:
    """As many tabs of that browser, each at the next replica, with the page it has before it."""
    found = []
    for at in range(number):
        twin = stack.enter_context(opened.again())
        found.append(twin.at(at % COUNT))
    return found


def at_once(browsers: list[Browser], act: Callable[[Browser], T]) -> list[T]:
    """What each gets."""
    barrier = Barrier(len(browsers))

    def contend(browser: Browser) -> T:
        barrier.wait(10)
        return act(browser)

    with ThreadPoolExecutor(len(browsers)) as threads:
        return list(threads.map(contend, browsers))


def everywhere(browser: Browser, method: str, target: str) -> set[int]:
    """How a script's call is answered by all of them; twice each worker, at least most of the time."""
    return {browser.at(at % COUNT).fetch(method, target).status_code for at in range(COUNT * 4)}


def delivered(app: Echo, words: str) -> int:
    return len([seen for seen in app.seen if words.encode() in seen.body])


# one story over all of them


@pytest.mark.parametrize("way", [(0, 1, 2, 0), (2, 0, 1, 1), (None, None, None, None)], ids=["012", "201", "balanced"])
def test_each_step_of_a_confirmation_may_be_at_another_replica(
    three: Replicas, app: Echo, ada: str, way: tuple[int | None, ...]
) -> None:
    sign_in, challenge, confirm, resume = way
    with three.browser(three.signed_in(ada, ago=STALE)) as browser:
        browser.at(challenge).request("POST", "/account/email", data={"email": f"{ada}@b.test"})
        browser.at(confirm).get(browser.page.headers["location"])
        assert browser.confirm_only(PASSWORD).status_code == 303
        browser.at(resume).get(browser.page.headers["location"])
        assert browser.page.json()["method"] == "POST"
        assert browser.at(sign_in).get("/account/email").json()["method"] == "GET"
    assert delivered(app, ada) == 1
    with three.browser() as browser:
        assert browser.at(sign_in).sign_in(ada, PASSWORD).status_code == 200
        assert browser.at(challenge).fetch("GET", "/admin/").status_code == 200


def test_a_person_of_the_command_line_signs_in_wherever_the_balancer_leads(three: Replicas) -> None:
    name = f"cli{next(NAMES)}"
    three.cli("users", "add", name, "--password-stdin", stdin=PASSWORD + "\n")
    time.sleep(1 - time.time() % 1)  # what was set in the very second of the sign-in counts as set after it
    with three.browser() as browser:
        assert browser.sign_in(name, PASSWORD).status_code == 200
        assert everywhere(browser, "GET", "/admin/") == {200}


# what ends at one ends at all


@pytest.mark.parametrize("how", ["revoked", "disabled", "signed out"])
def test_a_session_that_ends_is_over_everywhere(three: Replicas, ada: str, how: str) -> None:
    with three.browser(three.signed_in(ada)) as browser, browser.again() as thief:
        assert everywhere(thief, "GET", "/notes") == {200}
        if how == "signed out":
            browser.at(0).get("/.gateway/account")
            browser.at(1).submit("/.gateway/signout", {})
        else:
            three.cli(*(("sessions", "revoke") if how == "revoked" else ("users", "disable")), ada)
        ended = time.monotonic()
        assert everywhere(thief, "GET", "/admin/") == {401}
        time.sleep(max(0.0, ended + 1.05 - time.monotonic()))
        assert everywhere(thief, "GET", "/notes") == {401}


def test_the_id_before_a_confirmation_opens_nothing_sensitive_anywhere(three: Replicas, ada: str) -> None:
    with three.browser(three.signed_in(ada, ago=STALE)) as browser, browser.again() as thief:
        browser.at(0).get("/admin/")
        assert browser.at(1).confirm_only(PASSWORD).status_code == 303
        assert everywhere(thief, "GET", "/admin/") == {401}
        assert everywhere(browser, "GET", "/admin/") == {200}


def test_websockets_at_every_replica_end_with_their_session(three: Replicas, ada: str) -> None:
    token = three.signed_in(ada)
    with ExitStack() as stack:
        sockets = [
            stack.enter_context(
                connect(
                    f"ws://localhost:{three.port}/ws",
                    additional_headers={"Cookie": f"gateway_session={token}"},
                    origin=Origin(three.url),
                )
            )
            for _ in range(COUNT * 2)
        ]
        for number, socket in enumerate(sockets):
            socket.send(f"hello {number}")
            assert socket.recv(5) == f"hello {number}"
        three.cli("sessions", "revoke", ada)
        ended = time.monotonic()
        for socket in sockets:
            with pytest.raises(ConnectionClosed) as closed:
                socket.recv(5)
            assert closed.value.rcvd is not None and closed.value.rcvd.code == 1008
        assert time.monotonic() - ended < 2


# what works once works once over all


def test_a_held_request_that_all_race_for_reaches_the_app_once(three: Replicas, app: Echo, ada: str) -> None:
    with three.browser(three.signed_in(ada, ago=STALE)) as browser, ExitStack() as stack:
        browser.go("POST", "/account/email", data={"email": f"{ada}@b.test"})
        browser.confirm_only(PASSWORD)
        statuses = at_once(
            twins(browser, stack, COUNT * 2), lambda tab: tab.request("GET", "/account/email").status_code
        )
    assert sorted(statuses) == [200] + [409] * (COUNT * 2 - 1)
    assert delivered(app, ada) == 1


def test_a_confirmation_answered_at_all_of_them_sends_one_request(three: Replicas, app: Echo, ada: str) -> None:
    with three.browser(three.signed_in(ada, ago=STALE)) as browser, ExitStack() as stack:
        browser.go("POST", "/account/email", data={"email": f"{ada}@b.test"})
        at_once(twins(browser, stack), lambda tab: tab.confirm(PASSWORD).status_code)
    assert delivered(app, ada) == 1


def test_a_code_works_once_whichever_replica_sees_it(three: Replicas, ida: tuple[str, str]) -> None:
    name, secret = ida
    with ExitStack() as stack:
        browsers = [stack.enter_context(three.browser(three.signed_in(name))).at(n) for n in range(COUNT)]
        for browser in browsers:
            browser.get("/vault/")
        code = _fresh(secret)
        told = at_once(browsers, lambda tab: tab.answer_only(way="totp", code=code).status_code)
    assert sorted(told) == [303, 422, 422]


def test_a_recovery_code_works_once_whichever_replica_sees_it(three: Replicas, ida: tuple[str, str]) -> None:
    name, secret = ida
    with three.browser() as owner, ExitStack() as stack:
        owner.sign_in(name, PASSWORD)
        owner.submit("/.gateway/signin/code", {"code": _fresh(secret)})
        owner.get("/.gateway/account/recovery")
        page = owner.submit("/.gateway/account/recovery", {}).text
        code = re.findall(r"[0-9A-Z]{5}(?:-[0-9A-Z]{5}){3}", page)[0]
        assert RECOVERY_CODE.fullmatch(code.replace("-", ""))
        browsers = [stack.enter_context(three.browser()).at(n) for n in range(COUNT)]
        for browser in browsers:
            browser.sign_in(name, PASSWORD)
        form = {"code": code}
        told = at_once(browsers, lambda tab: tab.submit("/.gateway/signin/code", form).status_code)
    assert sorted(told) == [200, 422, 422]


def test_the_challenge_of_a_passkey_sign_in_is_good_once(three: Replicas, ada: str) -> None:
    device = Authenticator(counts=False)
    with three.browser(three.signed_in(ada)) as owner, three.browser() as browser, ExitStack() as stack:
        options = _options(owner.get("/.gateway/account/passkey"))
        answer = device.create(options, three.url)
        owner.submit("/.gateway/account/passkey", {"label": "key", "passkey": answer})
        assert owner.page.url.params["done"] == "passkey", owner.page.text
        signed = device.get(_options(browser.get("/.gateway/signin")), three.url, id=next(iter(device.keys)))
        tabs = twins(browser, stack)
        told = at_once(tabs, lambda tab: tab.submit("/.gateway/signin", {"passkey": signed}).status_code)
    assert sorted(told) == [200, 422, 422]


def test_what_is_asked_every_time_passes_once_over_all_of_them(three: Replicas, app: Echo, ada: str) -> None:
    with three.browser(three.signed_in(ada)) as browser, ExitStack() as stack:
        told = browser.at(0).fetch("POST", "/account/delete", content=ada)
        assert told.status_code == 401
        browser.at(1).get(told.json()["confirm_url"].removeprefix(three.url))
        assert browser.confirm_only(PASSWORD).status_code == 303
        tabs = twins(browser, stack, COUNT * 2)
        calls = at_once(tabs, lambda tab: tab.fetch("POST", "/account/delete", content=ada).status_code)
    assert sorted(calls) == [200] + [401] * (COUNT * 2 - 1)
    assert delivered(app, ada) == 1


def test_guesses_at_all_of_them_share_one_count(three: Replicas, ada: str) -> None:
    with three.browser() as guesser:
        told = [guesser.at(number % COUNT).sign_in(ada, "wrong").status_code for number in range(6)]
        assert told == [422] * 5 + [429]
        assert [guesser.at(at).sign_in(ada, PASSWORD).status_code for at in range(COUNT)] == [429] * COUNT


def _fresh(secret: str) -> str:
    """A code that stays good for some seconds."""
    if time.time() % 30 > 25:
        time.sleep(6)
    return pyotp.TOTP(secret).now()


def _options(page: httpx.Response) -> str:
    found = OPTIONS.search(page.text)
    assert found is not None, page.text
    return found[1].replace("&#34;", '"').replace("&quot;", '"').replace("&amp;", "&")
