"""Whatever an app does, nothing secret leaves the conversation; and no conversation knows of another."""

from __future__ import annotations

import asyncio
import logging
import traceback
from dataclasses import replace

import pytest

from gateway.errors import Busy, UpstreamBroken
from gateway.identity.app import AT_ONCE, WAITING
from gateway.identity.http import Deadlines
from gateway.policy.facts import Reason
from gateway.policy.login import Accepted, Declined
from tests.edge.servers import answering
from tests.identity.shop import ADDRESS, PASSWORD, PEOPLE, Asked, Said, Shop, identity, login, shop
from tests.support.coroutines import runner as runner

SHORT = Deadlines(conversation=0.3)


@pytest.mark.parametrize("leave", ["form", "link", "asks"])
@pytest.mark.parametrize("password", [PASSWORD, "wrong-but-close"])
async def test_what_is_told_and_logged_has_no_secret_in_it(
    caplog: pytest.LogCaptureFixture, leave: str, password: str
) -> None:
    caplog.set_level(logging.DEBUG)
    with shop(leave=leave, wrong="redirect", extra='<input type="hidden" name="seed" value="hidden-seed-7">') as app:
        lines: list[str] = []
        await identity(app).sign_in("alice", password, address=ADDRESS, tell=lines.append)
        said = "\n".join([*lines, caplog.text])
        assert len(lines) > 3 and all(line.isprintable() for line in lines)
        assert [each for each in {*app.secrets(), password, "hidden-seed-7"} if each in said] == []


def test_the_library_writes_no_fields_into_a_log() -> None:
    assert not logging.getLogger("httpcore.http11").isEnabledFor(logging.DEBUG)


SECRET = "-".join(("very", "secret"))  # so that the lines of a traceback do not have it
TOKEN = SECRET.encode()
HEAD = b"HTTP/1.1 200 OK\r\nSet-Cookie: sid=%b\r\n" % TOKEN
ODD = {
    "not HTTP": TOKEN + b"\r\n\r\n",
    "an odd field": HEAD + b"Set-Cookie: sid=%b\x00\r\nContent-Length: 0\r\n\r\n" % TOKEN,
    "two lengths": HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "an odd chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\n%b\r\n" % TOKEN,
    "an end too soon": HEAD + b"Content-Length: 99\r\n\r\n" + TOKEN,
    "not gzip": HEAD + b"Content-Encoding: gzip\r\nContent-Length: 11\r\n\r\n" + TOKEN,
    "a field without end": HEAD + b"A: " + TOKEN * 20000,
}


@pytest.mark.parametrize("answer", ODD.values(), ids=ODD)
async def test_an_answer_that_is_not_http_is_not_quoted(answer: bytes) -> None:
    lines: list[str] = []
    with answering(answer, close=True) as seen:
        asked = identity(seen.url)
        with pytest.raises(UpstreamBroken) as caught:
            await asked.who([(b"cookie", b"sid=" + TOKEN)], address=ADDRESS)
        await asked.sign_in("alice", PASSWORD, address=ADDRESS, tell=lines.append)
    assert SECRET not in "\n".join([*lines, *traceback.format_exception(caught.value)])


async def test_a_cookie_that_no_field_can_hold_is_not_quoted(app: Shop) -> None:
    with pytest.raises(UpstreamBroken) as caught:
        await identity(app).who([(b"cookie", b"sid=\x00" + TOKEN)], address=ADDRESS)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


async def test_two_conversations_at_once_never_share_a_cookie(app: Shop) -> None:
    given: dict[str, str] = {}

    def form(asked: Asked) -> Said:
        assert "cookie" not in asked.fields
        return app.form()

    def sign_in(asked: Asked) -> Said:
        given[asked.cookies["pre"]] = asked.form["login"]
        return app._sign_in(asked)

    app.says = {"GET /login": form, "POST /login": sign_in}
    asked = identity(app)
    names = ["alice", "bob", "Zoë & Co"] * 5
    told = await asyncio.gather(*(asked.sign_in(name, PEOPLE[name], address=ADDRESS) for name in names))
    assert told == [Accepted(name) for name in names]
    assert sorted(given.values()) == sorted(names)
    assert app.sessions == {}


async def test_who_somebody_is_leaves_nothing_for_the_next(app: Shop) -> None:
    app.says["GET /me"] = lambda asked: Said(
        body=f"Hello, <b>{asked.cookies.get('sid', 'x')}</b>!", fields=(("Set-Cookie", "sid=left-behind"),)
    )
    asked = identity(app)
    assert await asked.who([(b"cookie", b"sid=alice")], address=ADDRESS) == "alice"
    assert await asked.who([], address=ADDRESS) == "x"


async def test_more_than_can_wait_are_turned_away_at_once(app: Shop) -> None:
    app.says["GET /login"] = Said(wait=0.03)
    asked, many = identity(app), AT_ONCE + WAITING + 3
    told = await asyncio.gather(
        *(asked.sign_in("alice", PASSWORD, address=ADDRESS) for _ in range(many)), return_exceptions=True
    )
    assert sum(isinstance(each, Busy) for each in told) == 3
    assert len(app.asked) == many - 3
    app.says.clear()
    assert await asked.sign_in("alice", PASSWORD, address=ADDRESS) == Accepted("alice")


async def test_who_waits_too_long_is_turned_away_unasked(app: Shop) -> None:
    app.says["GET /login"] = Said(wait=2.0)
    asked = identity(app, deadlines=SHORT)
    told = await asyncio.gather(
        *(asked.sign_in("alice", PASSWORD, address=ADDRESS) for _ in range(AT_ONCE * 3)), return_exceptions=True
    )
    assert sum(isinstance(each, Busy) for each in told) >= AT_ONCE
    assert {each for each in told if not isinstance(each, Busy)} == {Declined(Reason.APP_DOWN, False)}


async def test_no_more_than_a_few_conversations_go_on_at_once(app: Shop) -> None:
    going: list[int] = []

    def form(asked: Asked) -> Said:
        going.append(len(app.lines) - app.lines.count("POST /login") * 2)
        return replace(app.form(), wait=0.05)

    app.says = {"GET /login": form, "POST /login": Said(401)}
    asked = identity(app)
    await asyncio.gather(*(asked.sign_in("alice", "wrong", address=ADDRESS) for _ in range(AT_ONCE * 3)))
    assert (len(going), 1 < max(going) <= AT_ONCE) == (AT_ONCE * 3, True)


async def test_a_form_leads_to_no_other_site_and_takes_no_password_there() -> None:
    with shop() as other, shop() as app:
        fields = '<input name="login"><input name="pw" type="password">'
        for markup in (
            f'<form method="post" action="{other.url}/login">{fields}</form>',
            f'<base href="{other.url}/"><form method="post" action="login">{fields}</form>',
            f'<form method="post">{fields}<button formaction="{other.url}/">Go</button></form>',
        ):
            app.says["GET /login"] = Said(body=markup)
            told = await identity(app).sign_in("alice", PASSWORD, address=ADDRESS)
            assert isinstance(told, Declined) and not told.tried
        app.says = {"POST /login": Said(307, fields=(("Location", f"{other.url}/login"),))}
        await identity(app).sign_in("alice", PASSWORD, address=ADDRESS)
        assert other.asked == []


async def test_a_password_never_goes_into_an_address_unasked(app: Shop) -> None:
    app.says["GET /login"] = Said(body='<form action="/login"><input name="login"><input name="pw"></form>')
    await identity(app, login(whoami=None)).sign_in("alice", PASSWORD, address=ADDRESS)
    assert app.lines == ["GET /login"]
