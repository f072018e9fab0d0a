"""An app with a login of its own, as old apps have them: it knows nothing of any gateway, and reads no header of ours.

It does what makes such apps hard to stand in front of, each to be switched on: it gives its session another cookie with
every answer, it lets in whoever is in already without looking at the password, it keeps the cookie over a sign-in. It
reads cookies as apps of several kinds do.
"""

from __future__ import annotations

import html
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote_plus, urlsplit

from django.http.cookie import parse_cookie  # type: ignore[import-untyped]

PASSWORDS = {"ann": "ann-own-pw1", "Bob": "bob-own-pw1", "bob": "other-bob-pw1"}

LOGIN = """
  [app.login]
  page = "/login"
  path = "/login"
  username = "user"
  password = "pass"
  cookies = ["sid", "remember_*"]
  success = { redirect_not = "/login" }
  locked = "Too many tries"
  logout = { path = "/logout" }
  tokens = { header = "X-Api-Key", query_or_form = "key" }
"""

WHOAMI = """
  whoami = { path = "/me", pattern = "Signed in as <b>{user}</b>" }
"""

ROUTES = """
  [[app.route]]
  name = "change-email"
  action = "Change your e-mail address"
  path = "/email"
  show = ["email"]

  [[app.route]]
  name = "delete"
  action = "Delete your account"
  methods = ["POST"]
  path = "/delete"
  max_age = "0s"

  [[app.route]]
  name = "api"
  action = "Make a key"
  path = "/api/keys"
"""


def python(said: str) -> dict[str, str]:
    """As Python's own library, which takes white space for the end of a cookie."""
    return {name: morsel.value for name, morsel in SimpleCookie(said).items()}


def django(said: str) -> dict[str, str]:
    """As Django, from what WSGI makes of the bytes."""
    found: dict[str, str] = parse_cookie(said.encode("latin-1").decode("utf-8", "replace"))
    return found


def node(said: str) -> dict[str, str]:
    """As the package `cookie` of Node: what JavaScript trims is more than a space, and the first of a name counts."""
    pairs = [pair.partition("=") for pair in said.split(";")]
    return {name.strip(" \t\xa0"): value.strip(" \t\xa0") for name, _, value in reversed(pairs)}


def php(said: str) -> dict[str, str]:
    """As PHP before 7.4.11: names are decoded, end at NUL, and the first counts."""
    pairs = [pair.partition("=") for pair in said.split(";")]
    return {unquote_plus(name.lstrip()).partition("\0")[0].lstrip(" "): value for name, _, value in reversed(pairs)}


@dataclass
class Ledger:
    """What it knows and did. `sessions` by cookie value; a value of None is somebody not signed in."""

    port: int = 0
    passwords: dict[str, str] = field(default_factory=lambda: dict(PASSWORDS))
    sessions: dict[str, str | None] = field(default_factory=dict)
    deeds: list[tuple[str, str]] = field(default_factory=list)  # who, what
    requests: list[str] = field(default_factory=list)
    tokens: dict[str, str] = field(default_factory=dict)
    rotates: bool = False  # another cookie with every answer; the old ones go on for calls under way
    trusts: bool = False  # POST /login lets in whoever is in already
    fixed: bool = False  # the cookie stays the same when somebody signs in
    remembers: bool = False  # signing in also sets a cookie that is enough by itself
    at_login: bool = False  # the cookie that is enough by itself is looked at on the sign-in page alone
    careless: bool = False  # a wrong password is answered as a right one, with a new cookie of nobody's
    bearer: bool = False  # but for its pages, it goes by Authorization first
    in_address: bool = False  # where there is no cookie, it takes `sid` from the address
    beside: str = ""  # what others wrote on everybody's page
    slow: float = 0.0  # seconds that its page of oneself takes
    at_once: int = 0  # how many waited for that at a time, at most
    waiting: int = 0
    reads: Callable[[str], dict[str, str]] = python
    captcha: bool = False
    locked: bool = False
    changed: bool = False  # the login page has been redesigned
    down: bool = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def sign_in_directly(self, name: str) -> str:
        """A session that no gateway saw begin; its cookie."""
        sid = secrets.token_hex(8)
        self.sessions[sid] = name
        return sid

    def plain(self) -> None:
        """All switches off."""
        for each in fields(self):
            if isinstance(each.default, bool | float | str) or each.name == "reads":
                if each.name != "port":
                    setattr(self, each.name, each.default)

    def did(self, who: str) -> list[str]:
        """What that person got done."""
        return [what for name, what in self.deeds if name == who]


@contextmanager
def ledger() -> Iterator[Ledger]:
    """The app, on a free port, until the end of the block."""
    book = Ledger()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"book": book}))
    server.daemon_threads = True
    book.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield book
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    book: Ledger
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        return

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        book = self.book
        length = int(self.headers.get("Content-Length") or 0)
        self.form = {key: value[-1] for key, value in parse_qs(self.rfile.read(length).decode()).items()}
        path = urlsplit(self.path).path
        cookies = book.reads(self.headers.get("Cookie", ""))
        self.sid = cookies.get("sid", "")
        if book.in_address and not self.sid:
            self.sid = parse_qs(urlsplit(self.path.replace(";", "?", 1)).query).get("sid", [""])[0]
            path = path.partition(";")[0]
        self.who = book.sessions.get(self.sid)
        asked = parse_qs(urlsplit(self.path).query).get("key", [""])[0]
        key = self.headers.get("X-Api-Key") or asked or self.form.get("key")
        if key:
            self.who = key.removeprefix("key-of-")
        if self.who is None and "remember_me" in cookies and (path == "/login" or not book.at_login):
            self.who = cookies["remember_me"]
        bearer = self.headers.get("Authorization", "")
        if book.bearer and bearer and path != "/me":
            self.who = bearer.removeprefix("Bearer key-of-")
        book.requests.append(f"{self.command} {self.path} {self.who or '-'}")
        self.cookies: list[str] = []
        if path == "/me":
            book.waiting += 1
            book.at_once = max(book.at_once, book.waiting)
            time.sleep(book.slow)
            book.waiting -= 1
        if book.down:
            self._say(503, "down for repairs")
        elif path == "/login":
            self._login()
        elif path == "/logout":
            book.sessions.pop(self.sid, None)
            self.cookies.append("sid=; Path=/; Max-Age=0")
            self._go("/login")
        elif path == "/switch":  # become somebody else, as administrators can
            book.sessions[self.sid] = self.form["to"]
            self._say(200, "switched")
        elif self.who is None:
            self._go("/login")
        else:
            self._inside(path)

    def _inside(self, path: str) -> None:
        book, who = self.book, str(self.who)
        if book.rotates:
            self._new_cookie(who)
        if path == "/email" and self.command == "POST":
            book.deeds.append((who, f"email {self.form['email']}"))
            self._say(200, f"Changed to {html.escape(self.form['email'])}")
        elif path == "/delete":
            book.deeds.append((who, "delete"))
            self._say(200, "Deleted")
        elif path == "/api/keys":
            book.deeds.append((who, "key"))
            self._say(200, "key")
        else:
            out = '<form method="post" action="/logout"><input type="hidden" name="csrf" value="x"></form>'
            said = f"{self.headers.get('X-Auth-User')} {self.headers.get('X-Auth-Time')}"
            self._say(200, f"Signed in as <b>{html.escape(who)}</b> ({said}){out}{book.beside}")

    def _login(self) -> None:
        book = self.book
        if self.command == "GET":
            self._form()
        elif book.trusts and self.who is not None:
            if book.sessions.get(self.sid) != self.who:
                self._new_cookie(self.who)
            self._go("/")
        elif book.careless and book.passwords.get(self.form.get("user", "")) != self.form.get("pass"):
            self._new_cookie(None)
            self._go(urlsplit(self.headers.get("Referer", "/")).path)
        elif book.locked:
            self._form("Too many tries")
        elif not self.sid or self.form.get("csrf") != book.tokens.get(self.sid):
            self._form("The form was too old")
        elif book.passwords.get(self.form.get("user", "")) != self.form.get("pass"):
            self._form("Wrong")
        else:
            if book.fixed:
                book.sessions[self.sid] = self.form["user"]
            else:
                self._new_cookie(self.form["user"])
            if book.remembers:
                self.cookies.append(f"remember_me={self.form['user']}; Path=/")
            self._go("/")

    def _form(self, error: str = "") -> None:
        book = self.book
        if self.sid not in book.sessions:
            self._new_cookie(None)
        token = book.tokens.setdefault(self.sid, secrets.token_hex(8))
        fields = (
            f'<input type="hidden" name="csrf" value="{token}"><input name="user"><input type="password" name="pass">'
        )
        if book.captcha:
            fields += '<div class="g-recaptcha"></div>'
        if book.changed:
            fields = '<input name="mail"><button>Send me a link</button>'
        self._say(200, f'<p>{error}</p><form method="post" action="/login">{fields}<button>Sign in</button></form>')

    def _new_cookie(self, who: str | None) -> None:
        self.sid = secrets.token_hex(8)
        self.book.sessions[self.sid] = who
        self.cookies.append(f"sid={self.sid}; Path=/; HttpOnly")

    def _go(self, where: str) -> None:
        self._send(302, b"", [("Location", where)])

    def _say(self, status: int, words: str) -> None:
        page = f"<!doctype html><html><head><title>Ledger</title></head><body>{words}</body></html>"
        self._send(status, page.encode(), [("Content-Type", "text/html; charset=utf-8")])

    def _send(self, status: int, body: bytes, headers: list[tuple[str, str]]) -> None:
        self.send_response(status)
        for name, value in [*headers, *(("Set-Cookie", cookie) for cookie in self.cookies)]:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
