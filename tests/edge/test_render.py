"""Pages: safe whatever is put into them, complete in every language."""

from __future__ import annotations

import gettext
import html
import re
from dataclasses import fields, replace
from typing import Any

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from gateway.edge import views
from gateway.edge.languages import LANGUAGES, LOCALES, SOURCE
from gateway.edge.pages.account import OVERVIEW, ROUTES
from gateway.edge.render import PAGE_HEADERS, TEMPLATES, Renderer
from gateway.edge.static import TYPES, address
from gateway.edge.views import Account, AppSignIn, Confirm, Failure, View
from gateway.flows.enrol import Fault
from gateway.policy.facts import Reason
from gateway.policy.holdable import Declined
from tests.support.views import ASK, COMMON, OWNED, VIEWS

RENDERER = Renderer()
EVIL = """"><script>alert('x')</script>&amp;%(name)s"""
PARTS = {"base.html", "forms.html", "words.html"}
APP_SAID = (Reason.APP_DOWN, Reason.APP_CHANGED, Reason.APP_CAPTCHA, Reason.APP_LOCKED, Reason.OTHER_PERSON)
TRANSLATED = [tag for tag in LANGUAGES if tag != SOURCE]


def page(view: View, languages: str = "") -> str:
    return RENDERER.page(view, languages=languages).decode()


def words(view: View, languages: str = "") -> str:
    """What a person reads: no tags, one space between words."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page(view, languages))).split())


def evil(view: View) -> View:
    """Every text in it is an attack, but those that choose a sentence."""
    chosen = {"way", "error", "notice", "why", "fate", "reason", "declined", "uri"}
    texts = [each.name for each in fields(view) if isinstance(getattr(view, each.name), str)]
    values: dict[str, Any] = {name: EVIL for name in texts if name not in chosen}
    if isinstance(view, Confirm):
        values["shown"] = ((EVIL, EVIL),)
    if isinstance(view, Account):
        values["passkeys"] = (views.Device(EVIL, EVIL, 0),)
        values["places"] = (views.Place(EVIL, EVIL, EVIL, 0),)
    return replace(view, hidden=((EVIL, EVIL),), **values)


def test_every_page_has_a_sample_and_every_sample_its_page() -> None:
    templates = {path.name for path in TEMPLATES.glob("*.html")} - PARTS
    assert {view.template for view in VIEWS.values()} == templates


@pytest.mark.parametrize("name", VIEWS)
def test_nothing_that_is_shown_can_become_markup(name: str) -> None:
    text = page(evil(VIEWS[name]))
    assert "<script>" not in text and "alert(" in text
    assert "%(name)s" in text
    assert set(re.findall(r"<script[^>]*>", text)) <= {f'<script type="module" src="{address(js)}">' for js in TYPES}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", VIEWS)
def test_pages_need_nothing_that_their_policy_forbids(name: str, language: str) -> None:
    text = page(VIEWS[name], language)
    assert not re.search(r"<style|<script(?! type=\"module\" src=\"/)|\sstyle=|\son[a-z]+=|javascript:", text)
    loaded = re.findall(r'(?:src|action|href)="([^"]*)"', text)
    assert [each for each in loaded if not each.startswith(("/", "data:image/svg+xml", "otpauth:"))] == []
    assert not [each for each in loaded if each.startswith("//")]


@pytest.mark.parametrize("name", VIEWS)
def test_every_form_posts_the_token_to_us(name: str) -> None:
    for form in re.findall(r"<form.*?</form>", page(VIEWS[name]), re.DOTALL):
        assert re.match(r'<form method="post" action="/\.gateway/', form)
        assert '<input type="hidden" name="csrf" value="token-of-the-form">' in form


@pytest.mark.parametrize("name", [name for name, view in VIEWS.items() if getattr(view, "error", "")])
def test_an_error_is_announced_in_the_title_and_tied_to_its_field(name: str) -> None:
    text = page(VIEWS[name])
    assert "<title>Error: " in text and 'id="error" role="alert"' in text
    assert 'aria-describedby="error' in text or 'data-passkey="' in text


@pytest.mark.parametrize("error", ["throttled", *APP_SAID[:-1]])
def test_what_was_typed_is_called_wrong_only_where_it_is(error: str) -> None:
    view = Confirm(**ASK, way="password", name_asked=True, of_app=True)
    assert page(replace(view, error="wrong")).count('aria-invalid="true"') == 2
    assert "aria-invalid" not in page(replace(view, error=error))


def test_a_name_is_asked_only_of_who_was_taken_over_from_the_app() -> None:
    known = Confirm(**ASK, way="password", of_app=True)
    hidden = '<input type="text" name="username" autocomplete="username" value="alice" readonly hidden>'
    assert hidden in page(known) and '<label for="username">' not in page(known)
    text = page(replace(known, name_asked=True))
    assert hidden not in text and '<label for="username">User name</label>' in text
    field = re.findall(r'<input id="username"[^>]*>', text)
    assert len(field) == 1 and 'value="alice"' in field[0] and 'autocomplete="username"' in field[0]
    assert "readonly" not in field[0] and "hidden" not in field[0] and "autofocus" not in field[0]
    assert "User name" not in words(replace(known, name_asked=True, way="passkey"))


def test_it_is_said_whose_password_is_asked() -> None:
    hint = "The password you use for Notes."
    assert hint in words(VIEWS["confirm-app"]) and 'aria-describedby="password-hint"' in page(VIEWS["confirm-app"])
    assert 'aria-describedby="error password-hint"' in page(VIEWS["confirm-app-wrong"])
    assert hint not in words(VIEWS["confirm-password"])


def test_another_way_is_advised_only_where_there_is_one() -> None:
    view = Confirm(**ASK, way="password", of_app=True, error="app-locked")
    assert "Use another way." not in words(view)
    assert "Use another way." in words(replace(view, others=("passkey",)))


def test_an_account_of_an_app_has_no_password_of_ours() -> None:
    text = page(VIEWS["account-app"])
    assert "Change it there." in text and 'type="password"' not in text
    assert "/.gateway/account/password" not in text and "sign you in" not in text
    assert "It may still be signed in to Notes itself." in text
    assert "It may still" not in page(VIEWS["account"])


def test_signing_out_here_is_not_said_to_sign_out_of_the_app() -> None:
    told = {"signout": "This does not sign you out of Notes", "signed-out": "You may still be signed in to Notes"}
    for name, sentence in told.items():
        assert f"{sentence} itself." in words(VIEWS[f"{name}-app"])
        assert sentence not in words(VIEWS[name])
    assert "signed out of this browser" not in words(VIEWS["signed-out-app"])
    assert 'href="/.gateway/signin"' not in page(VIEWS["signed-out-app"])


def test_the_way_to_the_apps_own_sign_in_is_a_link() -> None:
    text = page(VIEWS["app-signin"])
    assert '<a class="main" href="/doku.php?do=login&amp;id=start">Sign in to Notes</a>' in text
    assert '<a href="/doku.php?do=admin">' in text
    assert '<a href="/">Go to the start page</a>' in page(VIEWS["app-signin-lost"])


def test_a_page_of_an_old_session_shows_the_way_out() -> None:
    assert 'href="/.gateway/signin?again=1"' in page(VIEWS["error-superseded-401"])
    assert "again=1" not in page(VIEWS["error-expired-404"])


@pytest.mark.parametrize("fate", ["kept", "lost", "unknown", "unanswered"])
def test_a_request_that_did_not_get_through_is_called_by_its_action(fate: str) -> None:
    kept = replace(VIEWS["unsent-kept"], fate=fate)
    assert "What you confirmed: Change your e-mail address" in words(kept)
    assert "What you confirmed" not in words(replace(kept, action=""))


def test_no_identifier_is_used_twice_on_a_page() -> None:
    for view in VIEWS.values():
        ids = re.findall(r'\sid="([^"]+)"', page(view))
        assert len(ids) == len(set(ids)), view.template


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_of_trouble_has_a_sentence_of_its_own(language: str) -> None:
    def declined(why: str) -> str:
        return words(Confirm(**ASK, way="password", held=False, declined=why), language)

    def failed(reason: str, status: int = 403) -> str:
        return words(Failure(**COMMON, status=status, reason=reason), language)

    def fault(code: str) -> str:
        return words(Account(**OWNED, error=code), language)

    def asked(error: str) -> str:
        return words(Confirm(**ASK, way="password", name_asked=True, error=error), language)

    def away(notice: str) -> str:
        return words(AppSignIn(**COMMON, page="/login", notice=notice), language)

    told = [declined(each) for each in ("", *Declined)]
    told += [fault(each) for each in ("unheard-of", *Fault)]
    told += [failed(each) for each in ("unheard-of", Reason.CROSS_SITE, Reason.UNKNOWN_HOST, Reason.STORE_DOWN)]
    told += [
        failed(each) for each in (Reason.BUSY, Reason.MALFORMED, Reason.SUPERSEDED, "forged", "expired", "not-found")
    ]
    told += [failed(each) for each in (Reason.OTHER_PERSON, Reason.APP_DOWN, Reason.UPSTREAM)]
    told += [failed(Reason.UPSTREAM, 504)]
    told += [asked(each) for each in ("wrong", *APP_SAID)]
    told += [away(each) for each in ("", "lost", "ended", "expired", "not-observed")]
    assert len(told) == len(set(told))


@pytest.mark.parametrize("language", TRANSLATED)
def test_the_gateways_own_actions_are_in_the_readers_language_and_an_operators_as_written(language: str) -> None:
    for route in (*ROUTES, OVERVIEW):
        assert route.action not in words(Confirm(**ASK | {"action": route.action}, way="password"), language)
    assert "Change your e-mail address" in words(VIEWS["confirm-password"], language)


@pytest.mark.parametrize(
    "wait, said",
    [
        (1, "in 1 second."),
        (59, "in 59 seconds."),
        (60, "in 1 minute, at 22:14 UTC."),
        (61, "in 2 minutes, at 22:14 UTC."),
        (900, "in 15 minutes, at 22:28 UTC."),
        (3601, "in 2 hours, at 23:13 UTC."),
    ],
)
def test_a_wait_is_never_said_to_be_shorter_than_it_is(wait: int, said: str) -> None:
    text = words(Confirm(**ASK, way="password", error="throttled", wait=wait))
    assert f"Too many tries. Try again {said}" in text.replace(" .", ".").replace(" ,", ",")


@pytest.mark.parametrize(
    "lasts, said",
    [
        (0, "This action is confirmed by itself, every time."),
        (30, "You won't be asked again for 30 seconds in this browser."),
        (300, "You won't be asked again for 5 minutes in this browser."),
        (359, "You won't be asked again for 5 minutes in this browser."),
        (7200, "You won't be asked again for 2 hours in this browser."),
        (86400, "You won't be asked again for 1 day in this browser."),
    ],
)
def test_a_confirmation_is_never_said_to_last_longer_than_it_does(lasts: int, said: str) -> None:
    assert said in words(Confirm(**ASK | {"lasts": lasts}, way="password"))


def test_a_request_that_is_not_held_is_said_to_be_unsent() -> None:
    unsent = "Nothing was sent. After confirming, go back and do it again."
    assert unsent not in words(VIEWS["confirm-password"])
    for name in ("confirm-too-large", "confirm-cross-site", "confirm-quota", "confirm-script"):
        assert unsent in words(VIEWS[name])


def test_a_page_speaks_the_readers_language_from_the_side_they_read() -> None:
    assert '<html lang="en" dir="ltr">' in page(VIEWS["signin"], "")
    assert '<html lang="de" dir="ltr">' in page(VIEWS["signin"], "de-AT,en;q=0.5")
    assert '<html lang="ar" dir="rtl">' in page(VIEWS["signin"], "ar")


def test_pages_cannot_be_framed_and_load_only_what_is_ours() -> None:
    headers = dict(PAGE_HEADERS)
    assert headers[b"x-frame-options"] == b"DENY"
    policy = dict(part.strip().split(b" ", 1) for part in headers[b"content-security-policy"].split(b";"))
    assert policy[b"frame-ancestors"] == policy[b"default-src"] == policy[b"base-uri"] == b"'none'"
    assert policy[b"script-src"] == policy[b"style-src"] == policy[b"form-action"] == b"'self'"


def catalogue(language: str) -> Catalog:
    with (LOCALES / language / "LC_MESSAGES/pages.po").open("rb") as file:
        return read_po(file, locale=language)


def holes(text: object) -> set[str]:
    return set(re.findall(r"%\(\w+\)s", str(text)))


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_sentence_is_translated_and_none_is_left_over(language: str) -> None:
    method_map = [("templates/**.html", "jinja2")]
    extracted = {message for _, _, message, *_ in extract_from_dir(TEMPLATES.parent, method_map)}
    messages = [each for each in catalogue(language) if each.id]
    assert {each.id for each in messages} == extracted
    for each in messages:
        sentences = each.string if isinstance(each.string, tuple) else (each.string,)
        assert all(sentences), each.id
        assert not each.fuzzy
        counted = {"%(n)s"} if isinstance(each.id, tuple) else set()
        assert all(holes(each.id) - counted <= holes(text) <= holes(each.id) for text in sentences), each.id


@pytest.mark.parametrize("language", TRANSLATED)
def test_what_is_compiled_is_what_was_written(language: str) -> None:
    compiled = gettext.translation("pages", LOCALES, [language])
    written = catalogue(language)
    which = gettext.c2py(written.plural_expr)
    for each in written:
        if isinstance(each.id, str):
            assert not each.id or compiled.gettext(each.id) == each.string
        else:
            assert [compiled.ngettext(*each.id, n) for n in range(130)] == [each.string[which(n)] for n in range(130)]
