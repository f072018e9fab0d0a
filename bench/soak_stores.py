"""The stores of a soak, and what is done to them: servers of its own, behind wires that can be cut, or two files."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from bench.soak_faults import Fault
from tests.support.cutoff import Cutoff
from tests.support.postgres import postgres
from tests.support.redis_servers import server, valkey
from tests.support.replicas import Stores, on_sqlite

AWAY = 5.0
"""Seconds that a store is out of reach."""


@contextmanager
def on_files(folder: Path) -> Iterator[tuple[Stores, dict[str, Fault]]]:
    """Two SQLite files."""
    stores = on_sqlite(folder)
    yield stores, of_sqlite(Path(stores.state.removeprefix("sqlite:")))


def of_sqlite(file: Path) -> dict[str, Fault]:
    """Of the state in a SQLite file."""

    def locked(seconds: float) -> None:
        with closing(sqlite3.connect(file, timeout=30, isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")
            time.sleep(seconds)
            db.rollback()

    return {
        "the state file is locked for 3 s": lambda: locked(3),
        "the state file is locked for 8 s": lambda: locked(8),
    }


@contextmanager
def on_servers(folder: Path) -> Iterator[tuple[Stores, dict[str, Fault]]]:
    """Redis, or where there is none Valkey, which writes down what it is told; and PostgreSQL."""
    kept = ("--appendonly", "yes")
    starts = server(folder, *kept) if shutil.which("redis-server") else valkey(folder, *kept)
    with (
        starts as state,
        postgres() as directory,
        Cutoff(state.port) as to_state,
        Cutoff(directory.port) as to_directory,
    ):

        def paused() -> None:
            state.pause()
            time.sleep(AWAY)
            state.go_on()

        def restarted() -> None:
            state.kill()
            state.start()

        def cut(wire: Cutoff, how: Callable[[], None]) -> None:
            how()
            time.sleep(AWAY)
            wire.whole()

        address = directory.database().replace(f":{directory.port}/", f":{to_directory.port}/")
        yield (
            Stores(f"redis://127.0.0.1:{to_state.port}", address),
            {
                "Redis stands still for 5 s": paused,
                "Redis is killed, and started with its data": restarted,
                "the network to Redis is silent for 5 s": lambda: cut(to_state, to_state.silent),
                "the network to Redis is reset for 5 s": lambda: cut(to_state, to_state.reset),
                "the network to PostgreSQL is silent for 5 s": lambda: cut(to_directory, to_directory.silent),
                "PostgreSQL is restarted": directory.restart,
            },
        )


STORES = {"redis+postgresql": on_servers, "sqlite": on_files}
