"""Jupyter with its own password alone: running code needs a sign-in that was seen, what reaches further a fresh one."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.apps.forms import form, send
from tests.apps.jupyter import NOTEBOOK_PASSWORD, Jupyter
from tests.apps.kept import asked, confirm, forgiven, holding, keeping, matched, table
from tests.journeys.ageing import older
from tests.support.processes import Gateway
from tests.support.visitor import Visitor

HALF_A_DAY = 12 * 3600 + 60


@pytest.fixture(scope="module")
def front(notebooks: Jupyter, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with keeping("jupyter", notebooks.url, tmp_path_factory.mktemp("jupyter-kept")) as started:
        yield started


@pytest.fixture
def owner(front: Gateway) -> Iterator[Visitor]:
    """Signed in a moment ago."""
    forgiven(front)
    with Visitor(front.url) as visitor:
        sign_in(visitor)
        yield visitor


@pytest.fixture(scope="module")
def behind(notebooks: Jupyter) -> Iterator[Visitor]:
    """The same person at Jupyter's own port."""
    with Visitor(notebooks.url) as visitor:
        sign_in(visitor)
        yield visitor


@pytest.fixture
def kernel(owner: Visitor) -> str:
    """The id of one that the owner has just started."""
    started = call(owner, "POST", "/api/kernels")
    assert started.status_code == 201
    return str(started.json()["id"])


def sign_in(visitor: Visitor, password: str = NOTEBOOK_PASSWORD) -> None:
    login = form(visitor.get("/login").text, "password")
    send(visitor, login, login.filled(password=password))


def call(visitor: Visitor, method: str, target: str, body: object = None) -> httpx.Response:
    """As the pages' scripts do it."""
    headers = {"x-xsrftoken": visitor.http.cookies.get("_xsrf", ""), "content-type": "application/json"}
    return visitor.fetch(method, target, content=json.dumps(body), headers=headers)


def socket(visitor: Visitor, target: str, origin: str = "") -> AbstractContextManager[ClientConnection]:
    cookies = "; ".join(f"{each.name}={each.value}" for each in visitor.http.cookies.jar)
    return connect(
        visitor.url.replace("http", "ws", 1) + target,
        origin=origin or visitor.url,  # type: ignore[arg-type]
        additional_headers={"Cookie": cookies},
        proxy=None,
    )


def refused(visitor: Visitor, target: str, origin: str = "") -> int:
    """The status of a handshake that is not accepted."""
    with pytest.raises(InvalidStatus) as caught, socket(visitor, target, origin):
        pass
    return caught.value.response.status_code


def run(visitor: Visitor, kernel: str, code: str) -> str:
    """What a kernel prints."""
    id = uuid.uuid4().hex
    header = {"msg_id": id, "msg_type": "execute_request", "username": "", "session": id, "version": "5.3"}
    content = {"code": code, "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False}
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
    printed = ""
    with socket(visitor, f"/api/kernels/{kernel}/channels") as channels:
        channels.send(json.dumps(message))
        while True:
            said = json.loads(channels.recv(timeout=20))
            if said["parent_header"].get("msg_id") == id and said["msg_type"] == "stream":
                printed += said["content"]["text"]
            if said["parent_header"].get("msg_id") == id and said["content"].get("execution_state") == "idle":
                return printed


def confirm_at(visitor: Visitor, refusal: httpx.Response, password: str = NOTEBOOK_PASSWORD) -> httpx.Response:
    """Open the page that a refused call names, and answer it."""
    assert refusal.status_code == 401
    visitor.get(refusal.json()["confirm_url"])
    assert asked(visitor)
    return confirm(visitor, password)


def test_code_runs_for_hours_after_signing_in_and_then_somebody_is_asked(
    front: Gateway, owner: Visitor, kernel: str
) -> None:
    assert run(owner, kernel, "print(6*7)") == "42\n"
    older(front.folder)
    assert run(owner, kernel, "print(7*7)") == "49\n"
    assert call(owner, "POST", f"/api/kernels/{kernel}/interrupt").status_code == 204
    older(front.folder, HALF_A_DAY)
    assert refused(owner, f"/api/kernels/{kernel}/channels") == 401
    assert "Confirmed" in confirm_at(owner, call(owner, "POST", f"/api/kernels/{kernel}/interrupt")).text
    assert run(owner, kernel, "print(8*7)") == "56\n"


def test_a_stolen_cookie_of_jupyter_reads_and_runs_nothing(front: Gateway, owner: Visitor, kernel: str) -> None:
    with holding(front, owner.http.cookies) as thief:
        assert call(thief, "GET", "/api/kernels").status_code == 200
        assert refused(thief, f"/api/kernels/{kernel}/channels") == 401
        for method, target in [
            ("POST", "/api/kernels"),
            ("POST", "/api/kernels?_method=GET"),
            ("POST", "/api/terminals"),
            ("POST", "/api/sessions"),
            ("PUT", "/api/contents/planted.py"),
            ("DELETE", "/api/contents/planted.py"),
            ("POST", "/api/shutdown"),
        ]:
            assert call(thief, method, target).status_code == 401
    assert run(owner, kernel, "print('mine')") == "mine\n"


def test_who_was_signed_in_before_confirms_with_the_password_alone(front: Gateway, owner: Visitor, kernel: str) -> None:
    with holding(front, owner.http.cookies) as visitor:
        refusal = call(visitor, "POST", "/api/kernels")
        assert "gateway_session" in visitor.http.cookies
        assert confirm_at(visitor, refusal, "not it").status_code == 422
        confirm(visitor, NOTEBOOK_PASSWORD)
        assert run(visitor, kernel, "print('before')") == "before\n"


def test_a_file_is_deleted_once_its_owner_has_confirmed(notebooks: Jupyter, front: Gateway, owner: Visitor) -> None:
    model = {"type": "file", "format": "text", "content": "kept"}
    assert call(owner, "PUT", "/api/contents/kept.txt", model).status_code == 201
    older(front.folder)
    assert call(owner, "PUT", "/api/contents/kept.txt", model).status_code == 200
    refusal = call(owner, "DELETE", "/api/contents/kept.txt")
    assert confirm_at(owner, refusal, "not it").status_code == 422
    assert (notebooks.notebooks / "kept.txt").read_text() == "kept"
    confirm(owner, NOTEBOOK_PASSWORD)
    assert call(owner, "DELETE", "/api/contents/kept.txt").status_code == 204
    assert not (notebooks.notebooks / "kept.txt").exists()


def test_a_terminal_is_opened_when_fresh_and_used_for_as_long_as_a_notebook(front: Gateway, owner: Visitor) -> None:
    older(front.folder)
    refusal = call(owner, "POST", "/api/terminals")
    confirm_at(owner, refusal)
    name = call(owner, "POST", "/api/terminals").json()["name"]
    older(front.folder)
    with socket(owner, f"/terminals/websocket/{name}") as terminal:
        terminal.send(json.dumps(["stdin", "echo $((6*7))\r"]))
        said = ""
        while "\n42" not in said:
            kind, *rest = json.loads(terminal.recv(timeout=20))
            said += rest[0] if kind == "stdout" else ""
    with holding(front, owner.http.cookies) as thief:
        assert refused(thief, f"/terminals/websocket/{name}") == 401
    confirm_at(owner, call(owner, "DELETE", f"/api/terminals/{name}"))
    assert call(owner, "DELETE", f"/api/terminals/{name}").status_code == 204


def test_a_page_of_another_site_runs_nothing_either(front: Gateway, owner: Visitor, kernel: str) -> None:
    assert refused(owner, f"/api/kernels/{kernel}/channels", "http://evil.test") == 403


def test_a_server_that_was_restarted_knows_its_owner_and_so_does_the_gateway(
    notebooks: Jupyter, front: Gateway, owner: Visitor
) -> None:
    older(front.folder)
    refusal = call(owner, "POST", "/api/terminals")
    notebooks.program.stop()
    notebooks.start()
    confirm_at(owner, refusal)
    assert call(owner, "POST", "/api/terminals").status_code == 200
    started = call(owner, "POST", "/api/kernels")
    assert run(owner, started.json()["id"], "print('again')") == "again\n"


def test_signed_out_of_jupyter_is_signed_out_of_the_gateway(front: Gateway, owner: Visitor, kernel: str) -> None:
    with holding(front, owner.http.cookies, ours=True) as kept:
        assert run(kept, kernel, "print('still')") == "still\n"
        owner.get("/logout")
        assert "gateway_session" not in owner.http.cookies
        assert refused(kept, f"/api/kernels/{kernel}/channels") == 401


ID = "00000000-0000-0000-0000-000000000000"


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("POST /api/kernels?_method=GET", "kernels"),
        (f"POST /api/kernels/{ID}/interrupt", "kernels"),
        (f"DELETE /api/kernels/{ID}", "kernels"),
        ("POST /api/sessions", "sessions"),
        (f"PATCH /api/sessions/{ID}", "sessions"),
        (f"DELETE /api/sessions/{ID}", "sessions"),
        ("POST /api/contents", "save"),
        ("PUT /api/contents/no/such/a.txt", "save"),
        ("PATCH /api/contents/%6eo", "save"),
        ("POST /api/contents/%6eo/checkpoints", "save"),
        ("DELETE /api/contents/%6eo", "delete-files"),
        ("POST /api/terminals?_method=GET", "terminals"),
        ("DELETE /api/terminals/99", "terminals"),
    ],
)
def test_what_jupyter_understands_is_what_its_preset_is_about(
    line: str, name: str, behind: Visitor, tmp_path: Path
) -> None:
    method, target = line.split()
    assert "<html" not in call(behind, method, target, {}).text.lower()  # as pages that are not there are answered
    assert matched(table("jupyter", tmp_path), line) == [name]


@pytest.mark.parametrize(
    "target", ["/tree", "/api/kernels", "/api/sessions", "/api/contents", "/api/terminals", "/api/me"]
)
def test_looking_at_things_is_never_asked_about(target: str, behind: Visitor, tmp_path: Path) -> None:
    assert call(behind, "GET", target).status_code == 200
    assert matched(table("jupyter", tmp_path), f"GET {target}") == []


def test_a_wrong_password_is_no_sign_in(front: Gateway) -> None:
    forgiven(front)
    with Visitor(front.url) as visitor:
        sign_in(visitor, "not it")
        assert visitor.page.status_code == 401 and "gateway_session" not in visitor.http.cookies
