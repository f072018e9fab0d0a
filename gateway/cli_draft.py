"""A first `[app.login]` for an app whose login page was seen: what is certain, what is a guess, what is missing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from gateway.config import presets
from gateway.config.complaints import printable
from gateway.config.meaning import login_of
from gateway.config.shape_login import LoginTable
from gateway.config.writing import Row, table, written
from gateway.identity.described import Described
from gateway.identity.forms import Form
from gateway.policy.login import Login

MARKS = {
    "django-admin": r"/admin/css/|Django (site )?admin",
    "dokuwiki": r"(?i)dokuwiki",
    "jupyter": r"(?i)jupyter",
    "mediawiki": r"(?i)mediawiki|wpLoginToken",
    "phpmyadmin": r"(?i)phpmyadmin",
    "redmine": r"(?i)redmine",
    "wordpress": r"(?i)wordpress|/wp-(admin|content|includes)/",
}
"""What stands on the login page of an app that has a preset."""

TYPED = frozenset({"text", "email", "tel"})
NAMED = re.compile(r"(?i)user|login|mail|name|uid|account|log")
REMEMBERS = re.compile(r"(?i)remember|keep|stay|persist|forever|autologin|permanent")
TOKEN = re.compile(r"(?i)csrf|xsrf|token|nonce|sectok|viewstate|eventvalidation|authenticity|[a-z0-9+/=_-]{20,}")

SAYS_SO = re.compile(r"(?i)^[a-z0-9:._ -]*(log|sign)[._ -]?(in|on)[a-z0-9:._ -]*$")
"""A value that says which page is meant, where one script is all of them."""

FRONT = re.compile(r"^/$|/(index|default)\.\w+$")
"""A script behind which the whole app is."""


class Seen(NamedTuple):
    """A login page. `target` is its own, `sent_to` that of its form, `cookies` the names of those it set."""

    origin: str
    target: str
    sent_to: str
    form: Form
    text: str
    cookies: tuple[str, ...]
    captcha: bool


class Fields(NamedTuple):
    """Names; `username` is "" where a form asks for a password alone."""

    username: str
    password: str


def fields_of(form: Form) -> Fields:
    """The two that people fill in. The form has a password."""
    number = next(n for n, each in enumerate(form.fields) if each.type == "password")
    before = [each.name for each in form.fields[:number] if each.type in TYPED]
    named = [name for name in before if NAMED.search(name)]
    return Fields((named or before or [""])[-1], form.fields[number].name)


def draft(seen: Seen) -> list[str]:
    """The lines, TOML."""
    lines = [f"# Made from {printable(seen.origin + seen.target)}, without signing in."]
    if seen.captcha:
        lines += [
            "# The page asks people to solve something (a captcha). The gateway cannot: unless the app leaves that out",
            "# for it, nobody can confirm with the app's password.",
        ]
    known, likely = _preset(seen)
    if known is not None:
        name, base = known
        rows = [Row("name", name, "as you like"), Row("upstream", seen.origin, "where the app listens")]
        rows += [Row("preset", name, "its login page was recognised; `gateway check --show` writes it out")]
        rows += [Row("base", base or "/")] if base != presets.base_of(name) else []
        return [*lines, "", *table("[[app]]", rows)]
    if likely:
        lines += [
            f"# It looks like an app that has a preset, but is not where that has it: try preset = {written(likely)}",
            "# with base, the path that the app is at, in place of all this.",
        ]
    fields = fields_of(seen.form)
    rows = [Row("name", "app", "as you like"), Row("upstream", seen.origin, "where the app listens")]
    lines += ["", *table("[[app]]", [*rows, Row("signin", "app")])]
    lines += ["", *table("[app.login]", _rows(seen, fields), "  "), *(f"  # {line}" for line in _rest(seen, fields))]
    return [*lines, "", "# Then `gateway login-test` tries it out."]


def _rows(seen: Seen, fields: Fields) -> Iterator[Row]:
    path = _pattern(seen.sent_to)
    yield Row("page", seen.target)
    yield Row("path", path, "where the form is sent")
    query = _saying(parse_qsl(urlsplit(seen.sent_to).query))
    form = _saying((each.name, each.value) for each in seen.form.fields if each.type == "hidden")
    for key, found in (("query", query), ("form", form)):
        if found:
            yield Row(key, found, "a guess: what tells it from other requests there")
    if seen.form.method != "POST":
        yield Row("methods", [seen.form.method], "the password stands in the address: the app's own log has it")
    if fields.username:
        yield Row("username", fields.username)
    yield Row("password", fields.password)
    if seen.cookies:
        yield Row("cookies", list(seen.cookies), "a guess: set before signing in; `gateway login-test` shows more")
    else:
        yield Row("cookies", [], "to be filled in: the page set none; see which there are after signing in")
    if query or form or _saying(parse_qsl(urlsplit(seen.target).query)) or FRONT.search(path):
        yield Row("success", {"status": 302}, "a guess, and no evidence: see what a right password alone brings")
    else:
        yield Row("success", {"redirect_not": path}, "a guess: a right password leads on, a wrong one back, or nowhere")


def _rest(seen: Seen, fields: Fields) -> Iterator[str]:
    """Comments on what one page cannot tell."""
    if not fields.username:
        yield "The form asks for no name: whoever knows the password is the owner."
    hidden = [each for each in seen.form.fields if each.type == "hidden"]
    tokens = [each.name for each in hidden if TOKEN.search(each.name) or TOKEN.search(each.value)]
    fixed = [each.name for each in hidden if each.name not in tokens]
    if tokens:
        yield f"Hidden fields that are tokens, and are carried along: {_names(tokens)}"
    if fixed:
        yield f"Other hidden fields, by which `form = {{ … }}` could tell a sign-in: {_names(fixed)}"
    kept = [each.name for each in seen.form.fields if each.type == "checkbox" and REMEMBERS.search(each.name)]
    if kept:
        yield f"It offers to remember people ({_names(kept)}): the cookie that does belongs into cookies too."
    yield "To be filled in, once you have signed in and looked at the app's pages:"
    yield 'success = { cookie = "…" }              if a cookie is set for a right password alone; better than a guess'
    yield 'logout  = { path = "/logout" }          where its link or form to sign out leads'
    yield 'whoami  = { path = "/profile", pattern = "Signed in as <b>{user}</b>" }'
    yield "                                        a page with the name people sign in with, which they cannot change"
    yield 'locked  = ["Too many failed attempts"]  what the app says when it takes no more tries'


def _pattern(target: str) -> str:
    """A path pattern for the path of that target."""
    return re.sub(r"[*{}\[\]|^?#%\\\x00-\x1f\x7f]+", "*", unquote(re.sub("//+", "/", urlsplit(target).path)))


def _saying(fields: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Those that say in so many words that it is a sign-in; the others may change from one to the next."""
    return {name: value for name, value in fields if SAYS_SO.search(value) and not TOKEN.search(name)}


def _names(names: Iterable[str]) -> str:
    return printable(", ".join(names))


def _preset(seen: Seen) -> tuple[tuple[str, str] | None, str]:
    """The preset and the base that this form is the sign-in of; and else what it looks like, "" for nothing known."""
    likely = ""
    for name in presets.names():
        if name not in MARKS or not re.search(MARKS[name], seen.text):
            continue
        for base in _bases(seen):
            login = login_of(LoginTable.model_validate(presets.under({"preset": name, "base": base})["login"]))
            if _is(login, seen):
                return (name, base), ""
        likely = name
    return None, likely


def _bases(seen: Seen) -> Iterator[str]:
    """Where the app may be installed, so that page or form lie there."""
    for path in dict.fromkeys(unquote(urlsplit(each).path) for each in (seen.target, seen.sent_to)):
        parts = path.split("/")
        yield from ("/".join(parts[:count]) for count in range(1, len(parts)) if "" not in parts[1:count])


def _is(login: Login, seen: Seen) -> bool:
    typed = {name: "x" for name in (login.username, login.password) if name}
    here = {urlsplit(each).path for each in (seen.target, seen.sent_to)}
    return (
        urlsplit(login.page).path in here
        and seen.form.has(*typed)
        and Described(login.request).is_form(seen.form, seen.sent_to, typed)
    )
