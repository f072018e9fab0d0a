"""What the file says reaches what it is about."""

from __future__ import annotations

import asyncio
import io
import os
from pathlib import Path

import pytest

from gateway.assembly import Assembly
from gateway.audit import Audit
from gateway.config.load import load
from gateway.config.settings import Limits
from gateway.edge.render import Renderer
from gateway.edge.timeouts import Timeouts
from gateway.edge.worker import Worker
from gateway.identity.http import Deadlines
from gateway.metrics.counts import Counts
from gateway.stores.base import HoldLimits
from tests.support.processes import write_config

TEXT = """
[limits]
inspect = "3KiB"
held_requests = 4
held_session = "5MiB"
held_total = "6MiB"
hashing = 2
hashing_waiting = 7

[[app]]
name = "wiki"
upstream = "http://127.0.0.1:9000"
signin = "app"

  [app.timeouts]
  connect = "2s"
  first_byte = "4s"
  idle = "9s"

  [app.login]
  page = "/login"
  path = "/login"
  username = "user"
  password = "pass"
  cookies = ["sid"]
  success = { cookie = "sid" }
"""


@pytest.fixture
def assembled(tmp_path: Path):
    """The assembly of a text, and of another one after it."""

    async def both(text: str, after: str):
        found: list[Assembly] = []
        worker = Worker(Limits(), 30)
        for each in (text, after):
            write_config(tmp_path, 8000, each)
            settings = load(tmp_path / "routes.toml", env=os.environ)
            found.append(
                Assembly(settings, Audit(io.BytesIO()), Renderer(), Counts(), worker, found[-1] if found else None)
            )
        await found[0].close(found[1])
        await found[1].close()
        return found

    return lambda text, after: asyncio.run(both(text, after))


def test_limits_and_timeouts_reach_what_they_are_about(assembled) -> None:
    (gate,) = assembled(TEXT, TEXT)[0].gates.values()
    assert gate.upstream.timeouts == Timeouts(2, 4, 9)
    assert gate.stepup._limits == HoldLimits(per_session=4, session_bytes=5 << 20, total_bytes=6 << 20)
    assert gate.inspect_max == 3 << 10
    assert gate.applogin._identity._deadlines == Deadlines(connect=2, answer=4, conversation=8)


def test_passwords_wait_in_one_queue_until_its_limits_change(assembled) -> None:
    before, same = assembled(TEXT, TEXT + "# another file\n")
    assert before._password is same._password
    before, other = assembled(TEXT, TEXT.replace("hashing = 2", "hashing = 1"))
    assert before._password is not other._password
    assert other._password._hasher.limits == (1, 7)
