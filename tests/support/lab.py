"""An app of one page whose scripts call it in every way there is, behind the gateway with `inject = true`.

What is below `/saved/` is asked for again after a while, what is below `/once/` every time, and all else never. Every
call is answered with what was received; `/slow/` takes its time about it, `/away/` redirects.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from gateway.assembly import open_directory, open_state
from gateway.config.load import load
from gateway.config.settings import Settings
from gateway.flows.sessions import Sessions
from gateway.policy.credentials import Password, Person
from gateway.policy.facts import AuthEvent
from gateway.verifiers.password import PasswordVerifier
from tests.support.browser import window
from tests.support.processes import Gateway, gateway

PASSWORD = "correct horse battery"
AN_HOUR = 3600
PAGE = b"<!doctype html><html lang=en><head><title>Lab</title></head><body><button>Do it</button></body></html>"

ROUTES = """
[[app]]
name = "lab"
upstream = "{upstream}"
inject = true

  [[app.route]]
  name = "save"
  action = "Save it"
  path = "/saved/**"

  [[app.route]]
  name = "once"
  action = "Pay it"
  path = "/once/**"
  once = true
"""


@dataclass(frozen=True)
class Call:
    """One call as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Lab:
    """`pages` by path, and `slow` ones, by the piece, with seconds in between; every other path echoes.

    `calls` are those that reached the app.
    """

    pages: dict[str, tuple[dict[str, str], bytes]] = field(default_factory=dict)
    slow: dict[str, tuple[list[bytes], float]] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    front: Gateway | None = None
    settings: Settings | None = None
    port: int = 0

    @property
    def url(self) -> str:
        assert self.front is not None
        return self.front.url

    @property
    def paths(self) -> list[str]:
        """Of the calls that reached the app, beside those for documents."""
        return [each.path for each in self.calls if each.headers.get("sec-fetch-dest") == "empty"]

    def session(self, *, age: int) -> str:
        """The id of a session whose owner showed the password so many seconds ago."""

        async def opened() -> str:
            assert self.settings is not None
            state, now = open_state(self.settings), int(time.time())
            try:
                sessions = Sessions(state, self.settings.session)
                events = (AuthEvent("password", now - age, ("pwd",)),)
                token, _ = await sessions.open("lab", "alice", events, address="127.0.0.1", agent="", now=now)
                return token.decode()
            finally:
                await state.life.close()

        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, opened()).result()


class Handler(BaseHTTPRequestHandler):
    """Speaks HTTP/1.1 and keeps the connection."""

    protocol_version = "HTTP/1.1"
    lab: Lab

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.lab.calls.append(Call(self.command, self.path, headers, body))
        path = self.path.partition("?")[0]
        if path in self.lab.pages:
            fields, page = self.lab.pages[path]
            self.answer(200, {"content-type": "text/html; charset=utf-8"} | fields, page)
        elif path.startswith("/away/"):
            self.answer(303, {"location": "/" + path.removeprefix("/away/")}, b"")
        elif path in self.lab.slow or "/slow/" in path:
            self.drip(*self.lab.slow.get(path, ([b"one ", b"two ", b"three"], 0.15)))
        else:
            told = {"method": self.command, "path": self.path, "body": body.decode("latin-1")}
            told["type"] = headers.get("content-type", "")
            told["sent"] = headers.get("x-sent", "")
            self.answer(
                200, {"content-type": "application/json", "x-app": "lab"}, json.dumps(told, ensure_ascii=False).encode()
            )

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = handle_any

    def drip(self, pieces: list[bytes], pause: float) -> None:
        self.send_response(200)
        self.send_header("transfer-encoding", "chunked")
        self.send_header("content-type", "text/html" if pieces[0].startswith(b"<") else "text/plain")
        self.end_headers()
        for piece in pieces:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            time.sleep(pause)
        self.wfile.write(b"0\r\n\r\n")

    def answer(self, status: int, fields: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def lab(folder: Path) -> Iterator[Lab]:
    """App and gateway, and Alice, who has a password."""
    opened = Lab({"/": ({}, PAGE)})
    handler = type("LabHandler", (Handler,), {"lab": opened})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        opened.port = server.server_port
        with gateway(folder, ROUTES.format(upstream=f"http://127.0.0.1:{server.server_port}"), people={}) as front:
            opened.front = front
            opened.settings = load(front.folder / "routes.toml", env=os.environ)
            with ThreadPoolExecutor(1) as pool:
                pool.submit(asyncio.run, _alice(opened.settings)).result()
            yield opened
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def _alice(settings: Settings) -> None:
    directory, then = open_directory(settings), int(time.time()) - AN_HOUR
    try:
        await directory.people.add(Person("alice", "Alice", then))
        hashed = await PasswordVerifier().hash(PASSWORD)
        await directory.credentials.set_password("alice", Password(hashed, then, then), expected=None)
    finally:
        await directory.life.close()


@contextmanager
def at_the_lab(
    browser: Browser,
    opened: Lab,
    *,
    age: int = AN_HOUR,
    path: str = "/",
    script: bool = True,
    before: str = "",
    **more: Any,
) -> Iterator[Page]:
    """Alice on a page of the app, `age` seconds after she signed in. Without `script` ours is not loaded.

    `before` runs before any script of the page, `more` is what `window` takes.
    """
    opened.calls.clear()
    with window(browser, **more) as page:
        session = opened.session(age=age)
        page.context.add_cookies([{"name": "gateway_session", "value": session, "url": opened.url}])
        if not script:
            page.route("**/stepup.js*", lambda route: route.abort())
        if before:
            page.add_init_script(before)
        page.goto(opened.url + path)
        yield page


def asked(page: Page, script: str, path: str = "") -> Page:
    """Start a script, with its `path`; the window that it makes the gateway's script open."""
    with page.expect_popup() as opened:
        starts(page, script, path)
    return opened.value


def starts(page: Page, script: str, path: str = "") -> None:
    """Start it, and do not wait for it."""
    run = f"(async () => {{ {script} }})().catch((error) => [error.name, error.message])"
    page.evaluate(f"(path) => {{ window.outcome = {run} }}", path)


def came_of(page: Page) -> Any:
    """What the script that was started returned; name and message of what it threw."""
    return page.evaluate("window.outcome")


def confirms(popup: Page) -> None:
    """By password, on the page before her, in whatever language it is."""
    popup.locator("input[name=password]").fill(PASSWORD)
    popup.locator("button.main").click()


def closes(popup: Page) -> None:
    """Fails unless the window is gone, or goes by itself."""
    if not popup.is_closed():
        popup.wait_for_event("close", timeout=15000)
