"""A request as the notes app understands it, and its answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from gateway.demo import forms

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

NOBODY = "nobody"


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    user: str
    query: dict[str, str]
    form: forms.Form
    environ: WSGIEnvironment

    @property
    def fields(self) -> dict[str, str]:
        """Query and form together, as PHP's $_REQUEST has them."""
        return self.query | self.form.fields


@dataclass(frozen=True)
class Answer:
    body: bytes = b""
    status: str = "200 OK"
    type: str = "text/html; charset=utf-8"
    location: str = ""


def see(location: str) -> Answer:
    """What a form gets when its work is done."""
    return Answer(status="303 See Other", location=location)


def read(environ: WSGIEnvironment) -> Request:
    """A form may say `_method=DELETE`, since HTML cannot."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    form = forms.read(body, environ.get("CONTENT_TYPE", ""))
    method = environ["REQUEST_METHOD"]
    if method == "POST":
        method = (form.fields.get("_method") or method).upper()
    return Request(
        method="GET" if method == "HEAD" else method,
        path=environ["PATH_INFO"],
        user=environ.get("HTTP_X_AUTH_USER") or NOBODY,
        query=dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True)),
        form=form,
        environ=environ,
    )
