"""Whom the app takes the sender of a request for."""

from __future__ import annotations

import pytest

from gateway.errors import UpstreamBroken, UpstreamTimeout, UpstreamUnreachable
from gateway.identity.app import DEADLINES
from gateway.identity.http import Deadlines
from gateway.policy.login import OWNER, WhoAmI
from tests.identity.shop import ADDRESS, Said, Shop, identity, login
from tests.support.coroutines import runner as runner

SHORT = Deadlines(answer=0.4)


async def test_somebody_with_a_session_has_a_name(app: Shop) -> None:
    cookie = f"a=b; sid={app.sign_in('Zoë & Co')}".encode()
    assert await identity(app).who([(b"cookie", cookie)], address=ADDRESS) == "Zoë & Co"


@pytest.mark.parametrize("headers", [[], [(b"cookie", b"sid=none")], [(b"authorization", b"Basic eDp5")]])
async def test_somebody_without_has_none(app: Shop, headers: list[tuple[bytes, bytes]]) -> None:
    assert await identity(app).who(headers, address=ADDRESS) is None


async def test_the_app_is_asked_with_what_it_may_know_the_browser_by_and_no_more(app: Shop) -> None:
    headers = [
        (b"host", b"evil.test"),
        (b"cookie", b"sid=1; __Host-gateway_session=ours; gateway_bound=ours; x=2"),
        (b"authorization", b"Basic eDp5"),
        (b"user-agent", b"Mine/1"),
        (b"accept-language", b"eo"),
        (b"x-forwarded-for", b"203.0.113.9"),
        (b"x-auth-user", b"mallory"),
        (b"content-length", b"7"),
        (b"range", b"bytes=0-1"),
        (b"if-none-match", b"*"),
        (b"accept-encoding", b"br"),
        (b"x-http-method-override", b"DELETE"),
    ]
    await identity(app).who(headers, address=ADDRESS)
    [asked] = app.asked
    assert asked.line == "GET /me"
    assert asked.fields == {
        "host": "shop.example.com",
        "x-forwarded-for": ADDRESS,
        "x-forwarded-proto": "https",
        "x-forwarded-host": "shop.example.com",
        "accept": asked.fields["accept"],
        "accept-encoding": "br",
        "cache-control": "no-cache",
        "authorization": "Basic eDp5",
        "user-agent": "Mine/1",
        "accept-language": "eo",
        "cookie": "sid=1; x=2",
        "connection": "close",
    }


async def test_cookies_in_two_fields_stay_in_two_fields(app: Shop) -> None:
    fields = [(b"cookie", b"sid=1"), (b"cookie", b"gateway_bound=ours"), (b"cookie", b"x=2")]
    await identity(app).who(fields, address=ADDRESS)
    assert app.asked[0].fields["cookie"] == "x=2"  # the second of them; joined it would be "sid=1; x=2"


@pytest.mark.parametrize(
    "page",
    [
        "<b>alice</b>!" + "Hello, <b>alice</b>!" * 200,
        "Hello, <b>alice</b>!" + " " * (1 << 20) + "Hello, <b>bob</b>!",
    ],
)
async def test_a_page_that_is_not_read_to_its_end_names_nobody(app: Shop, page: str) -> None:
    app.says["GET /me"] = Said(200, page)
    assert await identity(app).who([], address=ADDRESS) is None


async def test_an_app_that_answers_in_a_coding_of_browsers_is_asked_again(app: Shop) -> None:
    app.says["GET /me"] = Said(200, "Hello, <b>alice</b>!", (("Content-Encoding", "br"),))
    await identity(app).who([(b"accept-encoding", b"gzip, br")], address=ADDRESS)
    assert [each.fields["accept-encoding"] for each in app.asked] == ["gzip, br", "gzip"]


@pytest.mark.parametrize(
    ("said", "name"),
    [
        (Said(200, "Hello, <b>alice</b>!"), "alice"),
        (Said(401, "Hello, <b>alice</b>!"), None),
        (Said(403, "Hello, <b>alice</b>!"), None),
        (Said(404, "Hello, <b>alice</b>!"), None),
        (Said(302, "Hello, <b>alice</b>!", (("Location", "/me/"),)), None),
        (Said(200, "Hello, <b></b>!"), None),
        (Said(200, "Hello, <b>alice</b>! Hello, <b>alice</b>!"), "alice"),
        (Said(200, "Hello, <b>alice</b>! Hello, <b>bob</b>!"), None),
        (Said(200, "Hello, <b> alice </b>!"), None),
        (Said(200, "Hello, <b>al\u202eice</b>!"), None),
        (Said(200, "Hello, <b>O&#39;Neill &amp; Söhne</b>!"), "O'Neill & Söhne"),
        (Said(200, "Hello, <b>&amp;#97;lice</b>!"), "&#97;lice"),
        (Said(200, "Hello, <b>&#97;lice</b>!", type="text/plain"), "&#97;lice"),
        (Said(200, "Hello, <b>al\\u0069ce</b>!"), "al\\u0069ce"),
        (Said(200, "<script>var x; Hello, <b>al\\u0069ce</b>!"), "alice"),
        (Said(200, "<script>var x;</script> Hello, <b>al\\u0069ce</b>!"), "al\\u0069ce"),
        (Said(200, "<script>Hello, <b>&#97;lice</b>!</script>"), "&#97;lice"),
        (Said(200, "Hello, <b>al\\u0069ce</b>!", type="application/json"), "alice"),
        (Said(200, "Hello, <b>&#97;lice</b>!", type="application/json"), "&#97;lice"),
        (Said(200, "Hello, <b>alice\\</b>!", type="application/json"), None),
        (Said(200, "Hello, <b>Zoë</b>!".encode("latin-1"), type="text/html; charset=iso-8859-1"), "Zoë"),
        (Said(200, "<meta charset=koi8-r>Hello, <b>Алиса</b>!".encode("koi8-r"), type="text/html"), "Алиса"),
        (Said(200, b"Hello, <b>+AGEAbABpAGMAZQ-</b>!", type="text/html; charset=utf-7"), "+AGEAbABpAGMAZQ-"),
    ],
)
async def test_a_name_is_what_stands_there_and_nothing_is_guessed(app: Shop, said: Said, name: str | None) -> None:
    app.says["GET /me"] = said
    assert await identity(app).who([], address=ADDRESS) == name


@pytest.mark.parametrize(("page", "name"), [("Sign out of the lab", OWNER), ("Password:", None)])
async def test_an_app_without_names_has_an_owner(app: Shop, page: str, name: str | None) -> None:
    app.says["GET /me"] = Said(200, page)
    described = login(username="", whoami=WhoAmI("/me", "Sign out"))
    assert await identity(app, described).who([], address=ADDRESS) == name


async def test_where_nobody_can_be_asked_nobody_is_named(app: Shop) -> None:
    assert await identity(app, login(whoami=None)).who([(b"cookie", b"sid=1")], address=ADDRESS) is None
    assert app.asked == []


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (Said(500), UpstreamBroken),
        (Said(503), UpstreamBroken),
        (Said(429), UpstreamBroken),
        (Said(200, "x" * 99, cut=9), UpstreamBroken),
        (Said(200, wait=0.8), UpstreamTimeout),
    ],
)
async def test_an_app_that_cannot_say_is_no_app_that_says_nobody(app: Shop, said: Said, error: type[Exception]) -> None:
    app.says["GET /me"] = said
    with pytest.raises(error):
        await identity(app, deadlines=SHORT if said.wait else DEADLINES).who([], address=ADDRESS)


async def test_an_app_that_is_down_cannot_be_reached() -> None:
    with pytest.raises(UpstreamUnreachable):
        await identity("http://127.0.0.1:1", deadlines=SHORT).who([], address=ADDRESS)
