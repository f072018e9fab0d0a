"""deploy/balancer.conf, run by nginx, in front of two gateways: any of them answers any request."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.journeys.ageing import STALE, signed_in
from tests.journeys.conftest import ROUTES, holding
from tests.support.echo import Echo
from tests.support.processes import PEOPLE, Gateway, add_people, free_port, running, write_config

CONF = Path(__file__).parents[2] / "deploy/balancer.conf"


@dataclass
class Pair:
    """`front` is what browsers reach, `gates` stand behind it."""

    front: Gateway
    gates: list[Gateway]
    app: Echo


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("pair")
    front, ports = free_port(), [free_port(), free_port()]
    write_config(folder, ports[0], 'trusted_proxies = ["127.0.0.1"]\n')
    text = (folder / "routes.toml").read_text().replace(f"localhost:{ports[0]}", f"localhost:{front}")
    conf = CONF.read_text().replace("/tmp/", f"{folder}/").replace("listen 8000", f"listen 127.0.0.1:{front}")
    for number, port in enumerate(ports, 1):
        conf = conf.replace(f"gateway-{number}:8000", f"127.0.0.1:{port}")
    (folder / "nginx.conf").write_text("daemon off;\n" + conf)
    with Echo() as app:
        (folder / "routes.toml").write_text(text + ROUTES.format(upstream=app.url))
        add_people(folder, {"alice": PEOPLE["alice"]})
        for number, port in enumerate(ports):
            other = (folder / "routes.toml").read_text().replace(f"127.0.0.1:{ports[0]}", f"127.0.0.1:{port}")
            (folder / f"{number}.toml").write_text(other)
        with ExitStack() as stack:
            gates = []
            for number, port in enumerate(ports):
                command = [sys.executable, "-m", "gateway", "serve", "--config", folder / f"{number}.toml"]
                program = stack.enter_context(running(command, folder, port=port, ready="/.gateway/readyz"))
                gates.append(Gateway(folder, port, program))
            command = ["nginx", "-p", folder, "-c", folder / "nginx.conf"]
            program = stack.enter_context(running(command, folder, port=front, ready="/.gateway/healthz"))
            yield Pair(Gateway(folder, front, program), gates, app)


def test_a_story_is_told_to_both_and_the_client_is_known(pair: Pair) -> None:
    with holding(pair.front, signed_in(pair.front.folder, "alice", ago=STALE)) as alice:
        alice.go("POST", "/account/email", data={"email": "new"})
        assert alice.confirm("wrong").status_code == 422
        answer = alice.confirm(PEOPLE["alice"]).json()
        assert (answer["method"], answer["target"]) == ("POST", "/account/email")
    [sent] = [seen for seen in pair.app.seen if seen.method == "POST"]
    assert sent.header("x-forwarded-for") == "127.0.0.1"
    assert sent.header("host") == f"localhost:{pair.front.port}"
    lines = [gate.audit() for gate in pair.gates]
    assert all(lines)
    assert {line["client"] for each in lines for line in each} == {"127.0.0.1"}


def test_the_target_goes_through_as_it_was_sent(pair: Pair) -> None:
    with holding(pair.front, signed_in(pair.front.folder, "alice")) as alice:
        assert alice.http.get("/%2e/a%2Fb//c;x?q=%20").json()["target"] == "/%2e/a%2Fb//c;x?q=%20"


def test_one_that_ends_is_not_missed(pair: Pair) -> None:
    with holding(pair.front, signed_in(pair.front.folder, "alice")) as alice:
        assert pair.gates[1].program.stop() == 0
        assert [alice.http.get("/").status_code for _ in range(10)] == [200] * 10
