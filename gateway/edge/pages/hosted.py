"""Which handler answers which hosted address. A second app behind the same gate, in Starlette."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router

from gateway.edge.answers import Fields, Send
from gateway.edge.body import Body
from gateway.edge.csrf import opened_by_person
from gateway.edge.gate import Visit
from gateway.edge.pages import account, confirm, form, signin
from gateway.edge.pages.reply import common, html, send_page
from gateway.edge.static import serve
from gateway.edge.views import Failure


async def missing(request: Request) -> Response:
    """404, in our own words."""
    visit: Visit = request.scope["gateway.visit"]
    return html(visit, Failure(**common(visit), status=404, reason="not-found"), 404)


OPEN = Router(
    [
        Route("/.gateway/signin", signin.page),
        Route("/.gateway/signin", signin.password, methods=["POST"]),
        Route("/.gateway/signin/code", signin.code, methods=["POST"]),
        Route("/.gateway/signout", signin.leave, methods=["GET", "POST"]),
        Route("/.gateway/confirm/{id}", confirm.page),
        Route("/.gateway/confirm/{id}", confirm.answer, methods=["POST"]),
        Route("/.gateway/confirm/{id}/cancel", confirm.cancel, methods=["POST"]),
        Route("/{rest:path}", missing, methods=["GET", "POST"]),
    ],
    redirect_slashes=False,
)
"""Pages that decide for themselves who may see them."""

ACCOUNT = Router(
    [
        Route("/.gateway/account", account.overview),
        Route("/.gateway/account/password", account.change_password, methods=["POST"]),
        Route("/.gateway/account/totp", account.new_totp),
        Route("/.gateway/account/totp", account.add_totp, methods=["POST"]),
        Route("/.gateway/account/passkey", account.new_passkey),
        Route("/.gateway/account/passkey", account.add_passkey, methods=["POST"]),
        Route("/.gateway/account/recovery", account.recovery, methods=["GET", "POST"]),
        Route("/.gateway/account/remove", account.remove, methods=["POST"]),
        Route("/.gateway/account/sessions/revoke", account.revoke, methods=["POST"]),
        Route("/.gateway/account/sessions/revoke-others", account.revoke_others, methods=["POST"]),
        Route("/.gateway/account/stepdown", account.stepdown, methods=["POST"]),
        Route("/{rest:path}", missing, methods=["GET", "POST"]),
    ],
    redirect_slashes=False,
)
"""Pages that the gate has let through."""


async def hosted(
    visit: Visit, body: Body, scope: Any, send: Send, *, account: bool = False, extra: Fields = ()
) -> None:
    """Answer from a page of ours. `scope` lends the connection; the request is the visit's."""
    request = visit.request
    if request.path.startswith(b"/.gateway/static/"):
        await serve(request, send)
        return
    if not opened_by_person(visit, linked=not account):
        stranger = Visit(visit.gate, request, None)  # no script may read a token off this page
        await send_page(visit, Failure(**common(stranger), status=403, reason="forged"), 403, send, extra)
        return
    if await body.whole(form.LARGEST) is None:
        await send_page(visit, Failure(**common(visit), status=413, reason="forged"), 413, send, extra)
        return
    path = request.path.decode("latin-1")
    pages = {
        "type": "http",
        "http_version": scope["http_version"],
        "method": request.method,
        "scheme": visit.gate.proto.decode(),
        "path": path,
        "raw_path": request.path,
        "root_path": "",
        "query_string": request.query,
        "headers": list(request.headers),
        "client": scope.get("client"),
        "server": scope.get("server"),
        "gateway.visit": visit,
    }
    await (ACCOUNT if account else OPEN)(pages, body.receive, _adding(send, extra))


def _adding(send: Send, extra: Fields) -> Send:
    async def adding(message: Any) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], *extra]}
        await send(message)

    return adding if extra else send
