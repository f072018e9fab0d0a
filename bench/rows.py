"""What was measured, one line each: a value, its ratio to another one, and the bar it has to meet, if it has one."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bench.measure import Load


class Row(NamedTuple):
    """`met` is None where there is no bar, or nothing to compare with: then `bar` may say why."""

    name: str
    value: float | None = None
    unit: str = "µs"
    ratio: float | None = None
    bar: str = ""
    met: bool | None = None


def beside(name: str, value: float, base: float, of: str, *, most: float | None = None, unit: str = "µs") -> Row:
    """Beside `base`, which is called `of`; a bar if there is a `most`."""
    ratio = value / base
    if most is None:
        return Row(name, value, unit, ratio, f"× {of}")
    return Row(name, value, unit, ratio, f"≤ {most:g} × {of}", ratio <= most)


def at_most(name: str, value: float, most: float, unit: str) -> Row:
    return Row(name, value, unit, None, f"≤ {most:g} {unit}", value <= most)


def at_least(name: str, value: float, base: float, of: str, *, least: float, unit: str) -> Row:
    ratio = value / base
    return Row(name, value, unit, ratio, f"≥ {least:g} × {of}", ratio >= least)


def absent(name: str, why: str) -> Row:
    return Row(name, bar=why)


@dataclass
class Entrant:
    """Somebody who is measured: `shoot` is one round of it."""

    name: str
    shoot: Callable[[], Load]
    loads: list[Load] = field(default_factory=list)

    @property
    def cost(self) -> float:
        """Microseconds of CPU per request: the median of all rounds."""
        return self.median(lambda load: load.microseconds)

    def median(self, of: Callable[[Load], float]) -> float:
        return statistics.median(map(of, self.loads))


def against(ours: Entrant, theirs: Entrant, of: str, *, most: float | None = None, name: str = "") -> Row:
    """Beside somebody who took part in the same rounds: the median of what each round says."""
    pairs = zip(ours.loads, theirs.loads, strict=True)
    ratio = statistics.median(our.microseconds / their.microseconds for our, their in pairs)
    return beside(name or ours.name, ours.cost, ours.cost / ratio, of, most=most)


def rounds(entrants: Sequence[Entrant], times: int) -> None:
    """In turn, each in every round, after one that does not count: the machine's mood is then the same for all."""
    for number in range(times + 1):
        for entrant in entrants:
            seen = entrant.shoot()
            if number:
                entrant.loads.append(seen)


def table(rows: Sequence[Row]) -> str:
    return "\n".join(f"  {row.name:46} {_value(row):>12} {_ratio(row):>6}  {row.bar:44} {_met(row)}" for row in rows)


def bars(sections: Mapping[str, Sequence[Row]]) -> str:
    """Those rows that have a bar, and how many of them meet it."""
    judged = [(section, row) for section, rows in sections.items() for row in rows if row.met is not None]
    lines = [
        f"  {section:12} {row.name:46} {_ratio(row) or _value(row):>10}  {row.bar:44} {_met(row)}"
        for section, row in judged
    ]
    return "\n".join([*lines, f"  {sum(bool(row.met) for _, row in judged)} of {len(judged)} bars are met"])


def _ratio(row: Row) -> str:
    return "" if row.ratio is None else f"{row.ratio:.2f}"


def _value(row: Row) -> str:
    return "" if row.value is None else f"{row.value:.{_digits(row.value)}f} {row.unit}"


def _met(row: Row) -> str:
    return {None: "", True: "met", False: "NOT MET"}[row.met]


def _digits(value: float) -> int:
    return 0 if value >= 1000 else 1 if value >= 10 else 2
