"""Attacks on apps that keep their own login: with somebody else's cookie, key or place, and without their password."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import count
from urllib.parse import urlencode

import httpx
import pytest

from tests.journeys.ageing import STATE, older
from tests.journeys.test_app_login import (
    APP,
    change,
    confirm,
    signed_in,
    to_app,
    with_cookie,
)
from tests.support.ledger import LOGIN, ROUTES, WHOAMI, Ledger, django, ledger, node, php, python
from tests.support.processes import Gateway, gateway
from tests.support.raw import Answer, Raw
from tests.support.visitor import Visitor

NAMES = count(1)
READERS = {"python": python, "django": django, "node": node, "php": php}
THIEF = "thief@b.test"


@pytest.fixture(scope="module")
def running() -> Iterator[Ledger]:
    with ledger() as book:
        yield book


@pytest.fixture(scope="module")
def knowing(running: Ledger, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """It may ask the app who somebody is."""
    routes = APP.format(upstream=running.url) + LOGIN + WHOAMI + ROUTES
    with gateway(tmp_path_factory.mktemp("knowing"), routes, people={}) as front:
        yield front


@pytest.fixture(scope="module")
def unknowing(running: Ledger, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """It has nothing to ask."""
    routes = APP.format(upstream=running.url) + LOGIN + ROUTES
    with gateway(tmp_path_factory.mktemp("unknowing"), routes, people={}) as front:
        yield front


@pytest.fixture(params=["knowing", "unknowing"])
def front(request: pytest.FixtureRequest) -> Gateway:
    """Each of them."""
    gate: Gateway = request.getfixturevalue(request.param)
    return gate


@pytest.fixture
def book(running: Ledger) -> Iterator[Ledger]:
    yield running
    running.plain()


@pytest.fixture
def ann(book: Ledger) -> str:
    """Somebody new, whose password is their name and "-pw"."""
    name = f"victim{next(NAMES)}"
    book.passwords[name] = name + "-pw"
    return name


@pytest.fixture
def ben(book: Ledger) -> str:
    """The thief, who has an account of their own."""
    name = f"thief{next(NAMES)}"
    book.passwords[name] = name + "-pw"
    return name


def ours(visitor: Visitor) -> bytes:
    """The gateway's own cookies of a browser, as the beginning of a Cookie field."""
    jar = visitor.http.cookies
    return f"gateway_session={jar['gateway_session']}; gateway_bound={jar['gateway_bound']}; ".encode()


def sent(
    front: Gateway,
    target: str,
    *fields: tuple[bytes, bytes],
    form: dict[str, str] | None = None,
    host: bytes = b"localhost",
) -> Answer:
    """One POST with just these fields and what a browser says of itself."""
    body = urlencode(form or {"email": THIEF}).encode()
    head = [
        (b"host", b"%b:%d" % (host, front.port)),
        (b"origin", b"http://%b:%d" % (host, front.port)),
        (b"accept", b"text/html"),
        (b"sec-fetch-site", b"same-origin"),
        (b"sec-fetch-mode", b"navigate"),
        (b"content-type", b"application/x-www-form-urlencoded"),
        (b"content-length", str(len(body)).encode()),
        *fields,
    ]
    lines = b"".join(name + b": " + value + b"\r\n" for name, value in head)
    with Raw(front.port) as raw:
        raw.send(b"POST " + target.encode() + b" HTTP/1.1\r\n" + lines + b"\r\n" + body)
        return raw.answer()


def set_cookies(answer: Answer) -> dict[str, str]:
    pairs = (value.partition(";")[0].partition("=") for value in answer.values("set-cookie"))
    return {name: value for name, _, value in pairs}


# a stolen cookie beside one's own, hidden from the gateway in some way that some app does not mind


@pytest.mark.parametrize(
    ("reader", "spelled"),
    [
        ("python", b"sid=OWN; a=b sid=STOLEN"),
        ("python", b"sid=OWN; a=b sid\t=\tSTOLEN"),
        ("python", b'sid=OWN; a="b c" sid="STOLEN"'),
        ("python", b'sid=OWN; a="b; c=\\"; sid=STOLEN"; sid=STOLEN'),
        ("python", b"sid=OWN, sid=STOLEN"),
        ("django", b"sid=OWN; \xc2\xa0sid=STOLEN"),
        ("django", b"sid=OWN; sid\xe3\x80\x80=STOLEN"),
        ("django", b'sid=OWN; \xc2\x85sid ="STOLEN"'),
        ("node", b"\xa0sid=STOLEN; sid=OWN"),
        ("node", b"sid\xa0=STOLEN; sid=OWN"),
        ("php", b"s%69d=STOLEN; sid=OWN"),
        ("php", b"+sid=STOLEN; sid=OWN"),
        ("php", b"sid%00x=STOLEN; sid=OWN"),
    ],
)
def test_however_an_app_finds_a_stolen_cookie_the_gateway_finds_it_too(
    front: Gateway, book: Ledger, ann: str, ben: str, reader: str, spelled: bytes
) -> None:
    with signed_in(front, ben) as thief:
        book.reads = READERS[reader]
        own, stolen = thief.http.cookies["sid"].encode(), book.sign_in_directly(ann).encode()
        cookie = spelled.replace(b"OWN", own).replace(b"STOLEN", stolen)
        assert book.sessions[book.reads(cookie.decode("latin-1"))["sid"]] == ann
        assert sent(front, "/email", (b"cookie", ours(thief) + cookie)).status in (303, 403)
        assert book.did(ann) == []


@pytest.mark.parametrize("order", [(b"sid=OWN", b"sid=STOLEN"), (b"sid=STOLEN", b"sid=OWN")])
def test_two_cookie_fields_are_not_two_stories(
    front: Gateway, book: Ledger, ann: str, ben: str, order: tuple[bytes, bytes]
) -> None:
    """The app takes the first field, which joined with the second says something else."""
    with signed_in(front, ben) as thief:
        own, stolen = thief.http.cookies["sid"].encode(), book.sign_in_directly(ann).encode()
        fields = [(b"cookie", each.replace(b"OWN", own).replace(b"STOLEN", stolen)) for each in order]
        cookies: dict[str, str] = {}
        for _ in range(2):
            first = sent(front, "/email", (b"cookie", ours(thief)), *fields)
            cookies = set_cookies(first) or cookies
            if "gateway_session" in cookies:
                for name in ("gateway_session", "gateway_bound"):
                    thief.http.cookies.set(name, cookies[name], domain="localhost.local", path="/")
                location = first.header("location") or ""
                if location.startswith("/.gateway/confirm/"):
                    thief.get(location)
                    confirm(thief, ben + "-pw", username=ben)
        sent(front, "/email", (b"cookie", ours(thief)), *fields)
        assert book.did(ann) == []


def test_who_is_signed_out_of_the_app_alone_is_not_sent_to_and_fro(knowing: Gateway, book: Ledger, ann: str) -> None:
    with signed_in(knowing, ann) as visitor:
        del visitor.http.cookies["sid"]
        assert 'href="/login"' in visitor.get("/email").text
    with with_cookie(knowing, book.sign_in_directly(ann)) as visitor:
        change(visitor, "a@b.test")
        confirm(visitor, ann + "-pw", username=ann)
        book.sessions.clear()
        older(knowing.folder, 0)
        visitor.http.cookies.set("x", "1")  # what was believed of these cookies a moment ago is another minute's story
        assert 'href="/login"' in change(visitor, "b@b.test").text


# what only looks like a sign-in


def test_a_stolen_cookie_that_signs_in_on_the_sign_in_page_alone_proves_nothing(
    front: Gateway, book: Ledger, ann: str
) -> None:
    """The app's other pages do not know it, so that nobody seems to have been there before."""
    book.trusts = book.at_login = True
    with with_cookie(front, "none", ("remember_me", ann)) as thief:
        thief.go("POST", "/login", data={"user": ann, "pass": "any"})
        assert f"Signed in as <b>{ann}</b>" in thief.page.text
        assert "gateway_session" not in thief.http.cookies
        change(thief, THIEF)
        assert book.did(ann) == []


def test_two_cookie_fields_and_any_password_prove_nothing(knowing: Gateway, book: Ledger, ann: str) -> None:
    """Whoever reads the first field lets the thief in; whoever reads both as one knows nobody before."""
    book.trusts = book.rotates = True
    stolen = book.sign_in_directly(ann).encode()
    form = {"user": ann, "pass": "any"}
    fields = ((b"cookie", b"sid=" + stolen), (b"cookie", b"sid=none"))
    assert "gateway_session" not in set_cookies(sent(knowing, "/login", *fields, form=form))


@pytest.mark.parametrize("careless", [True, False])
def test_an_answer_that_leads_where_its_sender_wants_proves_nothing(
    front: Gateway, book: Ledger, ann: str, careless: bool
) -> None:
    book.careless = careless
    with Visitor(front.url) as thief:
        thief.request("POST", "/login", data={"user": ann, "pass": "any"}, headers={"referer": f"{front.url}/away"})
        assert (thief.page.headers.get("location") == "/away") is careless
        assert "gateway_session" not in thief.http.cookies


def test_a_stolen_cookie_beside_a_right_password_of_ones_own_is_not_taken_for_the_one_that_signed_in(
    knowing: Gateway, book: Ledger, ann: str, ben: str
) -> None:
    """Before, the app reads nobody; afterwards the stolen cookie, which the new one does not replace."""
    book.reads = php
    with Visitor(knowing.url) as thief:
        thief.get("/login")
        form = {"user": ben, "pass": ben + "-pw", "csrf": thief.hidden()["csrf"]}
        cookie = f"sid={thief.http.cookies['sid']}; s%69d={book.sign_in_directly(ann)}".encode()
        got = set_cookies(sent(knowing, "/login", (b"cookie", cookie), form=form))
        assert book.sessions[got["sid"]] == ben
        cookie += b"; gateway_session=%b; gateway_bound=%b" % (
            got.get("gateway_session", "").encode(),
            got.get("gateway_bound", "").encode(),
        )
        book.reads = lambda said: {"sid": said.partition("s%69d=")[2].partition(";")[0]}
        sent(knowing, "/email", (b"cookie", cookie))
        assert book.did(ann) == []


# guessing


def test_guesses_at_another_persons_password_are_counted_as_that_persons(
    knowing: Gateway, book: Ledger, ann: str, ben: str
) -> None:
    """Else whoever gives their own password now and then could go on guessing for ever."""
    with signed_in(knowing, ben) as thief:
        waits = 0
        for number in range(8):
            older(knowing.folder)
            change(thief, f"{number}@b.test")
            confirm(thief, f"guess-{number}", username=ann)
            waits += thief.page.status_code == 429
            confirm(thief, ben + "-pw", username=ben)
        assert waits >= 2
        assert len(book.did(ben)) >= 5
    with Visitor(knowing.url) as visitor:
        assert to_app(visitor, ann).status_code == 429


# keys, beside cookies


@pytest.mark.parametrize("key", ["authorization", "Authorization"])
def test_a_stolen_key_beside_ones_own_cookie_is_not_vouched_for_by_a_page_that_looks_at_the_cookie(
    front: Gateway, book: Ledger, ann: str, ben: str, key: str
) -> None:
    book.bearer = True
    with signed_in(front, ben) as thief:
        stolen = {key: f"Bearer key-of-{ann}"}
        for _ in range(2):
            thief.go("POST", "/email", data={"email": THIEF}, headers=stolen)
            if thief.page.url.path.startswith("/.gateway/confirm/"):
                confirm(thief, ben + "-pw", username=ben)
        assert thief.fetch("POST", "/api/keys", headers=stolen).status_code in (401, 403)
        assert book.did(ann) == []


# floods


def test_junk_cookies_of_one_address_do_not_fill_the_app_with_questions(knowing: Gateway, book: Ledger) -> None:
    book.slow, book.at_once = 0.1, 0
    with ThreadPoolExecutor(40) as pool:
        calls = pool.map(lambda n: httpx.post(f"{knowing.url}/email", cookies={"sid": f"junk{n}"}), range(40))
        assert {each.status_code for each in calls} == {401}
    assert 1 <= book.at_once <= 8


def test_the_calls_of_one_page_ask_the_app_once(knowing: Gateway, book: Ledger, ann: str) -> None:
    sid, book.slow = book.sign_in_directly(ann), 0.2
    with ThreadPoolExecutor(20) as pool:
        calls = list(pool.map(lambda _: httpx.post(f"{knowing.url}/api/keys", cookies={"sid": sid}), range(20)))
    assert {each.status_code for each in calls} == {401}
    assert len({each.cookies["gateway_session"] for each in calls}) == 1
    assert len([line for line in book.requests if line == f"GET /me {ann}"]) == 1


# one person's request, another's confirmation


def test_what_one_person_confirmed_is_not_held_for_the_next_person_of_the_same_cookie(
    knowing: Gateway, book: Ledger, ann: str, ben: str
) -> None:
    with signed_in(knowing, ann) as visitor:
        older(knowing.folder)
        change(visitor, "anns-secret@b.test")
        form = {**visitor.hidden(), "way": "password", "password": ann + "-pw"}
        visitor.request("POST", visitor.page.url.path, data=form)
        assert visitor.page.headers["location"] == "/email"
        book.sessions[visitor.http.cookies["sid"]] = ben  # who became somebody else meanwhile
        visitor.get("/email")
        assert "anns-secret" not in visitor.page.text and visitor.page.status_code == 403
        assert book.did(ann) == book.did(ben) == []


def test_a_confirmation_of_somebody_else_is_not_found(knowing: Gateway, book: Ledger, ann: str, ben: str) -> None:
    with (
        signed_in(knowing, ann) as visitor,
        with_cookie(knowing, book.sign_in_directly(ann)) as thief,
        signed_in(knowing, ben) as other,
    ):
        older(knowing.folder)
        change(visitor, "anns-secret@b.test")
        asks = visitor.page.url.path
        change(thief, THIEF)
        for browser in (thief, other):
            assert browser.get(asks).status_code == 404 and "anns-secret" not in browser.page.text
            assert browser.submit(asks, {"way": "password", "password": ann + "-pw"}).status_code == 404
        assert book.did(ann) == []


# what the app is told


def test_who_proved_nothing_is_told_to_the_app_as_nobody(knowing: Gateway, book: Ledger, ann: str) -> None:
    with with_cookie(knowing, book.sign_in_directly(ann)) as thief:
        change(thief, THIEF)
        assert "gateway_session" in thief.http.cookies
        assert "(None None)" in thief.get("/").text


# a session in an address


@pytest.mark.parametrize("address", ["/email?sid={}", "/email;sid={}", "/email?a=b&s%69d={}"])
def test_a_stolen_session_in_an_address_is_seen(front: Gateway, book: Ledger, ann: str, ben: str, address: str) -> None:
    """The app takes it where the cookie is missing; and there is another cookie of the thief's own."""
    book.remembers = True
    with signed_in(front, ben) as thief:
        book.in_address = True
        del thief.http.cookies["sid"]
        sent(
            front,
            address.format(book.sign_in_directly(ann)),
            (b"cookie", ours(thief) + f"remember_me={ben}".encode()),
        )
        assert book.did(ann) == []


# the gateway made to grow


def test_a_cookie_and_much_junk_beside_it_open_one_session(knowing: Gateway, book: Ledger, ann: str) -> None:
    sid = book.sign_in_directly(ann)
    for number in range(30):
        httpx.post(f"{knowing.url}/email", headers={"cookie": f"sid={sid}; junk={number}"})
    with closing(sqlite3.connect(knowing.folder / STATE)) as db:
        (opened,) = db.execute("SELECT count(*) FROM sessions WHERE subject = ?", (f"ledger:{ann}",)).fetchone()
    assert opened <= 2


# what did not work


@pytest.mark.parametrize("page", ["", "/password", "/totp", "/passkey", "/recovery", "/sessions/revoke-others"])
def test_a_stolen_cookie_enrols_nothing(knowing: Gateway, book: Ledger, ann: str, ben: str, page: str) -> None:
    with signed_in(knowing, ben) as thief:
        thief.http.cookies.set("sid", book.sign_in_directly(ann), domain="localhost.local", path="/")
        change(thief, THIEF)
        thief.get("/.gateway/account" + page)
        assert thief.page.url.path.startswith("/.gateway/confirm/")
        assert confirm(thief, ben + "-pw", username=ben).status_code == 422


def test_marks_of_one_session_say_nothing_of_another(knowing: Gateway, book: Ledger, ann: str, ben: str) -> None:
    with signed_in(knowing, ben) as thief, with_cookie(knowing, book.sign_in_directly(ann)) as other:
        change(other, THIEF)
        for session, marks in ((thief, other), (other, thief), (thief, thief)):
            cookie = (
                f"gateway_session={session.http.cookies['gateway_session']}; "
                f"gateway_bound={marks.http.cookies['gateway_bound']}.{thief.http.cookies['gateway_bound']}; "
                f"sid={other.http.cookies['sid']}"
            )
            assert sent(knowing, "/email", (b"cookie", cookie.encode())).status == 303
        assert book.did(ann) == []


def test_a_page_on_which_others_write_names_nobody_twice(knowing: Gateway, book: Ledger, ann: str, ben: str) -> None:
    """The thief is known to the app by a cookie that nobody saw set, and has the name of somebody else on the page."""
    book.beside = f"<p>Signed in as <b>{ann}</b></p>"
    with with_cookie(knowing, book.sign_in_directly(ben)) as thief:
        change(thief, THIEF)
        assert thief.page.url.path == "/.gateway/signin"
        assert "gateway_session" not in thief.http.cookies


@pytest.mark.parametrize("header", [b"cookie", b"authorization"])
def test_a_websocket_with_something_stolen_is_refused(
    knowing: Gateway, book: Ledger, ann: str, ben: str, header: bytes
) -> None:
    with signed_in(knowing, ben) as thief:
        stolen = {b"cookie": f"sid={book.sign_in_directly(ann)}", b"authorization": f"Bearer key-of-{ann}"}[header]
        fields = {b"cookie": ours(thief) + f"sid={thief.http.cookies['sid']}".encode()}
        fields[header] = fields.get(header, b"") + (b"; " if header in fields else b"") + stolen.encode()
        fields |= {b"connection": b"Upgrade", b"upgrade": b"websocket", b"sec-websocket-version": b"13"}
        fields |= {b"sec-websocket-key": b"dGhlIHNhbXBsZSBub25jZQ==", b"origin": knowing.url.encode()}
        lines = b"".join(b"%b: %b\r\n" % each for each in fields.items())
        with Raw(knowing.port) as raw:
            raw.send(b"GET /api/keys HTTP/1.1\r\nhost: localhost:%d\r\n%b\r\n" % (knowing.port, lines))
            assert raw.answer().status == 401
        assert book.did(ann) == book.did(ben) == []


@pytest.mark.parametrize("how", ["cross-site", "same-site"])
def test_another_site_can_neither_confirm_nor_sign_out(knowing: Gateway, book: Ledger, ann: str, how: str) -> None:
    with signed_in(knowing, ann) as visitor:
        older(knowing.folder)
        change(visitor, "a@b.test")
        asks, form = visitor.page.url.path, {**visitor.hidden(), "way": "password", "password": ann + "-pw"}
        assert visitor.request("POST", asks, data=form, site=how).status_code == 403
        assert visitor.request("POST", asks + "/cancel", data=form, site=how).status_code == 403
        assert book.did(ann) == []


def test_an_app_of_the_same_people_at_another_host_takes_no_session_of_this_one(
    running: Ledger, book: Ledger, ann: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    second = APP.replace('"ledger"', '"ledger-2"').replace("signin", 'host = "other.localhost"\nsignin')
    first = APP.replace("signin", 'host = "localhost"\nsignin')
    routes = "".join(app.format(upstream=running.url) + LOGIN + WHOAMI + ROUTES for app in (first, second))
    with gateway(tmp_path_factory.mktemp("two"), routes, people={}) as two, signed_in(two, ann) as visitor:
        cookie = ours(visitor) + f"sid={visitor.http.cookies['sid']}".encode()
        assert sent(two, "/email", (b"cookie", cookie), host=b"other.localhost").status == 303
        assert book.did(ann) == []
        assert sent(two, "/email", (b"cookie", cookie)).status == 200
