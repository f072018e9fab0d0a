"""The server's protocol with an express lane beside the ASGI app: one door, in `on_headers_complete`."""

from __future__ import annotations

import asyncio
import os
import time
from typing import Any, NamedTuple

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from gateway.edge.cycle import DONE, Cycle
from gateway.edge.express import Express, Known, Lane
from gateway.edge.gatekeeper import Taken
from gateway.edge.ride import Ride
from gateway.edge.server import HttpProtocol
from gateway.errors import UpstreamError
from gateway.policy.headers import Field

ASKED: Any = {}
"""In place of a scope, on a connection that something was asked on."""


class Gathered(NamedTuple):
    """A request that is challenged once all of its body is here."""

    taken: Taken
    known: Known
    body: list[bytes]


class ExpressProtocol(HttpProtocol):
    """Takes the lane where there is one; for everything else it is an HttpProtocol."""

    __slots__ = ("_asked", "_begun", "_due", "_gathers", "_known", "_riding", "_said")
    app: Any  # a Gateway
    cycle: Any  # a Ride, a Cycle or DONE too
    _running: Any

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._known: Known | None = None  # of the newest head that was for the lane
        self._said: Known | None = None  # the same, if it came in this piece
        self._begun = 0  # requests that began in this piece
        self._asked = False  # whether the lane was, for all of this piece
        self._due: Ride | None = None  # has something to send when all that came is parsed
        self._riding: Ride | None = None
        self._gathers: Gathered | None = None  # in this piece

    # what the transport and the parser call

    def data_received(self, data: bytes) -> None:
        idle = not (self._asks or self._reading or self._unfinished or self.pipeline or self._refusal)
        small = len(data) <= self.server_state.limits.head
        if idle and small and not self.server_state.draining and self._at_once(data):
            return
        self._begun, self._said = 0, None
        super().data_received(data)
        self._asked = False
        if self._gathers is not None:
            self._leave_to_app(self._gathers)
        due = self._due
        if idle and self._begun == 1 and self._said is not None and due is not None and not self._reading:
            self._said.express.heads.learn(data, self._said, self.url)
        if due is not None:
            self._due = None
            due.push()

    def on_message_begin(self) -> None:
        """The scope is made when it is needed."""
        self._begun += 1
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self._asks, self._head_bytes, self._since = True, 0, self._heard

    def on_headers_complete(self) -> None:
        lane = None if self._asked else self._lane()
        if isinstance(lane, Lane):
            self._due = self._board(lane, reading=True)
            return
        if not self._asked:
            self._taken = lane
        taken, said = self._taken, self._said
        if taken is not None and said is not None and said.method != b"HEAD" and said.length is not None:
            self._asks, self._reading = False, True
            self._gathers = Gathered(taken, said, [])
            return
        self._to_app()

    def _to_app(self) -> None:
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        HttpToolsProtocol.on_message_begin(self)
        self.url, self.expect_100_continue = url, expects
        self.headers += headers
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        cycle: object = self.cycle
        if self._gathers is not None:
            self._gathers.body.append(body)
        elif not isinstance(cycle, Ride):
            super().on_body(body)
        elif not cycle.response_complete:
            cycle.receive(body)
            self._due = cycle

    def on_message_complete(self) -> None:
        cycle: object = self.cycle
        if self._gathers is not None:
            (taken, known, body), self._gathers = self._gathers, None
            self._answer(taken, known, b"".join(body))
            return
        if not isinstance(cycle, Ride):
            super().on_message_complete()
            return
        self._reading = False
        if not cycle.response_complete:
            cycle.received()
            self._due = cycle

    def pause_writing(self) -> None:
        self.flow.pause_writing()

    def resume_writing(self) -> None:
        self.flow.resume_writing()
        if self._riding is not None:
            self._riding.flows_on()

    def _at_once(self, data: bytes) -> bool:
        """A request that came whole, with a head that was parsed before, need not be parsed again."""
        express: Express = self.app.express
        found = express.heads.recall(data, self.client[0] if self.client else "")
        if found is None or len(found[1]) > self.server_state.limits.target:
            return False
        known, target, body = found
        lane = express.lane(known, target, time.time())  # noqa: TID251
        if isinstance(lane, Lane):
            self._heard = self.loop.time()
            self._board(lane, reading=False).go(body)
            return True
        if lane is not None and known.method != b"HEAD":
            self._heard = self.loop.time()
            self._answer(lane, known, body)
            return True
        self._asked, self._taken = True, lane
        return False

    def _lane(self) -> Lane | Taken | None:
        if self._unfinished or self.pipeline or self._refusal is not None or self.expect_100_continue:
            return None
        parser, worker = self.parser, self.server_state
        if worker.draining or parser.should_upgrade() or parser.get_http_version() != "1.1" or not self._fits():
            return None
        express: Express = self.app.express
        method, now, known = parser.get_method(), time.time(), self._known  # noqa: TID251
        if known is None or known.headers != self.headers or known.method != method or known.express is not express:
            keep_alive = parser.should_keep_alive()
            known = self._known = express.know(method, self.url, self.headers, self.client, now, keep_alive=keep_alive)
            if known is None:
                return None
        self._said = known
        return express.lane(known, self.url, now)

    def _fits(self) -> bool:
        """Within the limits. A head is measured where a large piece of body came with it."""
        limits = self.server_state.limits
        if len(self.url) > limits.target or len(self.headers) > limits.fields:
            return False
        return self._head_bytes + self._piece <= limits.head or self._head_size() <= limits.head

    def _board(self, lane: Lane, *, reading: bool) -> Ride:
        ride = Ride(self, lane)
        self._asks, self._reading = False, reading
        self.cycle = self._running = ride
        self._riding = ride
        if self.scope is None:
            self.scope = ASKED
        return ride

    def _leave_to_app(self, gathered: Gathered) -> None:
        """There is more of the body than came in this piece."""
        self._gathers = None
        self._to_app()
        if gathered.body:
            super().on_body(b"".join(gathered.body))

    def _answer(self, taken: Taken, known: Known, body: bytes) -> None:
        cycle = Cycle(self, keep_alive=known.keep_alive)
        self._asks = self._reading = False
        self.cycle = self._running = cycle
        if self.scope is None:
            self.scope = ASKED
        task = self.loop.create_task(known.express.challenge(taken, cycle, body))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    def answered(self, cycle: Cycle | Ride) -> None:
        if not cycle.keep_alive:
            self.transport.close()
        if self.cycle is cycle and not self._reading:
            self.cycle = self._running = DONE
        self.on_response_complete()

    # what the ride calls

    def write(self, data: bytes) -> bool:
        self.written += len(data)
        self.transport.write(data)
        return not self.flow.write_paused

    def fields(self) -> list[Field]:
        return self.server_state.default_headers

    def hold(self, ride: Ride, on: bool) -> None:
        if self.cycle is ride:
            (self.flow.pause_reading if on else self.flow.resume_reading)()

    def arrived(self, ride: Ride) -> None:
        self._riding = None
        self.answered(ride)

    def broke_off(self) -> None:
        self._riding = None
        self.transport.close()

    def failed(self, ride: Ride, error: UpstreamError) -> None:
        """By the reference: an ASGI app has more to say than the lane."""
        self._riding = None
        known, newest = ride.lane.known, self.cycle is ride
        scope: Any = {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "http_version": "1.1",
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "root_path": self.root_path,
            "method": known.method.decode("ascii"),
            "headers": list(known.headers),
            "path": "",
            "raw_path": b"",
            "query_string": b"",
            "extensions": {"gateway.target": {"raw": ride.lane.target}},
            "state": {},
        }
        cycle = RequestResponseCycle(
            scope=scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=ride.keep_alive,
            on_response=self.on_response_complete,
        )
        cycle.more_body = newest and self._reading
        cycle.message_event.set()
        if newest:
            self.cycle = cycle
        self._start_asgi_task(cycle, known.express.failed(ride.lane, error))


def http_protocol() -> type[HttpProtocol]:
    """GATEWAY_EXPRESS=off leaves the lane out: to compare, or to rule it out."""
    return HttpProtocol if os.environ.get("GATEWAY_EXPRESS") == "off" else ExpressProtocol
