"""A view as a response, with what every view needs to know of the visit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypedDict

from starlette.responses import Response

from gateway.edge.answers import NEVER_CACHED, NO_SNIFFING, Send
from gateway.edge.csrf import token
from gateway.edge.gate import Visit
from gateway.edge.render import PAGE_HEADERS
from gateway.edge.views import View
from gateway.policy.credentials import name_of
from gateway.policy.facts import Session


class Common(TypedDict):
    """The fields of every `View`."""

    site: str
    request_id: str
    now: int
    csrf: str
    person: str


def common(visit: Visit, session: Session | None = None, *, browser: str = "") -> Common:
    """`session` in place of the visit's own, where it was renewed meanwhile; `browser` before there is one."""
    session = session or visit.session
    bound_to = session.ref if session else browser
    return Common(
        site=visit.gate.app.name,
        request_id=visit.request.id,
        now=int(visit.request.now),
        csrf=token(visit.gate.keyring, bound_to) if bound_to else "",
        person=name_of(session.subject) if session else "",
    )


def html(visit: Visit, view: View, status: int = 200, fields: Iterable[tuple[bytes, bytes]] = ()) -> Response:
    """The page, in the reader's language, never cached."""
    languages = (visit.request.header(b"accept-language") or b"").decode("latin-1")
    response = Response(visit.gate.renderer.page(view, languages=languages), status, media_type="text/html")
    response.raw_headers += [*NEVER_CACHED, NO_SNIFFING, *PAGE_HEADERS, *fields]
    return response


async def send_page(
    visit: Visit, view: View, status: int, send: Send, fields: Iterable[tuple[bytes, bytes]] = ()
) -> None:
    """The same, sent."""
    await html(visit, view, status, fields)({"type": "http"}, _never, send)


def onward(location: str, fields: Iterable[tuple[bytes, bytes]] = ()) -> Response:
    """303 to a path of ours."""
    response = Response(status_code=303)
    response.raw_headers += [(b"location", location.encode("latin-1")), *NEVER_CACHED, *fields]
    return response


async def _never() -> Any:
    raise AssertionError("a whole response reads nothing")
