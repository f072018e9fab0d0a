"""The bench (`make bench`): what it makes of figures; and one section of it, for a moment."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from bench import run, sockets
from bench.heads import browsers, rotating
from bench.lab import Lab
from bench.measure import Load, cpu, family, read
from bench.rows import Entrant, Row, absent, against, at_least, at_most, bars, beside, rounds

WRK = """\
Running 1s test @ http://127.0.0.1:1/
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.10ms  330.10us   9.00ms   91.09%
    Req/Sec    28.50k     1.80k   30.10k    90.00%
  Latency Distribution
     50%  950.00us
     75%    1.15ms
     90%    1.35ms
     99%    2.50ms
  2000 requests in 1.01s, 2.50GB read
Requests/sec:   1980.20
Transfer/sec:      2.48GB
"""


def test_what_wrk_says_is_read_in_milliseconds_and_mebibytes() -> None:
    assert tuple(read(WRK, 30_000)) == pytest.approx((2000, 15.0, 1980.2, 0.95, 2.5, 2560.0))


@pytest.mark.parametrize(
    "said",
    [
        WRK.replace("Requests/sec", "  Non-2xx or 3xx responses: 7\nRequests/sec"),
        WRK.replace("Requests/sec", "  Socket errors: connect 0, read 1, write 0, timeout 0\nRequests/sec"),
        WRK.replace("2000 requests", "0 requests"),
        "unable to connect to 127.0.0.1:1 Connection refused",
    ],
)
def test_a_load_that_was_not_answered_is_no_figure(said: str) -> None:
    with pytest.raises(RuntimeError):
        read(said, 30_000)


@pytest.mark.parametrize(
    ("row", "ratio", "met"),
    [
        (beside("ours", 26, 10, "nginx", most=2.6), 2.6, True),
        (beside("ours", 27, 10, "nginx", most=2.6), 2.7, False),
        (beside("ours", 27, 10, "nginx"), 2.7, None),
        (at_most("memory", 60, 60, "MiB"), None, True),
        (at_most("memory", 61, 60, "MiB"), None, False),
        (at_least("two", 17, 10, "one", least=1.7, unit="/s"), 1.7, True),
        (at_least("two", 16, 10, "one", least=1.7, unit="/s"), 1.6, False),
        (absent("Caddy", "not installed: make bench PEERS=1"), None, None),
    ],
)
def test_a_bar_is_met_or_not(row: Row, ratio: float | None, met: bool | None) -> None:
    assert (row.ratio, row.met) == (ratio, met)


def test_the_last_table_has_every_bar_and_counts_those_that_are_met() -> None:
    rows = [Row("nginx", 10), beside("ours", 20, 10, "nginx", most=2.6), at_most("memory", 70, 60, "MiB")]
    *lines, count = bars({"one": rows}).splitlines()
    assert [line.split()[:2] for line in lines] == [["one", "ours"], ["one", "memory"]]
    assert [line.rpartition("  ")[2].strip() for line in lines] == ["met", "NOT MET"]
    assert count.strip() == "1 of 2 bars are met"


def test_a_ratio_is_that_of_the_same_rounds_whatever_the_machine_does_meanwhile() -> None:
    moods = (1.0, 3.0, 1.5)
    theirs = Entrant("theirs", lambda: Load(1, 0, 1), [Load(1, 10 * mood, 1) for mood in moods])
    ours = Entrant("ours", lambda: Load(1, 0, 1), [Load(1, 20 * mood + 1, 1) for mood in moods])
    row = against(ours, theirs, "theirs", most=2.1)
    assert (row.name, row.value, row.met) == ("ours", 31, True)
    assert row.ratio == pytest.approx(31 / 15)


def test_rounds_are_interleaved_and_the_first_does_not_count() -> None:
    order: list[str] = []

    def entrant(name: str) -> Entrant:
        def shoot() -> Load:
            order.append(name)
            return Load(1, len(order), 1)

        return Entrant(name, shoot)

    a, b = entrant("a"), entrant("b")
    rounds([a, b], 3)
    assert order == ["a", "b"] * 4
    assert (a.cost, b.cost) == (5, 6)


def test_a_process_and_its_cpu_time_are_found() -> None:
    assert family(os.getpid())[0] == os.getpid()
    before = cpu([os.getpid()])
    while cpu([os.getpid()]) - before < 50_000:
        sum(range(10_000))


def test_heads_are_as_large_as_those_of_browsers(tmp_path: Path) -> None:
    heads = browsers("localhost:8000", f"gateway_session={'x' * 43}", 7)
    sizes = [sum(len(f"{name}: {value}\r\n") for name, value in fields.items()) for _, fields in heads]
    assert {len(fields) for _, fields in heads} == {15}
    assert min(sizes) > 800 and max(sizes) < 1000
    assert rotating(tmp_path / "heads.lua", heads).read_text().count("Sec-Fetch-Site") == len(heads) == 7


def test_a_section_that_breaks_is_told_and_costs_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(lab: Lab) -> list[Row]:
        raise RuntimeError("no such\napp")

    monkeypatch.setitem(run.SECTIONS, "broken", broken)
    monkeypatch.setitem(run.SECTIONS, "whole", lambda lab: [Row("ours", 1)])
    found = run.run(["broken", "whole"], seconds=1, rounds=1)
    assert [(row.bar, row.met) for row in found["broken"]] == [("RuntimeError: no such app", False)]
    assert found["whole"] == [Row("ours", 1)]


def test_messages_over_websockets_are_measured_beside_nginx(tmp_path: Path) -> None:
    with ExitStack() as stack:
        theirs, ours = sockets.section(Lab(tmp_path, stack, seconds=1, rounds=1))
    assert theirs.value and ours.value
    assert ours.met is not None
