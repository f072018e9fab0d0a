"""An attack: what is sent, as bytes, and what must become of it.

`{HOST}` and `{COOKIE}` are filled in by the test: the gateway's own name, and the cookie of a session that is alive and
stale. The routes are those of `ROUTES`. A row says what its bytes try to be taken for; it is a kind, not an incident.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

ROUTES = """
[[app]]
name = "notes"
upstream = "{upstream}"

  [[app.route]]
  name = "change-email"
  action = "Change your e-mail address"
  methods = ["POST"]
  path = "/account/email"

  [[app.route]]
  name = "change-password"
  action = "Change your password"
  methods = ["POST"]
  path = "/account/password"

  [[app.route]]
  name = "delete-account"
  action = "Delete your account"
  path = "/account/delete"

  [[app.route]]
  name = "admin"
  action = "Open the administration area"
  path = "/admin/**"

  [[app.route]]
  name = "delete-page"
  action = "Delete a page"
  methods = ["POST"]
  path = "/index.php"
  query_or_form = {{ action = "delete" }}

  [[app.route]]
  name = "revoke-key"
  action = "Revoke a key"
  methods = ["DELETE"]
  path = "/api/keys/{{id}}"

  [[app.route]]
  name = "invoice"
  action = "Download an invoice"
  methods = ["GET"]
  path = "/billing/invoices/{{id}}.pdf"
"""


class Must(StrEnum):
    """What has to become of it."""

    ASK = "challenge-or-reject"  # the app never sees it
    PASS = "pass"  # the app gets method, target in origin-form and body, byte for byte
    STRIP = "strip"  # it arrives, without one word of what `spoofed` says
    BAD = "400"  # 400, and the connection is closed
    CLOSE = "close"  # at most one answer, the connection is closed, and nothing arrives


@dataclass(frozen=True)
class Case:
    """One connection's bytes. `arrives` is what the app may see of them."""

    name: str
    must: Must
    raw: bytes
    arrives: tuple[tuple[str, str, bytes], ...] = ()
    spoofed: tuple[str, ...] = ()


CHUNKS = "Transfer-Encoding: chunked"
FORM = "Content-Type: application/x-www-form-urlencoded"
OWN = ("Host: {HOST}", "Cookie: {COOKIE}")


def message(line: str, *fields: str, body: bytes = b"", own: tuple[str, ...] = OWN, version: str = "HTTP/1.1") -> bytes:
    """A request; its Content-Length is right unless a field frames the body otherwise."""
    framed = any(field.lower().startswith(("content-length", "transfer-encoding")) for field in fields)
    length = () if framed or not body else (f"Content-Length: {len(body)}",)
    return "\r\n".join([f"{line} {version}", *own, *fields, *length, "", ""]).encode("latin-1") + body


def chunked(*pieces: bytes, trailer: bytes = b"") -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n" + trailer + b"\r\n"
