"""`make bench`: what the gateway costs beside others in the same run, as ratios, and which bars it meets.

`make bench ARGS="ordinary sensitive"` runs some sections; `ARGS="--json FILE"` keeps the figures. The method is in
docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from bench import (
    bodies,
    challenges,
    connections,
    hashing,
    latency,
    logins,
    ordinary,
    sensitive,
    sockets,
    starting,
    states,
    tables,
    workers,
)
from bench.lab import LOAD_CORE, Lab
from bench.rows import Row, bars, table

Section = Callable[[Lab], list[Row]]
SECTIONS: dict[str, Section] = {
    "ordinary": ordinary.section,
    "latency": latency.section,
    "sensitive": sensitive.section,
    "bodies": bodies.section,
    "challenges": challenges.section,
    "routes": tables.section,
    "hashing": hashing.section,
    "connections": connections.section,
    "sockets": sockets.section,
    "starting": starting.section,
    "states": states.section,
    "workers": workers.section,
    "logins": logins.section,
}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}; all by default")
    parser.add_argument("--seconds", type=int, default=1, help="of each round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, metavar="FILE")
    asked = parser.parse_args(arguments)
    unknown = set(asked.sections) - set(SECTIONS)
    if unknown:
        parser.error(f"no such section: {', '.join(sorted(unknown))}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # else what was started would go on
    os.sched_setaffinity(0, {int(LOAD_CORE)})  # and all that is started here and not put elsewhere
    found = run(asked.sections or list(SECTIONS), seconds=asked.seconds, rounds=asked.rounds)
    print(f"\nBars\n{bars(found)}")
    if asked.json is not None:
        rows = {name: [row._asdict() for row in rows] for name, rows in found.items()}
        told = {"at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "load": os.getloadavg(), "sections": rows}
        asked.json.write_text(json.dumps(told, indent=1) + "\n")


def run(names: list[str], *, seconds: int, rounds: int) -> dict[str, list[Row]]:
    """The rows of each section, printed as soon as there are any."""
    found: dict[str, list[Row]] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gateway-bench-")))
        lab = Lab(folder, stack, seconds=seconds, rounds=rounds)
        for name in names:
            load, began = os.getloadavg()[0], time.monotonic()
            found[name] = _rows(SECTIONS[name], lab)
            print(f"\n{name}  ({time.monotonic() - began:.0f} s; load when it began {load:.1f})")
            print(table(found[name]), flush=True)
    return found


def _rows(section: Section, lab: Lab) -> list[Row]:
    """One that breaks must not cost all the others, and meets no bar."""
    try:
        return section(lab)
    except Exception as error:
        return [Row("failed", bar=" ".join(f"{type(error).__name__}: {error}".split())[:300], met=False)]


if __name__ == "__main__":
    main()
