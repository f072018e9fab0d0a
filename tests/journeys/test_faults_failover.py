"""A master of Redis that is lost under load, and one that is none yet: what was confirmed is delivered once, or its
owner is told; and a replica is never believed.
"""

from __future__ import annotations

from pathlib import Path

from bench.soak import run
from tests.journeys.faults import confirmed, delivered
from tests.journeys.store_faults import refused, stage, watched
from tests.support.postgres import Postgres
from tests.support.redis_servers import QUICK, Server, Watched, sentinels, server, until
from tests.support.replicas import Stores


def test_what_is_confirmed_while_the_master_is_lost_is_sent_once_or_its_owner_is_told(
    postgresql: Postgres, tmp_path: Path
) -> None:
    lost = "the master is lost"
    with sentinels(tmp_path / "redis", replicas=2) as redis:
        faults = {lost: lambda: lose_the_master(redis)}
        stores = Stores(redis.url(), postgresql.database())
        soak = run(tmp_path, stores, 15, every=12, count=2, workers=1, faults=faults, only=[lost])
    assert soak.wrong() == []
    assert [each.name for each in soak.struck] == [lost]
    assert soak.struck[0].ready - soak.struck[0].began < 15
    assert len(soak.book.got) > 10


def lose_the_master(redis: Watched) -> None:
    master = redis.master()
    master.kill()
    until(lambda: redis.master() is not master, "another master")


def test_a_redis_that_is_promoted_late_is_believed_from_then_on(postgresql: Postgres, tmp_path: Path) -> None:
    with stage(tmp_path, postgresql, number=1) as scene, server(tmp_path / "other", *QUICK) as other:
        names = [scene.person() for _ in range(2)]
        with (
            confirmed(scene.front, names[0]) as resuming,
            scene.front.browser(scene.front.signed_in(names[1])) as fresh,
        ):
            beside = watched(scene, "state")
            follows(other, scene.redis)
            other.say("REPLICAOF", "NO", "ONE")
            follows(scene.redis, other)
            scene.front[0].stop()
            scene.front[0].start()  # with the data of its people before it, as a replica has them
            with beside:
                refused(lambda: fresh.request("GET", "/admin/"), "state")
                refused(lambda: resuming.request("GET", "/account/email"), "state")
                refused(lambda: scene.signs_in(names[1]), "state")
                scene.says("state", up=False)
                scene.redis.say("REPLICAOF", "NO", "ONE")
                scene.recovers("state")
            assert fresh.fetch("GET", "/admin/").status_code == 200
            assert resuming.get("/account/email").json()["method"] == "POST"
        assert delivered(scene.app, names[0]) == 1


def follows(replica: Server, master: Server) -> None:
    """From now on, and with all that there is."""
    replica.say("REPLICAOF", "127.0.0.1", master.port)
    until(lambda: replica.say("ROLE")[3] == b"connected", "it follows")
