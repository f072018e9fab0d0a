"""Challenges: a navigation whose proof is stale is kept, and its sender led to the confirm page (303).

One session may have 20 requests kept, so many sessions ask in turn; in the end the store must have kept each request.
"""

from __future__ import annotations

import asyncio
import time

from bench.heads import rotating
from bench.lab import STALE, Lab, routes, signed_in
from bench.rows import Row, at_most, rounds
from gateway.assembly import open_state
from gateway.config.settings import Settings

MOST = 200.0
"""Microseconds: 5,000 a second on one core."""

FORM = "email=someone%40example.com&confirm=yes"

EACH = 20
FASTEST = 9000
"""Challenges a second: so many sessions are made that even then none asks too often."""


def section(lab: Lab) -> list[Row]:
    with lab.gateway(routes(lab.app)) as served:
        count = 2 * FASTEST * lab.seconds * (lab.rounds + 1) // EACH + 1
        cookies = asyncio.run(signed_in(served.settings, count, ago=STALE))
        navigates = {
            "Host": served.host,
            "Accept": "text/html",
            "Sec-Fetch-Mode": "navigate",
            "Sec-Fetch-Dest": "document",
            "Sec-Fetch-Site": "same-origin",
        }
        heads = [("/stale/1", {**navigates, "Cookie": cookie}) for cookie in cookies]
        sent = {"Origin": served.origin, "Content-Type": "application/x-www-form-urlencoded"}
        forms = [(path, {**fields, **sent}) for path, fields in heads]
        scripts = rotating(lab.place("pages.lua"), heads), rotating(lab.place("forms.lua"), forms, FORM)
        entrants = [lab.entrant("challenge", served.url, [served.program.pid], script=script) for script in scripts]
        rounds(entrants, lab.rounds)
        challenged = sum(load.requests for each in entrants for load in each.loads)
        kept = asyncio.run(_kept(served.settings))
        if kept < challenged:
            raise RuntimeError(f"{challenged} were challenged, and {kept} kept")
    page, form = (each.cost for each in entrants)
    return [
        at_most("challenge, the request kept", page, MOST, "µs"),
        Row("challenges a second on one core", 1e6 / page, "/s"),
        Row("challenge, a form kept", form),
    ]


async def _kept(settings: Settings) -> int:
    state = open_state(settings)
    try:
        return (await state.confirmations.held(int(time.time())))[0]
    finally:
        await state.life.close()
