"""The soak (`make soak`), for a moment; and that it sees a promise that is broken."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.soak import run
from bench.soak_book import CALL, EACH_TIME, FRESH, Book, Deed, Told
from bench.soak_report import report
from bench.soak_watch import Life
from tests.support.echo import Seen
from tests.support.replicas import STORES


@pytest.mark.parametrize("stores", STORES)
def test_a_short_soak_keeps_every_promise_and_says_what_was_done(
    tmp_path: Path, stores: str, request: pytest.FixtureRequest
) -> None:
    only = ["a worker is killed", "the configuration is read again"]
    soak = run(tmp_path, STORES[stores](tmp_path, request), 9, every=4, count=2, workers=1, only=only)
    assert soak.wrong() == []
    assert [each.name for each in soak.struck] == only
    told = report(soak)
    assert "Every promise held" in told
    assert all(f"`{path}` | done | once" in told for path in (FRESH, EACH_TIME, CALL))


def arrived(deed: Deed, *, who: str = "ada", age: int = 0) -> Seen:
    now = time.time()
    headers = (("X-Auth-User", who), ("X-Auth-Time", str(int(now) - age)))
    return Seen("POST", deed.path, headers, f"email={deed.id}".encode(), 1, now)


@pytest.mark.parametrize(
    ("path", "happens", "seen"),
    [
        (FRESH, lambda deed: [arrived(deed, age=4)], None),
        (FRESH, lambda deed: [arrived(deed, age=60)], "passed on a proof"),
        (FRESH, lambda deed: [arrived(deed, who="eve")], "was done as eve"),
        (FRESH, lambda deed: [arrived(deed), arrived(deed)], "was delivered 2 times"),
        (FRESH, lambda deed: [], "was lost"),
        (EACH_TIME, lambda deed: [arrived(deed)], "never confirmed"),
        (CALL, lambda deed: [arrived(deed)], "never confirmed"),
        (FRESH, lambda deed: [arrived(Deed("deed-77", "ada", FRESH))], "nobody wanted"),
    ],
)
def test_each_broken_promise_is_seen(path: str, happens: Callable[[Deed], list[Seen]], seen: str | None) -> None:
    book = Book()
    deed = book.deed("ada", path)
    deed.told = Told.DONE
    book.audit(happens(deed))
    book.close()
    assert (seen in " ".join(book.wrong)) if seen else book.wrong == []


@pytest.mark.parametrize(
    ("memory", "files", "seen"),
    [
        ([40.0 + 40 * min(1, n / 30) for n in range(90)], [20.0 + n % 7 for n in range(90)], 0),
        ([40.0 + 0.2 * n for n in range(90)], [20.0] * 90, 1),
        ([40.0] * 90, [20.0 + n / 2 for n in range(90)], 1),
    ],
    ids=["fills its caches", "grows", "keeps files open"],
)
def test_a_process_that_grows_is_seen(memory: list[float], files: list[float], seen: int) -> None:
    assert len(Life("replica 0", [2.0 * n for n in range(90)], memory, files).faults()) == seen


@pytest.mark.parametrize("told", [Told.PAGE, Told.UNSENT])
def test_whoever_is_told_something_else_than_what_happened_is_seen(told: Told) -> None:
    book = Book()
    deed = book.deed("ada", FRESH)
    deed.told = told
    book.audit([arrived(deed)])
    book.close()
    assert len(book.wrong) == 1
