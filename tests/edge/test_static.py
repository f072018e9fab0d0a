"""The files that pages load."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.edge.static import CONTENTS, PREFIX, TYPES, address, serve
from gateway.policy.facts import Request


def ask(path: str, method: str = "GET") -> tuple[int, dict[bytes, bytes], bytes]:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    target = path.encode()
    asyncio.run(serve(Request(method, target, target, b"", (), "h", "192.0.2.1", "id", 0.0), send))
    return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"]


@pytest.mark.parametrize("name", TYPES)
def test_each_file_is_served_as_what_it_is_and_kept_for_a_year(name: str) -> None:
    status, headers, body = ask(PREFIX + name)
    assert (status, body) == (200, CONTENTS[name])
    assert headers[b"content-type"] == TYPES[name]
    assert headers[b"content-length"] == str(len(body)).encode()
    assert headers[b"cache-control"] == b"public, max-age=31536000, immutable"
    assert ask(PREFIX + name, "HEAD")[1:] == (headers, b"")


@pytest.mark.parametrize("name", ["", "nothing.js", "../views.py", "%2e%2e/views.py", "style.css/", "STYLE.CSS"])
def test_nothing_else_is_there(name: str) -> None:
    assert ask(PREFIX + name)[0] == 404


def test_files_are_only_read() -> None:
    assert ask(PREFIX + "style.css", "POST")[0] == 405


def test_a_new_content_has_a_new_address(monkeypatch: pytest.MonkeyPatch) -> None:
    before = address("page.js")
    monkeypatch.setitem(CONTENTS, "page.js", b"changed")
    assert address("page.js") != before
