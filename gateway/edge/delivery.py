"""Forward: the app gets the client's own bytes, and from us who it is and since when."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from gateway.edge import websocket
from gateway.edge.answers import NEVER_CACHED, Send
from gateway.edge.body import Body, Receive
from gateway.edge.gate import Gate, Visit
from gateway.edge.inject import Injection, asks, fields_for, injection
from gateway.edge.relay import Watch, relay
from gateway.edge.upstream import Outgoing
from gateway.errors import StoreError
from gateway.policy.credentials import name_of
from gateway.policy.facts import Forward, Session
from gateway.policy.headers import Field, body_length, to_upstream

LOOK_AGAIN = 0.5
"""Seconds between two looks whether the session of an open websocket goes on."""


async def deliver(
    visit: Visit,
    decision: Forward,
    body: Body,
    send: Send,
    *,
    fresh_connection: bool = False,
    extra: Sequence[Field] = (),
    watch: Watch | None = None,
) -> None:
    """Send it upstream and stream the answer back; what a sensitive route answered is not cached."""
    request = visit.request
    if not decision.routes:
        visit.gate.counts.open += 1
    fields = upstream_fields(visit, decision)
    scripted = visit.gate.app.inject and asks(request)
    if scripted:
        fields = fields_for(fields)
    if watch is not None and watch.peek:
        fields = [field for field in fields if field[0] != b"accept-encoding"]
    outgoing = Outgoing(request.method.encode(), request.target, fields, body_length(request.headers))
    more = (*NEVER_CACHED, *extra) if decision.routes else extra
    await relay(
        visit.gate.upstream,
        outgoing,
        body.receive,
        send,
        fresh=fresh_connection,
        extra=more,
        watch=watch,
        rewrite=partial(_with_script, visit) if scripted else None,
    )


def _with_script(visit: Visit, status: int, headers: list[Field]) -> Injection | None:
    gate, request = visit.gate, visit.request

    def left_alone(why: str) -> None:
        if why not in gate.told:  # once: whoever can ask for pages must not fill a log
            gate.told.add(why)
            gate.complain(f"{gate.app.name}, first seen at {request.path.decode('latin-1')!r}: {why}")

    return injection(request, status, headers, origin=gate.app.origin, log=left_alone)


async def tunnel(visit: Visit, decision: Forward, scope: Any, receive: Receive, send: Send) -> None:
    """Join the client's websocket and the app's, until either closes or the session ends."""
    if not decision.routes:
        visit.gate.counts.open += 1
    with visit.gate.counts.websocket():
        await websocket.tunnel(
            scope,
            receive,
            send,
            upstream=visit.gate.upstream,
            target=visit.request.target,
            headers=upstream_fields(visit, decision),
            revoked=partial(_ended, visit.gate, visit.session),
        )


async def _ended(gate: Gate, session: Session | None) -> None:
    """Returns when the session is over. What ends it is in the store, so there is nothing here to wait on but time.

    A store that does not answer is no reason to believe in a session (law 1).
    """
    while True:
        await asyncio.sleep(LOOK_AGAIN)
        try:
            if session is not None and not await gate.sessions.alive(session, int(time.time())):  # noqa: TID251
                return
        except StoreError:
            return


def upstream_fields(visit: Visit, decision: Forward) -> list[Field]:
    """Every field the app gets but those of framing."""
    request, gate = visit.request, visit.gate
    return to_upstream(
        request.headers,
        gate.strip,
        identity=identity(gate.identity_names, visit.session, decision, unproved=gate.applogin is not None),
        client=request.client.encode(),
        proto=gate.proto,
        host=request.header(b"host") or b"",
        request_id=request.id.encode(),
    )


def identity(
    names: tuple[bytes, bytes, bytes], session: Session | None, decision: Forward, *, unproved: bool
) -> list[Field]:
    """User, time and methods of a session; nothing at all without one. `unproved`: it may have begun without a proof,
    and then says nothing either."""
    if session is None or (unproved and not session.events):
        return []
    methods = dict.fromkeys(amr for event in session.events for amr in event.amr)
    user, time, amr = names
    return [
        (user, name_of(session.subject).encode()),
        (time, str(decision.auth_time).encode()),
        (amr, " ".join(methods).encode()),
    ]
