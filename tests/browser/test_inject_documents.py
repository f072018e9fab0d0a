"""The script in real documents, through the real gateway: it runs first, and nothing else of the page is different."""

from __future__ import annotations

import base64
import gzip
import hashlib
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.lab import Lab, asked, at_the_lab, came_of, confirms, lab

IN = "Symbol.for('gateway-stepup') in window"
INLINE = "window.inline = 'ran'"
HASH = base64.b64encode(hashlib.sha256(INLINE.encode()).digest()).decode()
BODY = f"<script nonce=abc>{INLINE}</script><script src=/app.js></script><body>text"
DOCUMENT = f"<!doctype html><html lang=en><head><title>Policy</title>{BODY}"

POLICIES = [
    # what it says, whether the app's own inline script runs, whether its /app.js does
    ("script-src 'self'", False, True),
    ("script-src 'none'", False, False),
    ("default-src 'none'; connect-src 'self'", False, False),
    ("default-src 'none'; script-src 'unsafe-inline'", True, False),
    ("script-src 'nonce-abc'", True, False),
    ("script-src 'nonce-abc' 'strict-dynamic' https: 'unsafe-inline'", True, False),
    (f"script-src 'sha256-{HASH}'", True, False),
    (f"script-src 'strict-dynamic' 'sha256-{HASH}' 'self' 'unsafe-inline'", True, False),
    (f"default-src 'strict-dynamic' 'sha256-{HASH}'", True, False),
    ("script-src https://elsewhere.test 'unsafe-inline'; script-src-attr 'none'", True, False),
    ("script-src 'self'; script-src-elem https://elsewhere.test", False, False),
    ("script-src 'self', script-src 'nonce-abc'", False, False),
    ("script-src 'nonce-abc', script-src 'nonce-xyz' 'unsafe-inline'", False, False),
    ("script-src 'none', default-src 'none'", False, False),
    ("script-src 'unsafe-inline' *; require-trusted-types-for 'script'; trusted-types 'none'", True, True),
    ("sandbox allow-scripts allow-same-origin allow-popups; script-src 'self'", False, True),
]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("lab")) as app:
        app.pages["/app.js"] = ({"content-type": "text/javascript"}, b"window.app = 'ran'")
        yield app


@pytest.fixture(scope="module")
def page(browser: Browser, opened: Lab) -> Iterator[Page]:
    with at_the_lab(browser, opened) as at:
        yield at


def opens(page: Page, opened: Lab, document: str | bytes, **fields: str) -> None:
    """Show Alice that document, with those header fields."""
    path = f"/document/{len(opened.pages)}"
    body = document if isinstance(document, bytes) else document.encode()
    opened.pages[path] = ({name.replace("_", "-"): value for name, value in fields.items()}, body)
    page.goto(opened.url + path)


@pytest.mark.parametrize("policy, inline, own", POLICIES)
def test_a_policy_lets_ours_run_and_of_the_apps_what_it_did(
    page: Page, opened: Lab, policy: str, inline: bool, own: bool
) -> None:
    opens(page, opened, DOCUMENT, content_security_policy=policy)
    ran = page.evaluate("[window.inline === 'ran', window.app === 'ran']")
    assert (page.evaluate(IN), *ran) == (True, inline, own)


def test_two_fields_are_two_policies(page: Page, opened: Lab) -> None:
    for first, second in (("script-src 'none'", "default-src 'none'"), ("script-src 'nonce-abc'", "script-src 'self'")):
        opens(page, opened, DOCUMENT, content_security_policy=first, Content_Security_Policy=second)
        assert page.evaluate(IN)


def test_what_cannot_be_met_is_left_alone_and_said(page: Page, opened: Lab) -> None:
    opens(page, opened, DOCUMENT, content_security_policy="sandbox allow-scripts")
    assert page.evaluate("[window.inline, Symbol.for('gateway-stepup') in window]") == ["ran", False]
    assert opened.front is not None
    assert "its Content-Security-Policy puts it into a sandbox" in opened.front.program.output()


def test_scripts_without_a_known_hash_are_refused_and_ours_has_one(page: Page, opened: Lab) -> None:
    opens(page, opened, DOCUMENT, integrity_policy="blocked-destinations=(script)")
    assert page.evaluate("[window.app, Symbol.for('gateway-stepup') in window]") == [None, True]


def test_a_policy_in_the_page_comes_after_us(page: Page, opened: Lab) -> None:
    meta = "<meta http-equiv=content-security-policy content=\"script-src 'none'; default-src 'none'\">"
    opens(page, opened, f"<!doctype html><html lang=en><head>{meta}<title>Meta</title>{BODY}")
    assert page.evaluate("[window.inline, window.app, Symbol.for('gateway-stepup') in window]") == [None, None, True]


def test_it_can_ask_under_the_strictest_policy_of_all(browser: Browser, opened: Lab) -> None:
    opened.pages["/strict"] = (
        {
            "content-security-policy": "default-src 'none'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
            "trusted-types; require-trusted-types-for 'script'"
        },
        DOCUMENT.encode(),
    )
    with at_the_lab(browser, opened, path="/strict") as page:
        confirms(asked(page, "return (await fetch('/saved/1')).status"))
        assert came_of(page) == 200


@pytest.mark.parametrize(
    "document, mode",
    [
        ("<!DOCTYPE html><html><head><script>FIRST</script>", "CSS1Compat"),
        ("<!doctype html><script>FIRST</script>", "CSS1Compat"),
        ("<!doctype html><!-- <head> --><header>a<script>FIRST</script></header>", "CSS1Compat"),
        ("<html><head a='>'><!-- b --><script>FIRST</script></head>\n<body>", "BackCompat"),
        ("<!DOCTYPE HTML PUBLIC '-//IETF//DTD HTML//EN'><html><body><script>FIRST</script>", "BackCompat"),
        ("text<script>FIRST</script>", "BackCompat"),
        ("\ufeff<!doctype html><html>\n<body class=a><script>FIRST</script>", "CSS1Compat"),
        ("<!doctype html></head> a<script>FIRST</script><head>", "CSS1Compat"),
    ],
)
def test_it_runs_before_all_others_and_the_document_is_as_the_app_wrote_it(
    page: Page, opened: Lab, document: str, mode: str
) -> None:
    look = "[document.compatMode, document.documentElement.outerHTML, document.characterSet]"
    opens(page, opened, document.replace("FIRST", f"window.first = {IN}"))
    assert page.evaluate("window.first") is True
    got = page.evaluate(look)
    path = page.url.removeprefix(opened.url)
    page.goto(f"http://127.0.0.1:{opened.port}{path}")
    assert page.evaluate("window.first") is False
    assert got == page.evaluate(look)
    assert got[0] == mode


def test_a_page_keeps_its_encoding_and_its_compression(page: Page, opened: Lab) -> None:
    told = "<!doctype html><html lang=ru><head>" + " " * 800 + "<meta charset=windows-1251><title>Привет</title>"
    opens(page, opened, told.encode("cp1251"), content_type="text/html")
    assert (page.title(), page.evaluate(IN)) == ("Привет", True)
    opens(page, opened, gzip.compress(DOCUMENT.encode() + b"<p>word" * 20000), content_encoding="gzip")
    assert (page.locator("p").count(), page.evaluate(IN)) == (20000, True)
    documents = [each for each in opened.calls if opened.url + each.path == page.url]
    assert [each.headers["accept-encoding"] for each in documents] == ["gzip, deflate"]


def test_a_slow_page_is_seen_while_it_comes(page: Page, opened: Lab) -> None:
    pieces = [
        b"<!doctype html><html lang=en><head><title>Slow</title></head><body>",
        b"<p id=one>one",
        b"<p id=two>two",
    ]
    opened.slow["/drops"] = (pieces, 0.6)
    page.goto(opened.url + "/drops", wait_until="commit")
    expect(page.locator("#one")).to_be_visible()
    expect(page.locator("#two")).to_be_hidden()
    expect(page.locator("#two")).to_be_visible()
    assert page.evaluate(IN)


def test_what_a_script_fetches_is_never_touched(page: Page, opened: Lab) -> None:
    opened.pages["/part"] = ({}, DOCUMENT.encode())
    page.goto(opened.url + "/part")
    assert page.evaluate("fetch('/part').then((answer) => answer.text())") == DOCUMENT
    assert (
        page.evaluate(
            "new Promise((done) => { const x = new XMLHttpRequest(); x.onload = () => done(x.responseText);"
            "x.open('GET', '/part'); x.setRequestHeader('Accept', 'text/html'); x.send(); })"
        )
        == DOCUMENT
    )


def test_frames_and_frame_sets_have_it_too(page: Page, opened: Lab) -> None:
    opened.pages["/inner"] = ({}, b"<!doctype html><title>inner</title>")
    opens(page, opened, "<html><frameset cols=50%,50%><frame src=/inner><frame src=/inner></frameset></html>")
    assert page.evaluate("[document.body.tagName, frames.length]") == ["FRAMESET", 2]
    assert [each.evaluate(IN) for each in page.frames] == [True] * 3
