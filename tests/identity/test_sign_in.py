"""The scratch conversation with apps that behave, and what is said of those that do not."""

from __future__ import annotations

import gzip
import zlib

import pytest

from gateway.identity.app import DEADLINES
from gateway.identity.http import Deadlines
from gateway.policy.facts import Condition, Reason
from gateway.policy.login import OWNER, Accepted, Declined, Success, WhoAmI
from tests.identity.shop import ADDRESS, ORIGIN, PASSWORD, Said, Shop, identity, login, route, shop
from tests.support.coroutines import runner as runner

WRONG = Declined(Reason.WRONG)
SHORT = Deadlines(answer=0.4)
FORM = '<form method="post" action="/login"><input name="login"><input type="password" name="pw">{}</form>'


async def test_the_right_password_is_accepted_and_signed_out_again(app: Shop) -> None:
    assert await identity(app).sign_in("alice", PASSWORD, address=ADDRESS) == Accepted("alice")
    assert app.sessions == {}
    assert app.lines == ["GET /login", "POST /login", "GET /me", "GET /", "POST /logout"]


@pytest.mark.parametrize("name", ["alice", "Zoë & Co"])
async def test_the_name_is_the_one_the_app_knows_them_by(app: Shop, name: str) -> None:
    assert await identity(app).sign_in(name, PASSWORD, address=ADDRESS) == Accepted(name)


async def test_without_a_whoami_the_name_is_the_typed_one(app: Shop) -> None:
    assert await identity(app, login(whoami=None)).sign_in("alice", PASSWORD, address=ADDRESS) == Accepted("alice")


@pytest.mark.parametrize("wrong", ["form", "redirect"])
@pytest.mark.parametrize(("name", "password"), [("alice", "wrong"), ("nobody", PASSWORD), ("alice", PASSWORD + " ")])
async def test_a_wrong_password_is_told_by_the_form_that_comes_again(wrong: str, name: str, password: str) -> None:
    with shop(wrong=wrong) as app:
        assert await identity(app).sign_in(name, password, address=ADDRESS) == WRONG
        assert "GET /me" not in app.lines


@pytest.mark.parametrize("leave", ["form", "link", "asks", "bare"])
async def test_however_an_app_signs_people_out_nobody_stays(leave: str) -> None:
    with shop(leave=leave) as app:
        lines: list[str] = []
        assert await identity(app).sign_in("alice", PASSWORD, address=ADDRESS, tell=lines.append) == Accepted("alice")
        assert (app.sessions, lines[-1].partition(" by ")[0]) == ({}, "signed out")


async def test_a_sign_out_that_does_not_work_is_told_and_harms_nothing(app: Shop) -> None:
    app.says["POST /logout"] = Said(403, "Forged")
    lines: list[str] = []
    assert await identity(app).sign_in("alice", PASSWORD, address=ADDRESS, tell=lines.append) == Accepted("alice")
    assert lines[-1] == "not signed out: POST /logout: 403"


@pytest.mark.parametrize("said", [Said(200, wait=1.0), Said(200, "x" * 99, cut=3)], ids=["slow", "broken"])
async def test_an_app_that_fails_after_it_said_yes_has_said_yes(app: Shop, said: Said) -> None:
    app.says["POST /logout"] = said
    lines: list[str] = []
    asked = identity(app, deadlines=SHORT)
    assert await asked.sign_in("alice", PASSWORD, address=ADDRESS, tell=lines.append) == Accepted("alice")
    assert lines[-1].startswith("not signed out: the app")


async def test_an_app_without_a_described_sign_out_is_left_alone(app: Shop) -> None:
    assert await identity(app, login(logout=None)).sign_in("alice", PASSWORD, address=ADDRESS) == Accepted("alice")
    assert app.lines == ["GET /login", "POST /login", "GET /me"]


async def test_the_app_sees_that_persons_browser_behind_the_gateway(app: Shop) -> None:
    await identity(app).sign_in("alice", PASSWORD, address=ADDRESS)
    for asked in app.asked:
        said = {name: asked.fields.get(name) for name in ("host", "x-forwarded-for", "x-forwarded-proto")}
        assert said == {"host": "shop.example.com", "x-forwarded-for": ADDRESS, "x-forwarded-proto": "https"}
        assert asked.fields["x-forwarded-host"] == "shop.example.com"
        assert not [name for name in asked.fields if name.startswith("x-auth") or "gateway_" in asked.fields[name]]
    posted = app.asked[1]
    assert (posted.fields["origin"], posted.fields["referer"]) == (ORIGIN, f"{ORIGIN}/login")


@pytest.mark.parametrize("absolute", [ORIGIN, "http://shop.example.com", "HTTPS://Shop.Example.Com:443", "upstream"])
async def test_an_absolute_redirect_to_the_app_is_within_the_app(absolute: str) -> None:
    with shop(wrong="redirect") as app:
        app.absolute = app.url if absolute == "upstream" else absolute
        assert await identity(app).sign_in("alice", PASSWORD, address=ADDRESS) == Accepted("alice")
        assert await identity(app).sign_in("alice", "wrong", address=ADDRESS) == WRONG
        assert app.sessions == {}


async def test_cookies_keep_to_their_path_and_to_the_name_that_was_set_last(app: Shop) -> None:
    cookies = ("a=1; Path=/", "a=2; Path=/log", "a=3; Path=/login", "b=1", "b=2; path=/", "c=1", "c=x; Max-Age=0")
    fresh = app.form()
    app.says["GET /login"] = Said(200, fresh.body, fresh.fields + tuple(("Set-Cookie", each) for each in cookies))
    await identity(app).sign_in("alice", PASSWORD, address=ADDRESS)
    ours = [pair for pair in app.asked[1].fields["cookie"].split("; ") if not pair.startswith("pre=")]
    assert ours == ["a=3", "a=1", "b=2"]


async def test_an_app_that_asks_for_a_password_alone_has_one_owner() -> None:
    described = login(username="", success=Success(redirect=("/",)), whoami=WhoAmI("/me", "Welcome!"))
    page = Said(body='<form method="post" action="/login"><input type="password" name="pw"></form>')
    with shop() as app:
        app.says = {"GET /login": page, "GET /me": Said(body="<b>Welcome!</b>")}
        app.says["POST /login"] = lambda asked: (
            Said(302, fields=(("Location", "/"),)) if asked.form == {"pw": PASSWORD} else page
        )
        assert await identity(app, described).sign_in("x", PASSWORD, address=ADDRESS) == Accepted(OWNER)
        assert await identity(app, described).sign_in("x", "no", address=ADDRESS) == WRONG


LOCATION = (("Location", "/login"),)


@pytest.mark.parametrize(
    ("on", "said", "declined"),
    [
        ("GET /login", Said(500), Declined(Reason.APP_DOWN, False)),
        ("GET /login", Said(200, "x" * 99, cut=10), Declined(Reason.APP_DOWN, False)),
        ("GET /login", Said(200, wait=1.0), Declined(Reason.APP_DOWN, False)),
        ("GET /login", Said(200, b"\x00nonsense", (("Content-Encoding", "gzip"),)), Declined(Reason.APP_DOWN, False)),
        ("GET /login", Said(429), Declined(Reason.APP_LOCKED, False)),
        ("GET /login", Said(200, "<p>Too many  tries</p>"), Declined(Reason.APP_LOCKED, False)),
        ("GET /login", Said(200, "<h1>Welcome</h1>"), Declined(Reason.APP_CHANGED, False)),
        ("GET /login", Said(404, "Gone"), Declined(Reason.APP_CHANGED, False)),
        ("GET /login", Said(200, FORM.format("").replace("pw", "pass")), Declined(Reason.APP_CHANGED, False)),
        ("GET /login", Said(200, FORM.format("").replace("post", "get")), Declined(Reason.APP_CHANGED, False)),
        (
            "GET /login",
            Said(200, FORM.format("").replace("/login", "https://evil.test/login")),
            Declined(Reason.APP_CHANGED, False),
        ),
        (
            "GET /login",
            Said(200, FORM.format('<button formaction="//evil.test/">')),
            Declined(Reason.APP_CHANGED, False),
        ),
        ("GET /login", Said(302, fields=(("Location", "/help"),)), Declined(Reason.APP_CHANGED, False)),
        ("GET /login", Said(302, fields=LOCATION), Declined(Reason.APP_CHANGED, False)),
        (
            "GET /login",
            Said(302, fields=(("Location", "https://sso.test/?back=/"),)),
            Declined(Reason.APP_CHANGED, False),
        ),
        ("GET /login", Said(302, fields=(("Location", "http://[nonsense"),)), Declined(Reason.APP_CHANGED, False)),
        ("POST /login", Said(500), Declined(Reason.APP_DOWN)),
        ("POST /login", Said(200, wait=1.0), Declined(Reason.APP_DOWN)),
        ("POST /login", Said(429), Declined(Reason.APP_LOCKED)),
        ("POST /login", Said(200, FORM.format("") + "Too many tries"), Declined(Reason.APP_LOCKED)),
        ("POST /login", Said(200, FORM.format("<input name=captcha_text>")), Declined(Reason.APP_CAPTCHA)),
        ("POST /login", Said(200, "Are you a robot?"), Declined(Reason.APP_CAPTCHA)),
        ("POST /login", Said(401, "No"), WRONG),
        ("POST /login", Said(403, "CSRF verification failed"), Declined(Reason.APP_CHANGED)),
        ("POST /login", Said(200, "<h1>Something new</h1>"), Declined(Reason.APP_CHANGED)),
        ("POST /login", Said(302, fields=(("Location", "/otp"),)), Declined(Reason.APP_CHANGED)),
        ("POST /login", Said(307, fields=(("Location", "/login/"),)), Declined(Reason.APP_CHANGED)),
        ("POST /login", Said(302, fields=(("Location", "//evil.test/login"),)), Declined(Reason.APP_CHANGED)),
        ("GET /me", Said(500), Declined(Reason.APP_DOWN)),
        ("GET /me", Said(302, fields=LOCATION), Declined(Reason.APP_CHANGED)),
        ("GET /me", Said(200, "Hello, nobody!"), Declined(Reason.APP_CHANGED)),
    ],
)
async def test_what_went_wrong_is_told_apart(app: Shop, on: str, said: Said, declined: Declined) -> None:
    app.says[on] = said
    asked = identity(app, deadlines=SHORT if said.wait else DEADLINES)
    assert await asked.sign_in("alice", PASSWORD, address=ADDRESS) == declined
    assert app.sessions == {}
    assert declined.tried == ("POST /login" in app.lines)


@pytest.mark.parametrize(
    "sign",
    [
        '<div class="g-recaptcha" data-sitekey="x"></div>',
        '<script src="https://www.google.com/recaptcha/api.js?render=x"></script>',
        '<div class="box h-captcha"></div>',
        '<script src="https://challenges.cloudflare.com/turnstile/v0/api.js"></script>',
        '<iframe src="//www.recaptcha.net/recaptcha/anchor"></iframe>',
        '<input name="plugin__captcha">',
        "<p>Are you a robot?</p>",
    ],
)
async def test_a_page_for_people_only_is_not_answered(sign: str) -> None:
    with shop(extra=sign) as app:
        assert await identity(app).sign_in("alice", PASSWORD, address=ADDRESS) == Declined(Reason.APP_CAPTCHA, False)
        assert app.lines == ["GET /login"]


async def test_a_conversation_has_an_end_however_patient_its_steps_are(app: Shop) -> None:
    app.says["GET /login"] = app.says["POST /login"] = Said(200, FORM.format(""), wait=0.3)
    asked = identity(app, deadlines=Deadlines(conversation=0.5))
    declined = await asked.sign_in("alice", PASSWORD, address=ADDRESS)
    assert isinstance(declined, Declined) and declined.reason is Reason.APP_DOWN


async def test_nobody_listening_is_an_app_that_is_down(app: Shop) -> None:
    nobody = identity("http://127.0.0.1:1", deadlines=SHORT)
    assert await nobody.sign_in("alice", PASSWORD, address=ADDRESS) == Declined(Reason.APP_DOWN, False)


async def test_an_app_that_lets_everybody_in_who_shows_the_form_again_has_not(app: Shop) -> None:
    careless = login(success=Success(cookie="pre"))
    assert await identity(app, careless).sign_in("alice", "wrong", address=ADDRESS) == WRONG


async def test_a_success_that_names_nobody_and_leads_back_to_the_form_was_none() -> None:
    with shop(wrong="redirect") as app:
        careless = login(success=Success(status=frozenset({303})))
        assert await identity(app, careless).sign_in("alice", "wrong", address=ADDRESS) == WRONG


async def test_what_does_not_stand_in_half_a_page_may_stand_in_the_other(app: Shop) -> None:
    app.says["POST /login"] = Said(200, "x" * (2 << 20))
    described = login(success=Success(body_not="Wrong!"))
    assert await identity(app, described).sign_in("alice", "w", address=ADDRESS) == Declined(Reason.APP_CHANGED)


async def test_a_wording_of_the_wrong_answer_is_one_without_any_form(app: Shop) -> None:
    app.says["POST /login"] = Said(200, "<p>Wrong!</p>")
    described = login(success=Success(body_not="Wrong!"))
    assert await identity(app, described).sign_in("alice", "w", address=ADDRESS) == WRONG


async def test_a_login_page_of_ten_megabytes_is_read_as_far_as_it_matters(app: Shop) -> None:
    fresh = app.form()
    app.says["GET /login"] = Said(200, str(fresh.body) + "<p>x</p>" * (10 << 17), fresh.fields)
    assert await identity(app).sign_in("alice", PASSWORD, address=ADDRESS) == Accepted("alice")


async def test_a_form_that_is_cut_off_is_none(app: Shop) -> None:
    app.says["GET /login"] = Said(200, FORM.format("<i>x</i>" * (2 << 17)))
    declined = await identity(app).sign_in("alice", PASSWORD, address=ADDRESS)
    assert declined == Declined(Reason.APP_CHANGED, False)


@pytest.mark.parametrize(("coding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
async def test_a_packed_page_is_unpacked(app: Shop, coding: str, pack: object) -> None:
    fresh = app.form()
    assert callable(pack)
    fields = (*fresh.fields, ("Content-Encoding", coding))
    app.says["GET /login"] = Said(200, pack(str(fresh.body).encode()), fields)
    assert await identity(app).sign_in("alice", PASSWORD, address=ADDRESS) == Accepted("alice")


async def test_what_unpacks_to_gigabytes_is_left_packed(app: Shop) -> None:
    bomb = gzip.compress(bytes(100 << 20))
    app.says["GET /login"] = Said(200, bomb, (("Content-Encoding", "gzip"),))
    declined = await identity(app).sign_in("alice", PASSWORD, address=ADDRESS)
    assert declined == Declined(Reason.APP_CHANGED, False)


@pytest.mark.parametrize(
    ("type", "sent"),
    [
        ("text/html; charset=iso-8859-1", b"login=Zo%EB&pw=%E9%80"),
        ("text/html", b"login=Zo%EB&pw=%E9%80"),
        ("text/html; charset=koi8-r", b"login=Zo%26%23235%3B&pw=%26%23233%3B%26%238364%3B"),
        ("text/html; charset=UTF-8", b"login=Zo%C3%AB&pw=%C3%A9%E2%82%AC"),
    ],
)
async def test_a_form_is_sent_in_the_characters_of_its_page(app: Shop, type: str, sent: bytes) -> None:
    app.says["GET /login"] = Said(200, FORM.format(""), type=type)
    await identity(app).sign_in("Zoë", "é€", address=ADDRESS)
    assert app.asked[1].body == sent


async def test_conditions_of_the_sign_out_say_which_form_it_is() -> None:
    conditions = (Condition("query_or_form", "do", frozenset({"leave"})),)
    described = login(logout=route("logout", "/", "POST", conditions=conditions))
    forms = [
        f'<form method="post" action="/"><input type="hidden" name="do" value="{do}"></form>' for do in ("x", "leave")
    ]
    with shop() as app:
        app.says["GET /"] = Said(200, "".join(forms))
        await identity(app, described).sign_in("alice", PASSWORD, address=ADDRESS)
        assert (app.asked[-1].line, app.asked[-1].form) == ("POST /", {"do": "leave"})
