"""The HTML of the notes app."""

from __future__ import annotations

import time
from collections.abc import Mapping
from html import escape
from typing import Any

from gateway.demo.people import Deed, Desk

MENU = {
    "/": "Notes",
    "/account": "Account",
    "/api/keys": "API keys",
    "/billing": "Billing",
    "/index.php": "Old pages",
    "/admin/": "Admin",
    "/log": "Log",
}

DELETE = """
<p>Everything goes: your notes, your keys, your old pages. There is no way back.</p>
<form method="post" action="/account/delete"><button class="danger">Delete my account</button></form>
"""

BILLING = """
<table><caption>Your bills</caption>
<thead><tr><th scope="col">Number</th><th scope="col">Amount</th><th scope="col">Document</th></tr></thead>
<tbody>
<tr><td>6</td><td>12.00 EUR</td><td><a href="/billing/invoices/6.pdf">Invoice 6 (PDF)</a></td></tr>
<tr><td>7</td><td>12.00 EUR</td><td><a href="/billing/invoices/7.pdf">Invoice 7 (PDF)</a></td></tr>
</tbody></table>
<p><a href="/billing/help/">Help with bills</a></p>
"""

BILLING_HELP = "<p>Bills are sent on the first of March. Write to billing@example.com.</p>"


def page(title: str, content: str, notice: str, environ: Mapping[str, Any]) -> str:
    """A whole page, what the app was told of its visitor at the foot of it."""
    here = environ["PATH_INFO"]
    current = ' aria-current="page"'
    menu = "".join(f'<li><a href="{to}"{current * (to == here)}>{name}</a></li>' for to, name in MENU.items())
    status = f'<p class="notice" role="status">{escape(notice)}</p>' if notice else ""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)} · Fieldnotes</title>
<link rel="icon" href="/static/notes.svg" type="image/svg+xml">
<link rel="stylesheet" href="/static/notes.css">
<script src="/static/notes.js" defer></script>
</head>
<body>
<header><p class="name"><a href="/">Fieldnotes</a></p><nav aria-label="Main"><ul>{menu}</ul></nav></header>
<main>
<h1>{escape(title)}</h1>
{status}
{content}
</main>
<footer>
{identity(environ)}
<details><summary>The request as this app received it</summary><pre tabindex="0">{escape(head(environ))}</pre></details>
</footer>
</body>
</html>
"""


def identity(environ: Mapping[str, Any]) -> str:
    """What the identity headers say, in words."""
    user = environ.get("HTTP_X_AUTH_USER")
    if not user:
        return "<p>This app was not told who you are.</p>"
    methods = environ.get("HTTP_X_AUTH_METHODS") or "nothing it was told of"
    return f"""<dl>
<div><dt>X-Auth-User</dt><dd>{escape(user)}</dd></div>
<div><dt>X-Auth-Time</dt><dd>{escape(moment(environ.get("HTTP_X_AUTH_TIME", "")))}</dd></div>
<div><dt>X-Auth-Methods</dt><dd>{escape(methods)}</dd></div>
</dl>"""


def moment(seconds: str) -> str:
    """Seconds since the epoch as a time and an age."""
    if not seconds.isdecimal():
        return "never"
    then = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(int(seconds)))
    age = int(time.clock_gettime(time.CLOCK_REALTIME)) - int(seconds)
    return f"{then}, {age} seconds ago" if age < 120 else f"{then}, {age // 60} minutes ago"


def head(environ: Mapping[str, Any]) -> str:
    """The request line and fields, in the spelling that CGI (RFC 3875, 4.1.18) leaves of them."""
    query = environ.get("QUERY_STRING")
    lines = [f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}{'?' if query else ''}{query}"]
    fields = {name.removeprefix("HTTP_"): value for name, value in environ.items() if name.startswith("HTTP_")}
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if environ.get(name):
            fields[name] = environ[name]
    return "\n".join(
        [*lines, *(f"{name.replace('_', '-').title()}: {value}" for name, value in sorted(fields.items()))]
    )


def missing(path: str) -> str:
    return f"<p>There is nothing at <code>{escape(path)}</code>.</p>"


def notes(written: list[str]) -> str:
    items = "".join(f"<li>{escape(note)}</li>" for note in written)
    return f"""<ul class="notes">{items}</ul>
<form method="post" action="/notes">
<label for="text">A new note</label>
<textarea id="text" name="text" rows="3" required></textarea>
<button>Write it down</button>
</form>
<form method="post" action="/notes/import" enctype="multipart/form-data">
<h2>Bring notes along</h2>
<label for="file">Files</label>
<input id="file" type="file" name="file" multiple>
<label for="comment">Where they are from</label>
<input id="comment" name="comment">
<button>Import</button>
</form>"""


def imported(found: list[tuple[str, int, str]], fields: Mapping[str, str]) -> str:
    rows = "".join(
        f'<tr><td>{escape(name)}</td><td>{size}</td><td><code class="digest">{digest}</code></td></tr>'
        for name, size, digest in found
    )
    said = "".join(f"<li><code>{escape(name)}</code>: {escape(value)}</li>" for name, value in fields.items())
    return f"""<table><caption>Files</caption>
<thead><tr><th scope="col">Name</th><th scope="col">Bytes</th><th scope="col">SHA-256</th></tr></thead>
<tbody>{rows}</tbody></table>
<ul>{said}</ul>"""


def account(desk: Desk) -> str:
    on = """<p>Two-factor authentication is on.</p>
<form method="post" action="/account/two-factor/disable"><button>Turn it off</button></form>"""
    return f"""<section aria-labelledby="email-title">
<h2 id="email-title">E-mail</h2>
<p>Now: <strong>{escape(desk.email)}</strong></p>
<form method="post" action="/account/email">
<label for="email">New address</label>
<input id="email" name="email" type="email" autocomplete="email" required>
<button>Change e-mail</button>
</form>
</section>
<section aria-labelledby="password-title">
<h2 id="password-title">Password</h2>
<form method="post" action="/account/password">
<label for="new-password">New password</label>
<input id="new-password" name="new_password" type="password" autocomplete="new-password" required>
<button>Change password</button>
</form>
</section>
<section aria-labelledby="two-factor-title">
<h2 id="two-factor-title">Two-factor authentication</h2>
{on if desk.two_factor else "<p>Two-factor authentication is off.</p>"}
</section>
<section aria-labelledby="delete-title">
<h2 id="delete-title">Goodbye</h2>
{DELETE}
</section>"""


def keys(held: Mapping[int, tuple[str, str]]) -> str:
    rows = "".join(
        f"""<tr><td>{escape(label)}</td><td><code>{secret}</code></td><td>
<form method="post" action="/api/keys/{number}" data-method="DELETE">
<input type="hidden" name="_method" value="DELETE">
<button aria-label="Revoke {escape(label)}">Revoke</button>
</form></td></tr>"""
        for number, (label, secret) in held.items()
    )
    table = f"""<table><caption>Your keys</caption>
<thead><tr><th scope="col">Label</th><th scope="col">Key</th><th scope="col">Action</th></tr></thead>
<tbody>{rows}</tbody></table>"""
    return f"""{table if held else "<p>You have no API keys.</p>"}
<form method="post" action="/api/keys">
<label for="label">What is it for?</label>
<input id="label" name="label" required>
<button>Create a key</button>
</form>"""


def admin(names: list[str]) -> str:
    items = "".join(f"<li>{escape(name)}</li>" for name in names)
    return f"<p>People who were here since the app started:</p><ul>{items}</ul>"


def legacy(names: list[str]) -> str:
    items = "".join(
        f'<li>{escape(name)} <a href="/index.php?page={escape(name)}&amp;action=delete">delete {escape(name)}</a></li>'
        for name in names
    )
    return f"<p>From before forms were in fashion: here a link deletes.</p><ul>{items}</ul>"


def log(deeds: list[Deed]) -> str:
    rows = "".join(
        f"<tr><td>{deed.number}</td><td>{deed.at}</td><td>{escape(deed.user)}</td>"
        f"<td>{escape(deed.action)}</td><td>{escape(deed.detail)}</td></tr>"
        for deed in deeds
    )
    return f"""<p>Every sensitive thing this app did since it started. Also as <a href="/log.json">JSON</a>.</p>
<table><caption>What was done</caption>
<thead><tr><th scope="col">No.</th><th scope="col">When</th><th scope="col">Who</th><th scope="col">What</th>
<th scope="col">Detail</th></tr></thead>
<tbody>{rows}</tbody></table>"""
