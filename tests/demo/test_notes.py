"""The sample app, over HTTP."""

import hashlib
import threading
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser

from gateway.demo.notes import server
from tests.support.browser import axe, screenshot, window

ALICE = {"X-Auth-User": "alice", "X-Auth-Time": "1700000000", "X-Auth-Methods": "pwd otp"}
PAGES = ["/", "/account", "/account/delete", "/api/keys", "/billing", "/billing/help/", "/index.php", "/admin/", "/log"]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with server(0) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()
        thread.join()


@pytest.fixture
def alice(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, headers=ALICE, follow_redirects=True) as client:
        yield client


def deeds(client: httpx.Client) -> list[tuple[str, str, str]]:
    return [(deed["user"], deed["action"], deed["detail"]) for deed in client.get("/log.json").json()]


@pytest.mark.parametrize("path", PAGES)
def test_every_page_says_who_it_was_told_you_are(alice: httpx.Client, path: str) -> None:
    answer = alice.get(path)
    assert answer.status_code == 200
    for word in ("alice", "2023-11-14 22:13:20 UTC", "pwd otp", "X-Auth-User: alice"):
        assert word in answer.text


def test_without_identity_headers_it_says_so(url: str) -> None:
    assert "not told who you are" in httpx.get(url).text


@pytest.mark.parametrize(
    ("method", "path", "form", "deed"),
    [
        ("POST", "/account/email", {"email": "a@b.example"}, ("changed e-mail", "a@b.example")),
        ("POST", "/account/password", {"new_password": "hush"}, ("changed password", "")),
        ("POST", "/account/two-factor/disable", {}, ("disabled two-factor", "")),
        ("POST", "/account/delete", {}, ("deleted account", "")),
        ("POST", "/api/keys", {"label": "robot"}, ("created API key", "robot")),
        ("GET", "/index.php?page=old-menu&action=delete", None, ("deleted page", "old-menu")),
        ("POST", "/index.php", {"page": "phone-list", "action": "purge"}, ("purged page", "phone-list")),
    ],
)
def test_a_sensitive_action_is_in_the_log_once(
    alice: httpx.Client, method: str, path: str, form: dict[str, str] | None, deed: tuple[str, str]
) -> None:
    before = deeds(alice)
    assert alice.request(method, path, data=form).status_code == 200
    assert deeds(alice) == [*before, ("alice", *deed)]


def test_looking_is_not_in_the_log(alice: httpx.Client) -> None:
    before = deeds(alice)
    for path in PAGES:
        alice.get(path)
        alice.head(path)
    assert deeds(alice) == before


def test_a_key_is_revoked_by_delete_and_by_a_form_that_says_delete(alice: httpx.Client) -> None:
    first, second = (alice.post("/api/keys", data={"label": label}).text.count("Revoke ") for label in ("a", "b"))
    assert second == first + 1
    newest = max(int(part.split('"')[0]) for part in alice.get("/api/keys").text.split("/api/keys/")[1:])
    assert alice.delete(f"/api/keys/{newest}").status_code == 204
    assert alice.post(f"/api/keys/{newest - 1}", data={"_method": "DELETE"}).status_code == 200
    assert alice.delete(f"/api/keys/{newest}").status_code == 404
    assert deeds(alice)[-2:] == [
        ("alice", "revoked API key", str(newest)),
        ("alice", "revoked API key", str(newest - 1)),
    ]


def test_people_have_desks_of_their_own(alice: httpx.Client) -> None:
    alice.post("/notes", data={"text": "only <mine>"})
    assert "only &lt;mine&gt;" in alice.get("/").text
    assert "only" not in alice.get("/", headers={"X-Auth-User": "bob"}).text


def test_uploaded_files_arrive_byte_for_byte(alice: httpx.Client) -> None:
    content = bytes(range(256)) * 3 + b"\r\n--not the boundary\r\n"
    page = alice.post("/notes/import", files={"file": ("all.bin", content)}, data={"comment": "änderung"}).text
    for word in ("all.bin", str(len(content)), hashlib.sha256(content).hexdigest(), "änderung"):
        assert word in page


def test_the_invoice_is_a_pdf_that_opens(alice: httpx.Client) -> None:
    answer = alice.get("/billing/invoices/7.pdf")
    assert answer.headers["content-type"] == "application/pdf"
    file = answer.content
    table = int(file.split(b"startxref\n")[1].split()[0])
    assert file[table:].startswith(b"xref\n")
    for number, line in enumerate(file[table:].splitlines()[3:8], 1):
        assert file[int(line[:10]) :].startswith(b"%d 0 obj" % number)


@pytest.mark.parametrize("dark", [False, True])
def test_it_can_be_read_by_everyone(url: str, alice: httpx.Client, browser: Browser, dark: bool) -> None:
    alice.post("/api/keys", data={"label": "robot"})
    with window(browser, width=320, dark=dark, extra_http_headers=ALICE) as page:
        for path in PAGES:
            page.goto(url + path)
            assert axe(page) == []
            assert page.evaluate("document.documentElement.scrollWidth") <= 320
            screenshot(page, f"notes{path.replace('/', '-')}{'-dark' if dark else ''}")


def test_a_key_is_revoked_with_and_without_javascript(url: str, alice: httpx.Client, browser: Browser) -> None:
    for javascript in (True, False):
        alice.post("/api/keys", data={"label": "lamp"})
        with window(browser, javascript=javascript, extra_http_headers=ALICE) as page:
            page.goto(url + "/api/keys")
            page.get_by_role("button", name="Revoke lamp").click()
            page.get_by_role("button", name="Revoke lamp").wait_for(state="detached")
