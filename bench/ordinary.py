"""What an ordinary request costs: 1 KiB, 64 keep-alive connections, signed in; beside other ways to ask first."""

from __future__ import annotations

from contextlib import ExitStack

from bench import peers
from bench.heads import browsers, rotating
from bench.lab import Lab
from bench.peers import Peer
from bench.rows import Entrant, Row, absent, against, rounds

PATH = "/notes/1"
FEW, MANY = 7, 2501
"""Different heads. Odd, so that each connection sends all of them."""

PEERS = {
    "Caddy forward_auth, the service not counted": (peers.caddy, 0.35),
    "Envoy ext_authz, the service not counted": (peers.envoy, 0.35),
    "Apache mod_auth_openidc": (peers.apache, 0.4),
}
"""Each with what the gateway may cost of it."""


def section(lab: Lab) -> list[Row]:
    with ExitStack() as stack:
        asking = stack.enter_context(peers.asking(lab))
        others = {name: stack.enter_context(begun(lab)) for name, (begun, _) in PEERS.items()}
        plain = lab.entrant("nginx proxy_pass", lab.nginx.plain + PATH, [lab.nginx.pid])
        yes = lab.entrant("nginx auth_request, always yes", lab.nginx.asking + PATH, [lab.nginx.pid])
        asks = lab.entrant("nginx auth_request, decision service", asking.url + PATH, asking.roots, asking.headers)
        ours = lab.ours("gateway, signed in", PATH)
        public = lab.ours("gateway, public path", "/open/1")
        heads = _heads(lab)
        measured = {name: _peer(lab, name, peer) for name, peer in others.items() if isinstance(peer, Peer)}
        rounds([plain, yes, asks, public, ours, *heads, *measured.values()], lab.rounds)
    bars = [(plain, 2.6, plain.name), (asks, 1.0, "auth_request and its service")]
    bars += [(each, PEERS[name][1], name) for name, each in measured.items()]
    return [
        Row(plain.name, plain.cost),
        against(yes, plain, "nginx"),
        against(asks, plain, "nginx"),
        *(against(each, plain, "nginx", name=name) for name, each in measured.items()),
        *(absent(name, peer) for name, peer in others.items() if isinstance(peer, str)),
        against(public, plain, "nginx"),
        *(against(ours, each, of, most=most) for each, most, of in bars),
        Row(heads[0].name, heads[0].cost),
        *(against(each, heads[0], "nginx with such heads") for each in heads[1:]),
    ]


def _peer(lab: Lab, name: str, peer: Peer) -> Entrant:
    return lab.entrant(name, peer.url + PATH, peer.roots, peer.headers)


def _heads(lab: Lab) -> list[Entrant]:
    """nginx and the gateway with the heads of browsers, and with more of them than the gateway remembers.

    Small heads that are all the same flatter caches.
    """
    served = lab.served
    host, cookie = served.host, served.headers["Cookie"]
    few = rotating(lab.place("few.lua"), browsers(host, cookie, FEW))
    many = rotating(lab.place("many.lua"), browsers(host, cookie, MANY))
    return [
        lab.entrant("nginx proxy_pass, browsers' heads", lab.nginx.plain, [lab.nginx.pid], script=few),
        lab.entrant("gateway, browsers' heads", served.url, [served.program.pid], script=few),
        lab.entrant("gateway, heads never seen before", served.url, [served.program.pid], script=many),
    ]
