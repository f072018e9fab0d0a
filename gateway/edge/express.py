"""The express lane: a request that only has to be forwarded, recognised without a task, a scope, or a read that waits.

Rules of the file:
- The ASGI app is the reference. Whatever is not plainly "forward it, now" goes that way: there is no Lane for it.
- The lane has no rules of its own: it asks the same functions as the gatekeeper, in the same order.
- What a head says is worked out once for those who say it again. What is decided of it holds for as long as nothing
  that it depends on has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from gateway.audit import Line
from gateway.edge.answers import NEVER_CACHED, Fields
from gateway.edge.cookies import SESSION
from gateway.edge.cycle import Cycle
from gateway.edge.delivery import identity
from gateway.edge.failures import fail
from gateway.edge.gate import Gate, Visit
from gateway.edge.gatekeeper import Gatekeeper, Taken, audited, passable, where
from gateway.edge.heads import Heads
from gateway.edge.intake import Networks, intake, new_id
from gateway.edge.resuming import brings_ticket
from gateway.edge.upstream import REPEATABLE, lines
from gateway.edge.wire import Wire
from gateway.errors import GatewayError, UpstreamError
from gateway.flows.sessions import Found
from gateway.flows.stepup import alone
from gateway.policy.decision import decide
from gateway.policy.facts import Challenge, Forward, Reason, Request, Session, fact
from gateway.policy.headers import Field, body_length, forwarded, own_cookie, passing
from gateway.policy.target import ANYTHING, origin_form, readings

SHORT = 256
"""Bytes of a target whose place in the table is remembered."""

PLAIN, PUBLIC, SENSITIVE, ODD = "plain", "public", "sensitive", "odd"
"""What a target may be: for whoever has a session, for everybody, on some route, for the gatekeeper alone."""


@dataclass(slots=True)
class Known:
    """What the head of a request says, whatever its target is."""

    express: Express
    method: bytes
    headers: list[Field]
    peer: str  # whose it is: the address of the connection
    keep_alive: bool
    gate: Gate
    request: Request  # the first that said it
    id: str  # "" where each request is given one
    token: bytes | None  # of a session
    length: int | None  # of the body; None: only its end will tell
    own: bytes = b""  # the client's fields, as the app gets them; worked out when one is forwarded
    beside: bytes = b""  # and those that say where it came from
    found: Found | None = None  # whose session it was the last time,
    who: bytes = b""  # and what the app was told of them
    passed: Passed | None = None  # on a sensitive route, the last time


@fact
class Passed:
    """A request that may pass: true of the same one in the same second, while the store has the same version."""

    version: object
    second: int
    target: bytes
    session: Session
    who: bytes
    routes: tuple[str, ...]  # by name
    reason: Reason
    line: Line | None  # for the audit log, where there is a route


@fact
class Lane:
    """A request that goes to the app by `wire`, which is reserved for it. `start` is its head, without the framing."""

    known: Known
    wire: Wire
    target: bytes
    id: str
    now: float
    start: bytes
    extra: Fields  # for its answer

    @property
    def request(self) -> Request:
        """As the gatekeeper has it."""
        return at(self.known, self.target, self.id, self.now)


class Express:
    """For one configuration. `under_way` are the requests that it has on their way."""

    def __init__(self, gates: Mapping[str, Gate], trusted: Networks, gatekeeper: Gatekeeper) -> None:
        self._gatekeeper = gatekeeper
        self.under_way = 0
        self.heads: Heads[Known] = Heads()
        self._gates = gates
        self._trusted = trusted
        self._kinds: dict[str, Callable[[bytes], str]] = {
            host: lru_cache(1024)(partial(kind_of, gate)) for host, gate in gates.items()
        }

    def know(
        self, method: bytes, target: bytes, headers: list[Field], client: Any, now: float, *, keep_alive: bool
    ) -> Known | None:
        """What that head says; None where that is not for the lane."""
        scope = {
            "headers": headers,
            "method": method.decode("ascii"),
            "http_version": "1.1",
            "client": client,
            "extensions": {"gateway.target": {"raw": target}},
        }
        try:
            request = intake(scope, now, self._trusted)
        except GatewayError:
            return None
        gate = self._gates.get(request.host)
        if gate is None or gate.applogin is not None or gate.app.inject or request.header(b"destination") is not None:
            return None
        token = own_cookie(request.values(b"cookie"), gate.cookies.name(SESSION))
        if brings_ticket(request):
            return None
        id = request.id if request.header(b"x-request-id") == request.id.encode() else ""
        length = body_length(request.headers)
        peer = client[0] if client else ""
        return Known(self, method, headers, peer, keep_alive, gate, request, id, token, length)

    def lane(self, known: Known, target: bytes, now: float) -> Lane | Taken | None:
        """For a request with that head; else the gatekeeper has to judge, who may be told what was found out."""
        gate = known.gate
        if len(target) > SHORT:
            return None
        kind = self._kinds[gate.app.host](target)
        if kind is ODD:
            return None
        id = known.id or new_id()
        if kind is SENSITIVE:
            return self._fresh(known, target, id, now)
        found: Found | None = None
        if known.token is not None:
            found = gate.sessions.remembered(known.token, gate.app.name, now)
            if found is None:
                return None
        elif kind is not PUBLIC:
            return None
        if found is not known.found:
            decision = decide((), None if found is None else found.session, int(now))
            if not isinstance(decision, Forward):
                return None
            known.found, known.who = found, told(known, found, decision)
        wire = self._wire(known)
        if wire is None:
            return None
        if found is not None:
            gate.sessions.touch(found.session, int(now))
        gate.counts.open += 1
        return _lane(known, wire, target, id, now, known.who, ())

    async def challenge(self, taken: Taken, cycle: Cycle, body: bytes) -> None:
        """Answer it by that cycle. `body` is all there is of it."""
        self.under_way += 1
        try:
            await cycle.run(self._gatekeeper.challenged(taken, cycle.receive, cycle.send, body))
        finally:
            self.under_way -= 1

    def failed(self, lane: Lane, error: UpstreamError) -> Any:
        """An ASGI app that says so."""

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await fail("http", lane.known.gate, lane.request, error, send)

        return app

    def _fresh(self, known: Known, target: bytes, id: str, now: float) -> Lane | Taken | None:
        """What matches a route, if the proof is fresh enough for it, and the store can be read at once."""
        gate, second = known.gate, int(now)
        if known.token is None or not gate.sessions.at_once:
            return None
        try:
            version = gate.sessions.version()
            passed = known.passed
            if passed is None or passed.version != version or passed.second != second or passed.target != target:
                found = _passed(known, at(known, target, id, now), version)
                if not isinstance(found, Passed):
                    return found
                passed = known.passed = found
        except GatewayError:
            return None
        wire = self._wire(known)  # from here on nothing may fail: it would be lost
        if wire is None:
            return None
        if passed.line is None:
            gate.counts.open += 1
        else:
            gate.counts.decided(passed.routes, passed.reason)
            gate.audit.put(passed.line, now=now, request_id=id)
        gate.sessions.touch(passed.session, second)
        return _lane(known, wire, target, id, now, passed.who, () if passed.line is None else NEVER_CACHED)

    def _wire(self, known: Known) -> Wire | None:
        return known.gate.upstream.reserve(sure=known.length != 0 or known.method not in REPEATABLE)


def _passed(known: Known, request: Request, version: object) -> Passed | Taken | None:
    """The way of a request through the gatekeeper, or to a challenge; None for any other. Raises GatewayError."""
    gate, second = known.gate, int(request.now)
    place = where(gate, request)
    if place.match.undecided or place.hosted or known.token is None:
        return None
    found = gate.sessions.found(known.token, gate.app.name, second)
    if found is None or not found.alive or found.session.superseded:
        return None
    decision = decide(place.match.routes, found.session, second)
    if isinstance(decision, Challenge):
        return None if alone(decision) else Taken(gate, request, found, decision)
    if not isinstance(decision, Forward) or not passable(gate, request, decision):
        return None
    more, line = audited(decision), None
    if decision.routes:
        line = Visit(gate, request, found).line("decision", decision.reason, **more)
    who = told(known, found, decision)
    return Passed(version, second, request.target, found.session, who, tuple(more["routes"]), decision.reason, line)


def _lane(
    known: Known,
    wire: Wire,
    target: bytes,
    id: str,
    now: float,
    who: bytes,
    extra: Fields,
) -> Lane:
    if not known.own:
        gate, request = known.gate, known.request
        known.own = lines(passing(request.headers, gate.strip))
        known.beside = lines(forwarded(request.client.encode(), gate.proto, request.header(b"host") or b""))
    start = b"%b %b HTTP/1.1\r\n%b%b%bx-request-id: %b\r\n" % (
        known.method,
        target,
        known.own,
        who,
        known.beside,
        id.encode(),
    )
    return Lane(known, wire, target, id, now, start, extra)


def told(known: Known, found: Found | None, decision: Forward) -> bytes:
    """What the app is told of a person."""
    if found is None:
        return b""
    return lines(identity(known.gate.identity_names, found.session, decision, unproved=False))


def at(known: Known, target: bytes, id: str, now: float) -> Request:
    """A request with that head."""
    said = known.request
    path, _, query = target.partition(b"?")
    return Request(said.method, target, path, query, said.headers, said.host, said.client, id, now)


def kind_of(gate: Gate, target: bytes) -> str:
    """What a target is, whoever asks for it and however."""
    try:
        authority, _ = origin_form(target)
        seen = readings(target.partition(b"?")[0])
    except GatewayError:
        return ODD
    if authority is not None:
        return ODD
    if seen == ANYTHING or any(each.startswith("/.gateway") for each in seen):
        return ODD
    if gate.table.touches(seen):
        return SENSITIVE
    return PUBLIC if gate.public.match_all(seen) else PLAIN
