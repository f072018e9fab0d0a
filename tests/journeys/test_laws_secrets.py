"""Law 5: what is secret is in no log, no address, no page of errors, and in no file as it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.journeys.ageing import older
from tests.journeys.conftest import ROUTES
from tests.support.echo import Echo
from tests.support.processes import PEOPLE, Gateway, gateway
from tests.support.visitor import Visitor

PASSWORD, MISTYPED, NEW = PEOPLE["alice"], "correct house buttery", "a new and better one"
CODE = re.compile(r"<code>([^<]+)</code>")


class Story:
    """Everything a person does once, and every secret that came up on the way."""

    def __init__(self, gate: Gateway) -> None:
        self.gate = gate
        self.secrets = {PASSWORD, MISTYPED, NEW, "hushed@b.test", "hushed%40b.test", "hush-hush", "unshown-text"}
        self.answers: list[httpx.Response] = []
        self.errors: list[str] = []
        self.secrets_in_files_while_held: list[tuple[str, str]] = []
        self.visitor = Visitor(gate.url)
        self.visitor.http.event_hooks["response"] = [self._note]

    def _note(self, answer: httpx.Response) -> None:
        self.answers.append(answer)
        self.secrets.update(re.findall(r"gateway_session=([\w-]{43})", answer.headers.get("set-cookie", "")))
        self.secrets.update(re.findall(r"gateway_ticket_[\w-]{8}=([\w.-]{50,})", answer.headers.get("set-cookie", "")))

    def signs_in(self) -> None:
        visitor = self.visitor
        visitor.sign_in("alice", MISTYPED)
        self.errors.append(visitor.page.text)
        visitor.submit("/.gateway/signin", {"username": "alice", "password": PASSWORD})

    def enrols(self) -> None:
        visitor = self.visitor
        secret = re.search(r"secret=([A-Z2-7]{32})", visitor.get("/.gateway/account/totp").text)
        assert secret is not None
        code = visitor.code(secret[1])
        visitor.submit("/.gateway/account/totp", {"label": "phone", "code": "000000"})
        visitor.submit("/.gateway/account/totp", {"label": "phone", "code": code})
        assert visitor.page.url.params["done"] == "totp"
        visitor.get("/.gateway/account/recovery")
        codes = CODE.findall(visitor.submit("/.gateway/account/recovery", {}).text)
        assert len(codes) >= 8
        self.secrets.update({secret[1], code, *codes})

    def is_held(self) -> None:
        visitor = self.visitor
        older(self.gate.folder)
        form = {"email": "hushed@b.test", "note": "unshown-text"}
        visitor.go("POST", "/account/email?token=hush-hush", data=form)
        assert "hushed@b.test" in visitor.page.text

    def confirms(self) -> None:
        visitor = self.visitor
        visitor.confirm(MISTYPED)
        self.errors.append(visitor.page.text.replace("hushed@b.test", "").replace("?token=hush-hush", ""))
        assert visitor.confirm(PASSWORD).json()["method"] == "POST"

    def changes(self) -> None:
        visitor = self.visitor
        visitor.get("/.gateway/account")
        form = {"current": MISTYPED, "new": NEW, "again": NEW}
        visitor.submit("/.gateway/account/password", form)
        self.errors.append(visitor.page.text)
        visitor.submit("/.gateway/account/password", {**form, "current": PASSWORD})
        assert visitor.page.url.params["done"] == "password"

    def goes_wrong(self) -> None:
        visitor = self.visitor
        for path in ("/close?token=hush-hush", "/garbage?token=hush-hush", "/.gateway/confirm/hush-hush-no"):
            self.errors.append(visitor.request("GET", path).text)
        self.errors.append(visitor.request("POST", "/account/%zz", data={"email": "hushed@b.test"}).text)
        assert all("<h1" in error or "title" in error for error in self.errors)


@pytest.fixture(scope="module")
def story(app: Echo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("secrets")
    with gateway(folder, ROUTES.format(upstream=app.url), people={"alice": PASSWORD}) as gate:
        told = Story(gate)
        told.signs_in()
        told.enrols()
        told.is_held()
        told.secrets_in_files_while_held = found_in_files(folder, told.secrets)
        told.confirms()
        told.changes()
        told.goes_wrong()
        yield told
        told.visitor.http.close()


def found_in_files(folder: Path, secrets: set[str]) -> list[tuple[str, str]]:
    files = [file for file in folder.iterdir() if file.name not in {"routes.toml", "gateway.secret"}]
    assert {"gateway.db", "gateway-state.db"} <= {file.name for file in files}
    return [(file.name, secret) for file in files for secret in secrets if secret.encode() in file.read_bytes()]


def test_no_file_holds_a_secret_as_it_is(story: Story) -> None:
    assert story.secrets_in_files_while_held == []
    assert found_in_files(story.gate.folder, story.secrets) == []


def test_the_files_are_their_owners_alone(story: Story) -> None:
    for file in story.gate.folder.glob("*.db*"):
        assert file.stat().st_mode & 0o077 == 0, file.name


def test_no_log_says_a_secret(story: Story) -> None:
    logged = story.gate.program.output()
    assert logged.count("\n") > 5
    assert [secret for secret in story.secrets if secret in logged] == []


def test_no_page_of_errors_says_a_secret(story: Story) -> None:
    assert [secret for secret in story.secrets for error in story.errors if secret in error] == []


def test_no_address_says_a_secret(story: Story) -> None:
    sent = [answer.headers.get("location", "") for answer in story.answers]
    asked = [str(answer.request.url) for answer in story.answers]
    secrets = story.secrets - {"hush-hush"}  # it was in the app's own address from the start
    assert [secret for secret in secrets for address in (*sent, *asked) if secret in address] == []


def test_a_session_id_is_256_random_bits_in_a_cookie_no_script_reads(story: Story) -> None:
    cookies = [value for answer in story.answers for value in answer.headers.get_list("set-cookie")]
    sessions = [each for each in cookies if each.startswith("gateway_session=") and "Max-Age=0" not in each]
    assert len(sessions) >= 2 and len(set(sessions)) == len(sessions)
    assert all(re.fullmatch(r"gateway_session=[\w-]{43}; Path=/; HttpOnly; SameSite=Lax", each) for each in sessions)


def test_the_audit_log_tells_the_story(story: Story) -> None:
    told = [(line["event"], line["reason"]) for line in story.gate.audit()]
    for line in [
        ("sign-in", "wrong"),
        ("sign-in", "signed-in"),
        ("credential", "credential-added"),
        ("decision", "stale"),
        ("confirm", "wrong"),
        ("confirm", "confirmed"),
        ("resume", "resumed"),
        ("decision", "fresh"),
        ("credential", "credential-changed"),
    ]:
        assert line in told
        told = told[told.index(line) :]
