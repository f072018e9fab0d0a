"""An app with a login of its own, as old apps have them: it knows nothing of any gateway, and reads no header of ours.

It does what makes such apps hard to stand in front of, each to be switched on: it gives its session another cookie with
every answer, it lets in whoever is in already without looking at the password, it keeps the cookie over a sign-in.
"""

from __future__ import annotations

import html
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

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
        cookies = SimpleCookie(self.headers.get("Cookie", ""))
        self.sid = cookies["sid"].value if "sid" in cookies else ""
        self.who = book.sessions.get(self.sid)
        asked = parse_qs(urlsplit(self.path).query).get("key", [""])[0]
        key = self.headers.get("X-Api-Key") or asked or self.form.get("key")
        if key:
            self.who = key.removeprefix("key-of-")
        if self.who is None and "remember_me" in cookies:
            self.who = cookies["remember_me"].value
        book.requests.append(f"{self.command} {self.path} {self.who or '-'}")
        self.cookies: list[str] = []
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
            self._say(200, f"Signed in as <b>{html.escape(who)}</b> ({said}){out}")

    def _login(self) -> None:
        book = self.book
        if self.command == "GET":
            self._form()
        elif book.trusts and self.who is not None:
            self._go("/")
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
