"""A notes app: plain WSGI on the standard library. It believes the X-Auth-* headers it is given, and shows them.

python -m gateway.demo.notes --port 9000
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
from collections.abc import Callable, Iterable
from importlib.resources import files
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from gateway.demo import pages
from gateway.demo.invoice import pdf
from gateway.demo.messages import Answer, Request, read, see
from gateway.demo.people import Desk, People

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

STATIC = {"notes.css": "text/css; charset=utf-8", "notes.js": "text/javascript", "notes.svg": "image/svg+xml"}


class Notes:
    """The app: each handler answers one kind of request."""

    def __init__(self) -> None:
        self.people = People()
        self.exact: dict[tuple[str, str], Callable[[Request], Answer]] = {
            ("GET", "/"): self.notes,
            ("POST", "/notes"): self.write,
            ("POST", "/notes/import"): self.upload,
            ("GET", "/account"): self.account,
            ("POST", "/account/email"): self.change_email,
            ("POST", "/account/password"): self.change_password,
            ("POST", "/account/two-factor/disable"): self.disable_two_factor,
            ("GET", "/account/delete"): self.ask_to_delete,
            ("POST", "/account/delete"): self.delete_account,
            ("GET", "/api/keys"): self.keys,
            ("POST", "/api/keys"): self.create_key,
            ("GET", "/billing"): self.billing,
            ("GET", "/billing/help/"): self.billing_help,
            ("GET", "/admin/"): self.admin,
            ("GET", "/index.php"): self.legacy,
            ("POST", "/index.php"): self.legacy,
            ("GET", "/log"): self.log,
            ("GET", "/log.json"): self.log_json,
        }
        self.patterns: list[tuple[str, str, Callable[[Request, str], Answer]]] = [
            ("DELETE", r"/api/keys/(\d+)", self.revoke_key),
            ("GET", r"/billing/invoices/(\d+)\.pdf", self.invoice),
            ("GET", r"/static/([a-z.]+)", self.static),
        ]

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = read(environ)
        answer = self.answer(request)
        fields = [("Content-Type", answer.type), ("Content-Length", str(len(answer.body)))]
        if answer.location:
            fields.append(("Location", answer.location))
        start_response(answer.status, fields)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [answer.body]

    def answer(self, request: Request) -> Answer:
        handler = self.exact.get((request.method, request.path))
        if handler:
            return handler(request)
        for method, pattern, with_part in self.patterns:
            found = re.fullmatch(pattern, request.path)
            if found and method == request.method:
                return with_part(request, found[1])
        return self.page(request, "Not found", pages.missing(request.path), status="404 Not Found")

    def page(self, request: Request, title: str, content: str, status: str = "200 OK") -> Answer:
        desk = self.desk(request)
        notice, desk.notice = desk.notice, ""
        return Answer(pages.page(title, content, notice, request.environ).encode(), status)

    def desk(self, request: Request) -> Desk:
        return self.people.desk(request.user)

    def notes(self, request: Request) -> Answer:
        return self.page(request, "Notes", pages.notes(self.desk(request).notes))

    def write(self, request: Request) -> Answer:
        if text := request.fields.get("text", "").strip():
            self.desk(request).notes.append(text)
        return see("/")

    def upload(self, request: Request) -> Answer:
        found = [
            (file.name, len(file.content), hashlib.sha256(file.content).hexdigest()) for file in request.form.files
        ]
        return self.page(request, "Imported", pages.imported(found, request.form.fields))

    def account(self, request: Request) -> Answer:
        return self.page(request, "Account", pages.account(self.desk(request)))

    def change_email(self, request: Request) -> Answer:
        email = request.fields.get("email", "")
        self.desk(request).email = email
        self.people.did(request.user, "changed e-mail", email)
        return see("/account")

    def change_password(self, request: Request) -> Answer:
        self.people.did(request.user, "changed password")
        return see("/account")

    def disable_two_factor(self, request: Request) -> Answer:
        self.desk(request).two_factor = False
        self.people.did(request.user, "disabled two-factor")
        return see("/account")

    def ask_to_delete(self, request: Request) -> Answer:
        return self.page(request, "Delete your account", pages.DELETE)

    def delete_account(self, request: Request) -> Answer:
        self.people.forget(request.user)
        self.people.did(request.user, "deleted account")
        return see("/")

    def keys(self, request: Request) -> Answer:
        return self.page(request, "API keys", pages.keys(self.desk(request).keys))

    def create_key(self, request: Request) -> Answer:
        label = request.fields.get("label", "") or "unnamed"
        self.people.new_key(request.user, label)
        self.people.did(request.user, "created API key", label)
        return see("/api/keys")

    def revoke_key(self, request: Request, number: str) -> Answer:
        if self.desk(request).keys.pop(int(number), None) is None:
            return self.page(request, "Not found", pages.missing(request.path), status="404 Not Found")
        self.people.did(request.user, "revoked API key", number)
        return see("/api/keys") if request.environ["REQUEST_METHOD"] == "POST" else Answer(status="204 No Content")

    def billing(self, request: Request) -> Answer:
        return self.page(request, "Billing", pages.BILLING)

    def billing_help(self, request: Request) -> Answer:
        return self.page(request, "Help with bills", pages.BILLING_HELP)

    def invoice(self, request: Request, number: str) -> Answer:
        lines = [f"Invoice {number}", f"For {request.user}", "One year of notes: 12.00 EUR", "Paid. Thank you."]
        return Answer(pdf(lines), type="application/pdf")

    def admin(self, request: Request) -> Answer:
        return self.page(request, "Administration", pages.admin(self.people.names()))

    def legacy(self, request: Request) -> Answer:
        """Everything through one address, told apart by a field, whichever way it comes."""
        name, action = request.fields.get("page", ""), request.fields.get("action", "show")
        desk = self.desk(request)
        if action in ("delete", "purge"):
            if name in desk.pages:
                desk.pages.remove(name)
            self.people.did(request.user, f"{action}d page", name)
            return see("/index.php")
        return self.page(request, "Old pages", pages.legacy(desk.pages))

    def log(self, request: Request) -> Answer:
        return self.page(request, "Log", pages.log(self.people.log))

    def log_json(self, request: Request) -> Answer:
        return Answer(json.dumps([deed._asdict() for deed in self.people.log]).encode(), type="application/json")

    def static(self, request: Request, name: str) -> Answer:
        if name not in STATIC:
            return self.page(request, "Not found", pages.missing(request.path), status="404 Not Found")
        return Answer(files("gateway.demo").joinpath("static", name).read_bytes(), type=STATIC[name])


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 128


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


def server(port: int, host: str = "127.0.0.1") -> Server:
    """Listening; `serve_forever` serves, `shutdown` ends it. Port 0 takes any free one."""
    return make_server(host, port, Notes(), server_class=Server, handler_class=Quiet)


def main() -> None:
    parser = argparse.ArgumentParser(prog="notes", description="A notes app on the standard library.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9000)
    asked = parser.parse_args()
    with server(asked.port, asked.host) as listening:
        print(f"notes on http://{asked.host}:{listening.server_port}", flush=True)
        try:
            listening.serve_forever()
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    main()
