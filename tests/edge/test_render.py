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
from gateway.edge.pages.account import ROUTES
from gateway.edge.render import PAGE_HEADERS, TEMPLATES, Renderer
from gateway.edge.static import TYPES, address
from gateway.edge.views import Account, Confirm, Failure, View
from gateway.flows.enrol import Fault
from gateway.policy.facts import Reason
from gateway.policy.holdable import Declined
from tests.support.views import ASK, COMMON, OWNED, VIEWS

RENDERER = Renderer()
EVIL = """"><script>alert('x')</script>&amp;%(name)s"""
PARTS = {"base.html", "forms.html", "words.html"}
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
    assert 'aria-invalid="true"' in text or 'data-passkey="' in text


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

    told = [declined(each) for each in ("", *Declined)]
    told += [fault(each) for each in ("unheard-of", *Fault)]
    told += [failed(each) for each in ("unheard-of", Reason.CROSS_SITE, Reason.UNKNOWN_HOST, Reason.STORE_DOWN)]
    told += [
        failed(each) for each in (Reason.BUSY, Reason.MALFORMED, Reason.SUPERSEDED, "forged", "expired", "not-found")
    ]
    told += [failed(Reason.UPSTREAM, 502), failed(Reason.UPSTREAM, 504)]
    assert len(told) == len(set(told))


@pytest.mark.parametrize("language", TRANSLATED)
def test_the_gateways_own_actions_are_in_the_readers_language_and_an_operators_as_written(language: str) -> None:
    for route in ROUTES:
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
