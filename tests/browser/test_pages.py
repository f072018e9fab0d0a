"""Every page in a real browser: clean for axe-core, light and dark, small and large, with and without scripts."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Browser, Page, expect

from gateway.edge.render import PAGE_HEADERS, Renderer
from gateway.edge.static import CONTENTS, PREFIX, TYPES
from tests.support.browser import Authenticator, axe, window
from tests.support.views import VIEWS

RENDERER = Renderer()
OLD_BROWSER = """
    delete PublicKeyCredential.parseRequestOptionsFromJSON;
    delete PublicKeyCredential.parseCreationOptionsFromJSON;
    delete PublicKeyCredential.prototype.toJSON;
"""
STICKS_OUT = "document.documentElement.scrollWidth > innerWidth"
ALIKE = {name for name in VIEWS if name.startswith(("error-", "confirm-name-", "app-signin-"))} - {
    "error-throttled-429",
    "error-superseded-401",
    "confirm-name-other-person",
    "app-signin-not-observed",
}


class Pages:
    """Serves every sample page under its name, and remembers what is posted."""

    def __init__(self) -> None:
        self.posted: list[dict[str, str]] = []
        pages = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                name = path.removeprefix(PREFIX)
                if name in CONTENTS:
                    self.answer(CONTENTS[name], TYPES[name].decode())
                elif path[1:] in VIEWS:
                    languages = self.headers.get("Accept-Language", "")
                    self.answer(RENDERER.page(VIEWS[path[1:]], languages=languages), "text/html; charset=utf-8")
                else:
                    self.answer(b"<!doctype html><title>elsewhere</title>", "text/html")

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                pages.posted.append({name: values[0] for name, values in parse_qs(body).items()})
                self.answer(b"<!doctype html><title>posted</title>", "text/html")

            def answer(self, body: bytes, kind: str) -> None:
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                for name, value in PAGE_HEADERS:
                    self.send_header(name.decode(), value.decode())
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> Pages:
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def url(self, name: str) -> str:
        """On "localhost", which browsers trust with passkeys."""
        return f"http://localhost:{self._server.server_port}/{name}"


@pytest.fixture
def pages() -> Iterator[Pages]:
    with Pages() as opened:
        yield opened


def complaints(page: Page) -> list[str]:
    """What the console will say: broken scripts, and whatever the Content-Security-Policy stops."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    return said


@pytest.mark.parametrize("width, dark", [(320, False), (1280, True)], ids=["small-light", "large-dark"])
def test_every_page_is_clean(browser: Browser, pages: Pages, width: int, dark: bool) -> None:
    with window(browser, width=width, dark=dark) as page:
        said = complaints(page)
        for name in VIEWS.keys() - ALIKE:
            page.goto(pages.url(name))
            assert (name, axe(page), said, page.evaluate(STICKS_OUT)) == (name, [], [], False)


@pytest.mark.parametrize("language", ["de", "ar"])
def test_no_language_is_too_wide_for_a_small_phone(browser: Browser, pages: Pages, language: str) -> None:
    with window(browser, width=320, locale=language) as page:
        for name in VIEWS.keys() - ALIKE:
            page.goto(pages.url(name))
            assert (name, page.evaluate(STICKS_OUT)) == (name, False)


@pytest.mark.parametrize("name", ["confirm-name", "signin", "app-signin", "account"])
def test_everything_to_press_is_large_enough_for_a_finger(browser: Browser, pages: Pages, name: str) -> None:
    with window(browser, width=320) as page:
        page.goto(pages.url(name))
        for each in page.locator("button:visible, a:visible, summary:visible, input:visible").all():
            box = each.bounding_box()
            assert box is not None and box["height"] >= 44, each.inner_text()


def test_forced_colours_leave_every_button_an_edge(browser: Browser, pages: Pages) -> None:
    with window(browser, forced_colors="active") as page:
        page.goto(pages.url("confirm-password"))
        for each in page.locator("button:visible").all():
            assert each.evaluate("e => getComputedStyle(e).borderTopStyle") == "solid"


def test_the_keyboard_reaches_the_answer_first_and_sees_where_it_is(browser: Browser, pages: Pages) -> None:
    with window(browser) as page:
        page.goto(pages.url("confirm-password"))
        expect(page.get_by_label("Password")).to_be_focused()
        page.keyboard.press("Tab")
        expect(page.get_by_role("button", name="Show")).to_be_focused()
        page.keyboard.press("Tab")
        expect(page.get_by_role("button", name="Confirm")).to_be_focused()
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_a_name_that_is_asked_can_be_corrected_and_a_known_one_is_for_password_managers(
    browser: Browser, pages: Pages
) -> None:
    with window(browser, javascript=False) as page:
        page.goto(pages.url("confirm-name"))
        expect(page.get_by_label("Password")).to_be_focused()
        page.keyboard.press("Shift+Tab")
        expect(page.get_by_label("User name")).to_be_focused()
        expect(page.get_by_label("User name")).to_have_value("alice")
        page.keyboard.type("Alice")
        page.keyboard.press("Tab")
        page.keyboard.type("correct horse")
        page.keyboard.press("Enter")
        expect(page).to_have_title("posted")
        page.goto(pages.url("confirm-app"))
        expect(page.get_by_label("User name")).to_have_count(0)
        page.keyboard.type("correct horse")
        page.keyboard.press("Enter")
        expect(page).to_have_title("posted")
    assert [(each["username"], each["password"]) for each in pages.posted] == [
        ("Alice", "correct horse"),
        ("alice", "correct horse"),
    ]


def test_a_password_can_be_looked_at_and_is_sent_as_a_password(browser: Browser, pages: Pages) -> None:
    with window(browser) as page:
        page.goto(pages.url("confirm-password"))
        field = page.get_by_label("Password")
        field.fill("correct horse")
        page.get_by_role("button", name="Show").click()
        expect(field).to_have_attribute("type", "text")
        page.evaluate("addEventListener('submit', (event) => event.preventDefault(), { once: true })")
        field.press("Enter")
        expect(field).to_have_attribute("type", "password")
        expect(field).to_have_value("correct horse")


def test_two_presses_send_one_answer(browser: Browser, pages: Pages) -> None:
    with window(browser) as page:
        page.goto(pages.url("confirm-totp"))
        page.get_by_label("Authenticator code").fill("123 456")
        page.evaluate("f = document.forms[1]; f.requestSubmit(); f.requestSubmit()")
        expect(page).to_have_title("posted")
    assert [each["code"] for each in pages.posted] == ["123 456"]


def test_times_are_the_readers_own(browser: Browser, pages: Pages) -> None:
    with window(browser, timezone_id="Asia/Tokyo", locale="de") as page:
        page.goto(pages.url("unsent-kept"))
        expect(page.locator("time")).to_have_text("07:20")


@pytest.mark.parametrize("old", [False, True], ids=["json-methods", "without-them"])
def test_a_passkey_is_made_and_then_answers(browser: Browser, pages: Pages, old: bool) -> None:
    with window(browser) as page:
        if old:
            page.add_init_script(OLD_BROWSER)
        machine = Authenticator(page)
        page.goto(pages.url("passkey"))
        page.get_by_label("Name").fill("Laptop")
        page.get_by_role("button", name="Add a passkey").click()
        expect(page).to_have_title("posted")
        page.goto(pages.url("confirm-passkey"))
        page.get_by_role("button", name="Use a passkey").click()
        expect(page).to_have_title("posted")
        assert len(machine.credentials()) == 1
    made, used = (json.loads(each["passkey"]) for each in pages.posted)
    assert (pages.posted[0]["label"], pages.posted[0]["id"], pages.posted[1]["way"]) == ("Laptop", "d4", "passkey")
    assert made["id"] == used["id"] == used["rawId"] and made["type"] == used["type"] == "public-key"
    assert {"clientDataJSON", "attestationObject", "transports"} <= made["response"].keys()
    assert {"clientDataJSON", "authenticatorData", "signature", "userHandle"} <= used["response"].keys()
    assert used["response"]["userHandle"] == "YWxpY2U"


def test_a_passkey_signs_in_without_being_asked_for_where_the_browser_offers_it(browser: Browser, pages: Pages) -> None:
    with window(browser) as page:
        Authenticator(page)
        page.goto(pages.url("passkey"))
        page.get_by_role("button", name="Add a passkey").click()
        expect(page).to_have_title("posted")
        page.goto(pages.url("signin"))
        expect(page).to_have_title("posted")
    assert json.loads(pages.posted[1]["passkey"])["response"]["userHandle"] == "YWxpY2U"
    assert pages.posted[1]["next"] == "/"


def test_a_touch_by_somebody_else_says_so_and_sends_nothing(browser: Browser, pages: Pages) -> None:
    with window(browser) as page:
        machine = Authenticator(page)
        page.goto(pages.url("passkey"))
        page.get_by_role("button", name="Add a passkey").click()
        expect(page).to_have_title("posted")
        machine.recognise(False)
        page.goto(pages.url("confirm-passkey"))
        page.get_by_role("button", name="Use a passkey").click()
        expect(page.get_by_text("Cancelled or timed out. Try again or use another way.")).to_be_visible()
        machine.recognise(True)
        page.get_by_role("button", name="Use a passkey").click()
        expect(page).to_have_title("posted")
    assert len(pages.posted) == 2


def test_a_browser_without_passkeys_is_told_so(browser: Browser, pages: Pages) -> None:
    with window(browser) as page:
        page.add_init_script("delete window.PublicKeyCredential")
        page.goto(pages.url("confirm-passkey"))
        expect(page.get_by_text("This browser cannot use passkeys here. Use another way.")).to_be_visible()
        expect(page.get_by_role("button", name="Use a passkey")).to_be_hidden()


def test_without_scripts_there_is_still_another_way(browser: Browser, pages: Pages) -> None:
    with window(browser, javascript=False) as page:
        page.goto(pages.url("confirm-passkey"))
        assert "Passkeys need JavaScript" in page.locator("noscript").inner_text()
        expect(page.get_by_role("button", name="Use a passkey")).to_be_hidden()
        page.get_by_role("link", name="Password").click()
        assert page.url.endswith("/.gateway/confirm/Zk3jLw0?way=password")
        page.goto(pages.url("confirm-totp"))
        page.get_by_text("Recovery code").first.click()
        page.get_by_label("Recovery code").fill("abcd-efgh")
        page.get_by_role("button", name="Confirm").last.click()
        expect(page).to_have_title("posted")
        page.goto(pages.url("recovery-codes"))
        expect(page.get_by_text("0003-abcd-efgh")).to_be_visible()
        expect(page.get_by_role("button", name="Copy")).to_be_hidden()
    assert pages.posted[0]["code"] == "abcd-efgh"


def test_recovery_codes_can_be_copied_and_downloaded(browser: Browser, pages: Pages) -> None:
    with window(browser, permissions=["clipboard-read", "clipboard-write"]) as page:
        said = complaints(page)
        page.goto(pages.url("recovery-codes"))
        page.get_by_role("button", name="Copy").click()
        expect(page.get_by_text("Copied.")).to_be_visible()
        assert len(page.evaluate("navigator.clipboard.readText()").split()) == 10
        with page.expect_download() as download:
            page.get_by_text("Download").click()
        assert download.value.path().read_text().startswith("0000-abcd-efgh\n0001-")
        assert said == []
