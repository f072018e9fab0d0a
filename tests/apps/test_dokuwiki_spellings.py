"""DokuWiki shows its profile form under many addresses and to many kinds of forms, and is administered by pages and by
scripts: none of them is a way around.

Each spelling is first tried on DokuWiki itself, so that the table lists what it really understands.
"""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.apps.dokuwiki import DokuWiki, sign_in
from tests.apps.forms import step_down
from tests.support.processes import PEOPLE, Gateway
from tests.support.visitor import Visitor

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b"
SHOWS_PROFILE = 'name="oldpass"'
SHOWS_ADMIN = "mode_admin"
AJAX = "/lib/exe/ajax.php"
ASKS_FOR_A_TOKEN = "CRSF Attack"
"""What a script that would change permissions answers to somebody who may, and who sent no token."""


def part(name: str, value: str = "profile") -> str:
    return f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n--b--\r\n'


@dataclass(frozen=True)
class Sent:
    method: str
    target: str
    body: bytes = b""
    kind: str = ""

    def __str__(self) -> str:
        return f"{self.method} {self.target} {self.kind[:15]} {self.body.decode()[:60]!r}"


@dataclass(frozen=True)
class Got:
    status: int
    location: str
    text: str


def get(target: str) -> Sent:
    return Sent("GET", target)


def post(target: str, body: str, kind: str = FORM) -> Sent:
    return Sent("POST", target, body.encode(), kind)


PROFILES = [
    get("/doku.php?id=start&do=profile"),
    get("/doku.php?do=profile"),
    get("/doku.php?do[profile]=1"),
    get("/doku.php?do%5Bprofile%5D=1"),
    get("/doku.php?%64o=prof%69le"),
    get("/doku.php?+do=profile"),
    get("/doku.php?do%00x=profile"),
    get("/doku.php?do=PROFILE"),
    get("/doku.php?do=%20profile"),
    get("/doku.php?do=profile%00"),
    get("/doku.php?do=%00profile"),
    get("/doku.php?do=show&do=profile"),
    get("/doku.php?do=pro-file"),
    get("/doku.php?do=p.r.o.f.i.l.e"),
    get("/doku.php?do=profile0"),
    get("/doku.php?do=profile%23"),
    get("/doku.php?do=prof%C3%A9ile"),
    get("/doku.php?do=%EF%BD%90profile"),
    get("/doku.php?do=%C1%B0profile"),
    get("/doku.php?do[pro.file]=1"),
    get("/doku.php?do[pro-file]=1"),
    get("/doku.php?do[%EF%BD%90profile]=1"),
    get("/?do=profile"),
    get("/index.php?do=profile"),
    get("/doku.php/start?do=profile"),
    get("/doku.php/x/y?do=profile"),
    get("/index.php/start?do=profile"),
    get("/start?do=profile"),
    get("/wiki/welcome?do=profile"),
    get("//doku.php?do=profile"),
    get("/./doku.php?do=profile"),
    get("/lib/../doku.php?do=profile"),
    get("/lib/exe/ajax.php/../../../doku.php?do=profile"),
    get("/lib/exe/ajax.php%2f..%2f..%2f..%2fdoku.php?do=profile"),
    get("/lib/exe/mediamanager.php/..%2f..%2f..%2fdoku.php?do=profile"),
    get("/doku%2ephp?do=profile"),
    get("/%64oku.php?do=profile"),
    post("/doku.php", "do=profile"),
    post("/doku.php", "do[profile]=1"),
    post("/doku.php", "do%5Bprofile%5D=1"),
    post("/doku.php", "do=show&do=profile"),
    post("/doku.php", "do=pro-file"),
    post("/doku.php?do=show", "do=profile"),
    post("/doku.php?do=profile", "x=1"),
    post("/doku.php?do=profile", "{}", "application/json"),
    post("/doku.php?do=profile", "<a/>", "text/xml"),
    post("/doku.php", "do=profile", FORM + "; charset=utf-16"),
    post("/start", "do=profile"),
    post("/doku.php", part("do"), MULTIPART),
    post("/doku.php", part("do[profile]", "1"), MULTIPART),
    post("/doku.php", part("do", "pro file"), MULTIPART),
    post("/doku.php", part("do").replace('"do"', "do"), MULTIPART),
    post("/doku.php", part("do").replace("--b--\r\n", ""), MULTIPART),
    post("/doku.php?do=show", part("do"), MULTIPART),
    Sent("PUT", "/doku.php?do=profile"),
    Sent("PUT", "/doku.php?do=profile", b"x", "text/plain"),
    Sent("DELETE", "/doku.php?do=profile"),
    Sent("OPTIONS", "/doku.php?do=profile"),
]
ADMINS = [
    get("/doku.php?do=admin"),
    get("/doku.php?do=admin&page=usermanager"),
    get("/start?do[ad-min]=1&page=config"),
    post("/doku.php", "do=admin&page=acl"),
    post("/doku.php", part("do", "admin"), MULTIPART),
]
PERMISSIONS = [
    get(f"{AJAX}?call=plugin_acl&cmd[save]=1"),
    get(f"{AJAX}?call=plugin%20_acl&cmd=del"),
    get(f"{AJAX}?call=plugin!_acl&cmd[del]=1"),
    get(f"{AJAX}?call=plugin_ac%C2%BFl&cmd[del]=1"),
    get(f"{AJAX}?call=x&call=plugin_acl&cmd[del]=1"),
    get(f"{AJAX}/start?call=plugin_acl&cmd[update]=1"),
    post(f"{AJAX}?call=plugin_acl&cmd[del]=1", "x", "application/octet-stream"),
    post(f"{AJAX}?call=plugin_acl", "cmd[update]=1"),
    post(f"{AJAX}?cmd=save", "call=plugin_acl"),
    post(AJAX, "call=plugin_acl&cmd[save]=1"),
    post(AJAX, "call=plugin_acl&cmd[save]=1", f"{FORM} x"),
    post(AJAX, "call=plugin_acl&cmd[save]=1", f"{FORM.upper()},x"),
    post(f"{AJAX}?cmd=save", part("call", "plugin_acl"), MULTIPART),
    post(f"{AJAX}?cmd=save", part("call", "plugin_acl"), MULTIPART.replace(";", " x;")),
]
OTHERS = [
    (get(f"{AJAX}?call=plugin_extension&ext=popularity&act=disable"), "Security Token did not match"),
    (post(AJAX, "call=plugin_extension&ext=popularity&act=disable"), "Security Token did not match"),
    (post("/lib/exe/xmlrpc.php", "<methodCall/>", "text/xml"), "faultCode"),
]
REACHING = [
    *((sent, SHOWS_PROFILE) for sent in PROFILES),
    *((sent, SHOWS_ADMIN) for sent in ADMINS),
    *((sent, ASKS_FOR_A_TOKEN) for sent in PERMISSIONS),
    *OTHERS,
]
LOOKALIKES = [
    get("/doku.php?id=profile"),
    get("/doku.php?id=admin"),
    get("/profile"),
    get("/doku.php?do=show"),
    get("/doku.php?do=edit&id=notes"),
    get("/doku.php?do=search&q=profile"),
    get("/doku.php?do=profiles"),
    get("/doku.php?profile=do"),
    get("/doku.php?id=start&note=do%3Dprofile"),
    get("/doku.php?redo=profile"),
    post("/doku.php", "do=preview&id=notes&wikitext=do%3Dprofile"),
    post("/doku.php", part("wikitext"), MULTIPART),
    post(AJAX, "not a form", "application/octet-stream"),
    post(f"{AJAX}?call=mediaupload&ns=wiki&qqfile=a.png", "call=plugin_acl&cmd=save", "application/octet-stream"),
    post(AJAX, "call=plugin_acl&ajax=tree&ns=wiki"),
    post(AJAX, "call=plugin_extension&ext=popularity&act=info"),
    post(AJAX, "call=linkwiz&q=plugin_acl&cmd=save"),
]


class Wire:
    """One person's requests, each byte as written: no library puts a target in order first."""

    def __init__(self, port: int, cookies: str) -> None:
        self.port = port
        self.cookies = cookies

    def send(self, sent: Sent, cookies: str = "") -> Got:
        headers = {
            "Host": f"localhost:{self.port}",
            "Cookie": cookies or self.cookies,
            "Sec-Fetch-Site": "same-origin",
            "Sec-Fetch-Mode": "navigate",
            "Sec-Fetch-Dest": "document",
        } | ({"Content-Type": sent.kind} if sent.kind else {})
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(sent.method, sent.target, body=sent.body or None, headers=headers)
            answer = connection.getresponse()
            return Got(answer.status, answer.headers.get("Location", ""), answer.read().decode(errors="replace"))
        finally:
            connection.close()


@pytest.fixture(scope="module")
def stale(wiki_front: Gateway) -> Iterator[Wire]:
    """Signed in to both; nothing is confirmed any more."""
    with Visitor(wiki_front.url) as visitor:
        sign_in(visitor, PEOPLE["alice"])
        step_down(visitor)
        yield Wire(wiki_front.port, "; ".join(f"{each.name}={each.value}" for each in visitor.http.cookies.jar))


@pytest.fixture(scope="module")
def behind(wiki: DokuWiki, stale: Wire) -> Wire:
    """The same person at DokuWiki's own port."""
    return Wire(wiki.port, stale.cookies)


def reached(wiki: DokuWiki, stale: Wire, sent: Sent) -> tuple[Got, list[str]]:
    """What came back, and what DokuWiki saw of it. It answers one request after the other, and logs them in order."""
    mark = f"/doku.php?id=mark{len(wiki.seen())}"
    assert stale.send(get(mark)).status == 200
    got = stale.send(sent)
    assert stale.send(get(mark + "x")).status == 200
    seen = wiki.seen()
    return got, seen[seen.index(f"GET {mark}") + 1 : seen.index(f"GET {mark}x")]


@pytest.mark.parametrize(("sent", "says"), REACHING, ids=str)
def test_every_spelling_that_dokuwiki_understands_is_asked_about(
    sent: Sent, says: str, wiki: DokuWiki, stale: Wire, behind: Wire
) -> None:
    assert says in behind.send(sent).text
    got, seen = reached(wiki, stale, sent)
    assert got.status == 303 and got.location.startswith("/.gateway/confirm/")
    assert seen == []


def test_a_script_that_does_not_run_as_debian_packages_it_is_asked_about_too(stale: Wire) -> None:
    for sent in (get("/lib/plugins/styling/popup.php"), post("/lib/plugins/styling/popup.php/x", "run[save]=1")):
        assert stale.send(sent).location.startswith("/.gateway/confirm/")


@pytest.mark.parametrize("sent", LOOKALIKES, ids=str)
def test_what_only_looks_alike_is_left_alone(sent: Sent, wiki: DokuWiki, stale: Wire, behind: Wire) -> None:
    assert SHOWS_PROFILE not in behind.send(sent).text
    got, seen = reached(wiki, stale, sent)
    assert ".gateway" not in got.location and got.status != 401
    assert seen == [f"{sent.method} {sent.target}"]


@pytest.mark.parametrize("target", ["//doku.php?do=profile", "//start?do=profile"])
def test_a_target_that_looks_like_another_host_resumes_here(target: str, wiki_front: Gateway, stale: Wire) -> None:
    with Visitor(wiki_front.url) as visitor:
        sign_in(visitor, PEOPLE["alice"])
        step_down(visitor)
        cookies = "; ".join(f"{each.name}={each.value}" for each in visitor.http.cookies.jar)
        visitor.get(stale.send(get(target), cookies).location)
        answer = visitor.confirm(PEOPLE["alice"])
        assert str(answer.url) == wiki_front.url + target
        assert SHOWS_PROFILE in answer.text
