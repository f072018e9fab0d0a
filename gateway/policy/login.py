"""How an app of its own signs people in, as its operator describes it, and what an attempt at that came to.

The gateway never learns how an app does it inside: it sees a request with a name and a password go in, and an answer
that looks like success come out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

from gateway.errors import MalformedRequest
from gateway.policy import wording
from gateway.policy.facts import Condition, Reason, Request, Route
from gateway.policy.forms import Body, Field, in_body, in_cookies, in_query, keys
from gateway.policy.jar import LONG_AGO, Names, changes, path
from gateway.policy.patterns import PathSet
from gateway.policy.target import ANYTHING, readings

_NOT_ASCII = re.compile(rb"[^\x21-\x7e]")

LONGEST = 255
"""Characters of a name."""

OWNER = "owner"
"""Who signs in to an app that asks for a password alone."""


@dataclass(frozen=True, slots=True)
class Success:
    """What the answer to a sign-in that worked looks like. All that is given must hold; at least one thing is."""

    status: frozenset[int] = frozenset()
    redirect: tuple[str, ...] = ()  # path patterns, one of which `Location` leads to
    redirect_not: tuple[str, ...] = ()  # it leads somewhere, and to none of these
    cookie: str = ""  # a cookie of that name is set, and not emptied; `*` stands for any characters
    body: str = ""  # a wording that stands in it
    body_not: str = ""  # and one that does not

    @property
    def reads(self) -> bool:
        """Whether the body of the answer matters."""
        return bool(self.body or self.body_not)


@dataclass(frozen=True, slots=True)
class WhoAmI:
    """A page of the app that tells whose app session asks for it, and the wording around the user name there."""

    target: str  # origin-form
    pattern: str  # a wording; {user} stands for the name
    before: bool = True  # it may be asked before a sign-in; else a stranger's session with their form would end by it


@dataclass(frozen=True, slots=True)
class Login:
    """One app's sign-in, and its end."""

    page: str  # target of the page with the form
    request: Route  # what a sign-in is: path, methods, conditions
    username: str  # name of the field; "" where the app asks for a password alone
    password: str
    cookies: tuple[str, ...]  # names of what carries its sessions; `*` stands for any characters
    success: Success
    logout: Route | None = None  # what a sign-out is
    whoami: WhoAmI | None = None
    locked: tuple[str, ...] = ()  # wordings of an answer that says: too many tries
    captcha: tuple[str, ...] = ()  # wordings of a page that wants a person to solve something
    tokens: tuple[Condition, ...] = ()  # what else it takes for somebody: keys of programs, in fields and addresses


@dataclass(frozen=True, slots=True)
class Accepted:
    """The app let them in. `name` is what the app itself calls them, where it has a `whoami`, else as typed."""

    name: str


@dataclass(frozen=True, slots=True)
class Declined:
    """It did not, or nobody can tell: WRONG, or APP_DOWN, APP_CHANGED, APP_CAPTCHA, APP_LOCKED.

    `tried`: the app may have seen the password, so that this was a guess, whatever came of it.
    """

    reason: Reason
    tried: bool = True


Attempt = Accepted | Declined


class Typed(NamedTuple):
    """What stood in the two fields, exactly: apps differ in which spellings are one name."""

    name: str
    password: str


def typed(login: Login, request: Request, body: bytes | None) -> Typed | None:
    """None where either is missing or empty, or where the app may read another name than stands there."""
    said = in_body(request, body)
    if isinstance(said, Body):
        return None
    elsewhere = (*in_query(request), *in_cookies(request))
    password = _one(login.password, said, elsewhere)
    name = _one(login.username, said, elsewhere) if login.username else OWNER
    return Typed(name, password) if name and password and len(name) <= LONGEST and name.isprintable() else None


def _one(name: str, said: Iterable[Field], elsewhere: Iterable[Field]) -> str:
    """The only value under that name in a body; "" if there is none, or more, or one elsewhere too."""
    wanted = "_".join(keys(name))
    found = [field for field in said if "_".join(field.keys) == wanted and not field.bare]
    other = any("_".join(field.keys) == wanted for field in elsewhere)
    return found[0].value if len(found) == 1 and found[0].file is None and not other else ""


def succeeded(success: Success, page: str, status: int, headers: Iterable[tuple[bytes, bytes]], body: str) -> bool:
    """Whether that answer is one of a sign-in that worked. `page` is the target that was asked; `body` only where
    `success.reads`. An answer that says the server failed (5xx) or that it is busy (429) never is."""
    fields = list(headers)
    if status >= 500 or status == 429 or (success.status and status not in success.status):
        return False
    if success.redirect or success.redirect_not:
        where = _leads_to(page, status, fields)
        if where is None or (success.redirect and not PathSet(success.redirect).match_all(where)):
            return False
        if success.redirect_not and PathSet(success.redirect_not).inside(where):
            return False
    if success.cookie and not _sets(success.cookie, fields):
        return False
    if success.body and wording.find(success.body, body) is None:
        return False
    return not (success.body_not and wording.find(success.body_not, body) is not None)


def _sets(name: str, headers: list[tuple[bytes, bytes]]) -> bool:
    """Whether such a cookie is there after the whole of an answer: what is set may be taken away again."""
    names, left = Names((name,)), dict[tuple[bytes, bytes], bytes | None]()
    for field in headers:
        left.update({(cookie, path(field[1])): value for cookie, value in changes([field], names, LONG_AGO)})
    return any(value is not None for value in left.values())


def _leads_to(page: str, status: int, headers: list[tuple[bytes, bytes]]) -> frozenset[str] | None:
    """The readings of where a redirect leads; None for what is no redirect, one that says two things, or nonsense."""
    said = [value for name, value in headers if name == b"location"]
    if not 300 <= status < 400 or len(said) != 1:
        return None
    try:
        there = urlsplit(urljoin(page, said[0].decode("latin-1"))).path.encode("latin-1") or b"/"
        found = readings(_NOT_ASCII.sub(lambda each: b"%%%02X" % each[0][0], there))
    except (ValueError, MalformedRequest):
        return None
    return None if found == ANYTHING else found
