"""`make bench`: what a proxied request costs, beside nginx in the same run, and what memory it takes.

One core for the proxy, the other for the load and the app. Rounds are interleaved, and the median of each counts: the
machine's mood is then the same for all. Nothing is written down; docs/performance.md is kept by hand.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from bench.measure import Load, Peak, family, load, rss
from bench.nginx import HEAVY, app, proxy
from gateway.assembly import open_state
from gateway.config.load import load as load_settings
from gateway.flows.binding import Binding
from gateway.flows.sessions import Sessions
from gateway.policy.facts import AuthEvent
from gateway.policy.jar import Names
from tests.support.echo import Echo
from tests.support.processes import PEOPLE, Gateway, free_port, gateway
from tests.support.visitor import Visitor

PROXY_CORE, LOAD_CORE = 0, 1
CONNECTIONS = 64
ROUNDS, SECONDS = 3, 3
ROUTES = 100
BLOCK = bytes(1 << 18)


@dataclass
class Entrant:
    name: str
    url: str
    pids: list[int]
    headers: dict[str, str] = field(default_factory=dict)
    loads: list[Load] = field(default_factory=list)

    def run(self, seconds: int = SECONDS) -> Load:
        return load(self.url, self.pids, self.headers, connections=CONNECTIONS, seconds=seconds, core=LOAD_CORE)

    @property
    def cost(self) -> float:
        return statistics.median(each.microseconds for each in self.loads)


def routes(upstream: int) -> str:
    """One app with a table of `ROUTES` routes, the first of which is measured."""
    entries = "".join(
        f'  [[app.route]]\n  name = "route-{number}"\n  action = "Do thing {number}"\n'
        f'  path = "/things/{number}/**"\n  max_age = "1h"\n'
        for number in range(ROUTES)
    )
    return f'[[app]]\nname = "bench"\nupstream = "http://127.0.0.1:{upstream}"\npublic = ["/open/**"]\n{entries}'


def cookie(served: Gateway) -> str:
    """That of somebody who has just signed in."""
    name, password = next(iter(PEOPLE.items()))
    with Visitor(served.url) as visitor:
        visitor.sign_in(name, password)
        return "; ".join(f"{key}={value}" for key, value in visitor.http.cookies.items() if "session" in key)


OWN_LOGIN = """
  [app.login]
  page = "/login"
  path = "/login"
  username = "user"
  password = "pass"
  cookies = ["sid"]
  success = { cookie = "sid" }
"""


def own_login(upstream: int) -> str:
    """The same app, but one that keeps its own login."""
    return routes(upstream).replace('public = ["/open/**"]\n', f'signin = "app"\n{OWN_LOGIN}\n')


async def bound(served: Gateway) -> str:
    """The cookies of somebody who has just signed in to the app itself."""
    settings = load_settings(served.folder / "routes.toml", env=os.environ)
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


def pin(pid: int) -> None:
    for member in family(pid):
        for task in Path(f"/proc/{member}/task").iterdir():
            os.sched_setaffinity(int(task.name), {PROXY_CORE})


def download(port: int, headers: bytes) -> int:
    """Bytes read of GET /heavy, head included."""
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"GET /heavy HTTP/1.1\r\nConnection: close\r\n" + headers + b"\r\n")
        size = 0
        while block := client.recv(len(BLOCK)):
            size += len(block)
        return size


def upload(port: int, headers: bytes) -> int:
    """Bytes of the body of POST /sink that the app says it got."""
    with socket.create_connection(("127.0.0.1", port)) as client:
        head = b"POST /sink HTTP/1.1\r\nConnection: close\r\nContent-Length: %d\r\n" % HEAVY
        client.sendall(head + headers + b"\r\n")
        for _ in range(HEAVY // len(BLOCK)):
            client.sendall(BLOCK)
        answer = b""
        while block := client.recv(len(BLOCK)):
            answer += block
        head, _, body = answer.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(answer.decode("latin-1"))
        return int(json.loads(body)["size"])


def stream(name: str, pid: int, move: Callable[[], int]) -> None:
    started = time.monotonic()
    with Peak(pid) as peak:
        size = move()
    if size < HEAVY:
        raise RuntimeError(f"{name}: only {size} bytes came through")
    print(f"  while 1 GiB goes {name:<24} {peak.mebibytes:6.1f} MiB   ({time.monotonic() - started:.1f} s)")


def table(entrants: list[Entrant]) -> None:
    least = entrants[0].cost
    print(f"{'':36} {'CPU µs':>8} {'x nginx':>8} {'req/s':>8} {'p99':>9}")
    for entrant in entrants:
        rate = statistics.median(each.per_second for each in entrant.loads)
        p99 = sorted(each.p99 for each in entrant.loads)[len(entrant.loads) // 2]
        print(f"{entrant.name:36} {entrant.cost:8.1f} {entrant.cost / least:8.2f} {rate:8.0f} {p99:>9}")


def main() -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gateway-bench-")))
        upstream, plain, asking = free_port(), free_port(), free_port()
        sink = stack.enter_context(Echo())
        stack.enter_context(app(folder / "app", upstream, sink.port, core=LOAD_CORE))
        with (folder / "app" / "heavy").open("wb") as heavy:
            heavy.truncate(HEAVY)
        beside = stack.enter_context(proxy(folder / "proxy", upstream, plain, asking, core=PROXY_CORE))
        served = stack.enter_context(gateway(folder / "gateway", routes(upstream)))
        kept = stack.enter_context(gateway(folder / "kept", own_login(upstream), people={}))
        for each in (served, kept):
            pin(each.program.pid)
        run(served, kept, family(beside.pid), plain, asking)


def run(served: Gateway, kept: Gateway, nginx: list[int], plain: int, asking: int) -> None:
    ours = family(served.program.pid)
    worker = ours[-1]
    signed_in = {"Host": f"localhost:{served.port}", "Cookie": cookie(served)}
    address = f"http://127.0.0.1:{served.port}"
    beside, theirs = f"http://127.0.0.1:{kept.port}", family(kept.program.pid)
    known = {"Host": f"localhost:{kept.port}", "Cookie": asyncio.run(bound(kept))}
    entrants = [
        Entrant("nginx proxy_pass", f"http://127.0.0.1:{plain}/", nginx),
        Entrant("nginx auth_request, always yes", f"http://127.0.0.1:{asking}/", nginx),
        Entrant("gateway, open path, no session", f"{address}/open/1", ours, {"Host": signed_in["Host"]}),
        Entrant("gateway, signed in", f"{address}/notes/1", ours, signed_in),
        Entrant("gateway, sensitive route, fresh", f"{address}/things/0/1", ours, signed_in),
        Entrant("own login, no session", f"{beside}/notes/1", theirs, {"Host": known["Host"]}),
        Entrant("own login, signed in", f"{beside}/notes/1", theirs, known),
        Entrant("own login, sensitive route, fresh", f"{beside}/things/0/1", theirs, known),
    ]
    print(f"{CONNECTIONS} connections, 1 KiB answers, {ROUTES} routes, one worker on one core; {ROUNDS} rounds\n")
    at_rest = rss(worker)
    for entrant in entrants:
        entrant.run(seconds=1)
    for _ in range(ROUNDS):
        for entrant in entrants:
            entrant.loads.append(entrant.run())
    table(entrants)
    print(f"\nRSS of the worker\n  at rest {at_rest:>41.1f} MiB\n  after the load {rss(worker):>34.1f} MiB")
    fields = "".join(f"{name}: {value}\r\n" for name, value in signed_in.items()).encode()
    stream("down", worker, lambda: download(served.port, fields))
    stream("up", worker, lambda: upload(served.port, fields))


if __name__ == "__main__":
    main()
