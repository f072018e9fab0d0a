"""Every attack of the tables beside, on a real socket to the real gateway, with a session that is stale."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.journeys import attacks_by_body, attacks_by_field, attacks_by_framing, attacks_by_path
from tests.journeys.ageing import STALE, signed_in
from tests.journeys.attack import ROUTES, Case, Must
from tests.support.echo import Echo, Seen
from tests.support.processes import PEOPLE, Gateway, gateway
from tests.support.raw import Answer, NoAnswer, Raw

GROUPS = (attacks_by_path, attacks_by_body, attacks_by_field, attacks_by_framing)
CASES = [case for group in GROUPS for case in group.cases()]


@pytest.fixture(scope="module")
def upstream() -> Iterator[Echo]:
    with Echo() as started:
        yield started


@pytest.fixture(scope="module", params=["on", "off"])
def front(
    request: pytest.FixtureRequest, upstream: Echo, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """With the express lane, and without."""
    folder, routes = tmp_path_factory.mktemp("gateway"), ROUTES.format(upstream=upstream.url)
    env = {"GATEWAY_EXPRESS": request.param}
    with gateway(folder, routes, people={"alice": PEOPLE["alice"]}, env=env) as started:
        yield started


@pytest.fixture(scope="module")
def stale(front: Gateway) -> str:
    return signed_in(front.folder, "alice", ago=STALE)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_an_attack_is_answered_as_it_must_be(case: Case, front: Gateway, upstream: Echo, stale: str) -> None:
    host, cookie = f"localhost:{front.port}".encode(), f"gateway_session={stale}".encode()
    raw = case.raw.replace(b"{HOST}", host).replace(b"{COOKIE}", cookie)
    before = len(upstream.seen)
    method = raw.lstrip(b"\r\n").partition(b" ")[0].decode("latin-1")
    answers = said(front.port, raw, method, case)
    seen = upstream.seen[before:]
    assert tuple((each.method, each.target, each.body) for each in seen) == case.arrives
    assert all(answer.status != 500 for answer in answers)
    CHECKS[case.must](answers, seen, case)


def said(port: int, data: bytes, method: str, case: Case) -> list[Answer]:
    """Every answer. The client stops sending only when it has those it is owed, or none is owed to it."""
    owed = len(case.arrives) + (case.must in (Must.ASK, Must.BAD))
    answers: list[Answer] = []
    with Raw(port, timeout=5) as raw:
        raw.send(data)
        try:
            while len(answers) < owed:
                answers.append(raw.answer(method))
            raw.half_close()
            while True:
                answers.append(raw.answer(method))
        except (NoAnswer, OSError):
            return answers


def asked(answers: list[Answer], seen: list[Seen], case: Case) -> None:
    """Nothing of what was asked for was in the answer, and nobody is led away."""
    *earlier, last = answers
    assert len(earlier) == len(case.arrives)
    assert last.status in {303, 400, 401, 403, 404, 405, 421, 426}
    assert (last.header("location") or "/.gateway/").startswith("/.gateway/")
    if last.status in {303, 401, 403} and "websocket" not in case.name:
        assert last.header("cache-control") == "no-store"
    assert (last.header("set-cookie") or "gateway_").startswith("gateway_")


def passed(answers: list[Answer], seen: list[Seen], case: Case) -> None:
    assert [answer.status for answer in answers] == [200]


def stripped(answers: list[Answer], seen: list[Seen], case: Case) -> None:
    """Whatever the spelling: none of the words is there, and exactly one of each identity field."""
    passed(answers, seen, case)
    fields = [(name.lower(), value) for name, value in seen[0].headers]
    assert not [field for field in fields for word in case.spoofed if word in (field[0] + field[1]).lower()]
    for name in ("x-auth-user", "x-auth-time", "x-auth-methods", "x-forwarded-for", "x-forwarded-host", "x-request-id"):
        assert [key for key, _ in fields].count(name) == 1
    assert ("x-auth-user", "alice") in fields


def bad(answers: list[Answer], seen: list[Seen], case: Case) -> None:
    assert [answer.status for answer in answers] == [400]


def closed(answers: list[Answer], seen: list[Seen], case: Case) -> None:
    assert len(answers) <= 1
    assert all(400 <= answer.status < 500 for answer in answers)


CHECKS = {Must.ASK: asked, Must.PASS: passed, Must.STRIP: stripped, Must.BAD: bad, Must.CLOSE: closed}
