"""An app that keeps its own login, beside nginx."""

from __future__ import annotations

import asyncio
import time

from bench.lab import Lab, Served, routes
from bench.ordinary import PATH
from bench.rows import Row, against, rounds
from gateway.assembly import open_state
from gateway.flows.binding import Binding
from gateway.flows.sessions import Sessions
from gateway.policy.facts import AuthEvent
from gateway.policy.jar import Names

LOGIN = """signin = "app"
  [app.login]
  page = "/login"
  path = "/login"
  username = "user"
  password = "pass"
  cookies = ["sid"]
  success = { cookie = "sid" }

"""


def section(lab: Lab) -> list[Row]:
    with lab.gateway(routes(lab.app, more=LOGIN)) as served:
        anonymous = {"Host": served.host}
        known = {**anonymous, "Cookie": asyncio.run(_bound(served))}
        roots = [served.program.pid]
        plain = lab.entrant("nginx proxy_pass", lab.nginx.plain + PATH, [lab.nginx.pid])
        ours = [
            lab.entrant("own login, no session", served.url + PATH, roots, anonymous),
            lab.entrant("own login, signed in", served.url + PATH, roots, known),
            lab.entrant("own login, sensitive route, fresh", f"{served.url}/things/0/1", roots, known),
        ]
        rounds([plain, *ours], lab.rounds)
    return [Row(plain.name, plain.cost), *(against(each, plain, "nginx") for each in ours)]


async def _bound(served: Served) -> str:
    """The cookies of somebody who has just signed in to the app itself."""
    settings = served.settings
    state, now = open_state(settings), int(time.time())
    try:
        event = AuthEvent("password", now, ("pwd",))
        token, session = await Sessions(state, settings.session).open(
            "bench", "bench:ann", (event,), address="127.0.0.1", agent="", now=now
        )
        marks = Binding(settings.keyring, Names(("sid",))).marks(session.ref, [(b"sid", b"ann")])
        return f"gateway_session={token.decode()}; gateway_bound={marks}; sid=ann"
    finally:
        await state.life.close()
