"""A small app with a login of its own, on real sockets; each test says what is odd about it.

It does what careful apps do: a cookie from before the sign-in, a token in each form, and `Origin` against `Host`.
"""

from __future__ import annotations

import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, parse_qsl, urlsplit

from gateway.identity.app import DEADLINES, AppIdentity
from gateway.identity.http import Deadlines
from gateway.policy.facts import Condition, Requirement, Route
from gateway.policy.login import Login, Success, WhoAmI

ORIGIN = "https://shop.example.com"
PASSWORD = "correct horse %&é"
PEOPLE = {"alice": PASSWORD, "bob": "staple horse", "Zoë & Co": PASSWORD}
ADDRESS = "192.0.2.7"
COOKIE = re.compile(r"([^=;\s]+)=([^;]*)")


@dataclass(frozen=True)
class Said:
    """An answer. `wait` in seconds, before its first byte; `cut` is how many bytes of it are really sent."""

    status: int = 200
    body: str | bytes = ""
    fields: tuple[tuple[str, str], ...] = ()
    type: str = "text/html; charset=utf-8"
    wait: float = 0.0
    cut: int | None = None


@dataclass(frozen=True)
class Asked:
    """A request as it came: names of fields in lower case."""

    method: str
    target: str
    fields: Mapping[str, str]
    body: bytes

    @property
    def line(self) -> str:
        return f"{self.method} {self.target}"

    @property
    def cookies(self) -> dict[str, str]:
        return dict(COOKIE.findall(self.fields.get("cookie", "")))

    @property
    def form(self) -> dict[str, str]:
        return {name: values[-1] for name, values in parse_qs(self.body.decode("ascii"), True).items()}


@dataclass
class Shop:
    """`says` replaces the answer to "GET /login" and the like; `leave` is how it signs people out: by a form, a link,
    a link and then a page that asks, the bare address, or not at all."""

    says: dict[str, Said | Callable[[Asked], Said]] = field(default_factory=dict)
    leave: str = "form"
    wrong: str = "form"  # shown again, or "redirect": sent back to it
    absolute: str = ""  # where redirects lead to, if not to a path
    extra: str = ""  # markup in the login form
    port: int = 0
    asked: list[Asked] = field(default_factory=list)
    sessions: dict[str, str] = field(default_factory=dict)  # names of who is signed in, by cookie
    tokens: dict[str, str] = field(default_factory=dict)  # by the cookie they belong to

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def lines(self) -> list[str]:
        return [asked.line for asked in self.asked]

    def sign_in(self, name: str) -> str:
        """As a browser that was there before; its cookie."""
        id = secrets.token_hex(16)
        self.sessions[id], self.tokens[id] = name, secrets.token_hex(8)
        return id

    def secrets(self) -> set[str]:
        """All that it has handed out, and all passwords."""
        return {*self.tokens, *self.tokens.values(), *self.sessions, *PEOPLE.values()}

    def answer(self, asked: Asked) -> Said:
        said = self.says.get(asked.line) or self.says.get(f"{asked.method} {asked.target.partition('?')[0]}")
        if said is not None:
            return said(asked) if callable(said) else said
        path = urlsplit(asked.target).path
        mine = asked.cookies.get("sid", "")
        match asked.method, path:
            case "GET", "/login":
                return self.form()
            case "POST", "/login":
                return self._sign_in(asked)
            case _, "/logout":
                return self._sign_out(asked, mine)
            case "GET", "/me" if mine in self.sessions:
                return Said(body=f"<p>Hello, <b>{escape(self.sessions[mine])}</b>!</p>")
            case "GET", "/" if mine in self.sessions:
                return Said(body=f"<h1>Home</h1><a href='/help'>Help</a>{self._way_out(mine)}")
        return Said(302, fields=(("Location", "/login"),)) if path in {"/", "/me"} else Said(404, "Not here")

    def form(self, status: int = 200, why: str = "") -> Said:
        """The login page, with the cookie and the token that belong together, and other forms around it."""
        pre, token = secrets.token_hex(16), secrets.token_hex(8)
        self.tokens[pre] = token
        page = f"""<!doctype html><title>Sign in</title>{why}
          <form action="/search"><input name="q"><button>Search</button></form>
          <form action="/register" method="post"><input name="login"><input type="password" name="pw"></form>
          <form action="/login" method="post"><input type="hidden" name="token" value="{token}">
            <input name="login" value="somebody"><input type="password" name="pw">
            <select name="shelf"><option value="1">One</option><option value="2" selected>Two</option></select>
            <input type="checkbox" name="remember" checked><input type="checkbox" name="never" value="1">
            {self.extra}<button name="go" value="in">Sign in</button><button name="go" value="reset">No</button>
          </form>"""
        return Said(status, page, (("Set-Cookie", f"pre={pre}; Path=/; HttpOnly; Domain=shop.example.com"),))

    def _sign_in(self, asked: Asked) -> Said:
        form, pre = asked.form, asked.cookies.get("pre", "")
        if asked.fields.get("origin") != ORIGIN or self.tokens.get(pre, "x") != form.get("token"):
            return Said(403, "Forged")
        if (form.get("shelf"), form.get("remember"), form.get("go"), "never" in form) != ("2", "on", "in", False):
            return Said(400, "No browser sends that")
        name = form["login"]
        if PEOPLE.get(name) != form["pw"]:
            return self.form(200, "<p>Wrong!</p>") if self.wrong == "form" else self._to("/login?failed=1")
        return self._to("/", ("Set-Cookie", f"sid={self.sign_in(name)}; Path=/"), ("Set-Cookie", "pre=; Max-Age=0"))

    def _to(self, path: str, *fields: tuple[str, str]) -> Said:
        return Said(303, fields=(("Location", self.absolute + path), *fields))

    def _way_out(self, mine: str, link: bool = False) -> str:
        token = self.tokens.get(mine, "")
        if self.leave == "link" or (self.leave == "asks" and not link):
            return f'<a href="/logout?token={token if self.leave == "link" else ""}&amp;back=%2F">Leave</a>'
        if self.leave in {"form", "asks"}:
            return f'<form method="post" action="logout"><input type="hidden" name="token" value="{token}"></form>'
        return ""

    def _sign_out(self, asked: Asked, mine: str) -> Said:
        query = dict(parse_qsl(urlsplit(asked.target).query))
        token = (asked.form if asked.method == "POST" else query).get("token")
        if self.leave != "bare" and token != self.tokens.get(mine, "-"):
            return Said(body=self._way_out(mine, link=True)) if asked.method == "GET" else Said(403, "Forged")
        self.sessions.pop(mine, None)
        return self._to("/login")


@contextmanager
def shop(**ways: object) -> Iterator[Shop]:
    """Open until the end of the block."""
    made = Shop(**ways)  # type: ignore[arg-type]
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"shop": made}))
    made.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class _Handler(BaseHTTPRequestHandler):
    shop: Shop
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        fields = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, self.path, fields, body)
        self.shop.asked.append(asked)
        said = self.shop.answer(asked)
        time.sleep(said.wait)
        data = said.body.encode() if isinstance(said.body, str) else said.body
        self.send_response(said.status)
        for name, value in (("Content-Type", said.type), ("Content-Length", str(len(data))), *said.fields):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data[: said.cut])
        self.close_connection = True

    do_POST = do_GET

    def handle(self) -> None:
        try:
            super().handle()
        except ConnectionError:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


def route(name: str, path: str, *methods: str, conditions: tuple[Condition, ...] = ()) -> Route:
    nothing = Requirement((frozenset({"password"}),), 300)
    return Route(name, name, path, nothing, frozenset(methods) or None, (), conditions)


def login(**changes: object) -> Login:
    """The shop's, as its operator would describe it."""
    said: dict[str, object] = {
        "page": "/login",
        "request": route("login", "/login", "POST"),
        "username": "login",
        "password": "pw",
        "cookies": ("sid",),
        "tokens": (),
        "success": Success(redirect_not=("/login",), cookie="sid"),
        "logout": route("logout", "/logout"),
        "whoami": WhoAmI("/me", "Hello, <b>{user}</b>!"),
        "locked": ("Too many tries",),
        "captcha": ("Are you a robot?",),
    }
    return Login(**(said | changes))  # type: ignore[arg-type]


def identity(app: Shop | str, described: Login | None = None, *, deadlines: Deadlines = DEADLINES) -> AppIdentity:
    """What asks that shop. It keeps no connection, so that nothing has to be closed."""
    url = app if isinstance(app, str) else app.url
    return AppIdentity(described or login(), upstream=url, origin=ORIGIN, deadlines=deadlines)
