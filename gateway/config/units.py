"""Durations and sizes as people write them, and durations as people say them."""

from __future__ import annotations

import re

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
NAMES = {86400: "day", 3600: "hour", 60: "minute", 1: "second"}
BYTES = {
    "B": 1,
    "kB": 1000,
    "KB": 1000,
    "KiB": 1 << 10,
    "MB": 1_000_000,
    "MiB": 1 << 20,
    "GB": 1_000_000_000,
    "GiB": 1 << 30,
}
QUANTITY = re.compile(r"([0-9]{1,9}) ?([A-Za-z]+)")


def seconds(text: str) -> int:
    """ "5m" is 300. Raises ValueError."""
    found = QUANTITY.fullmatch(text)
    if found is None or found[2] not in SECONDS:
        raise ValueError('is not a duration; write a number and s, m, h or d, such as "5m"')
    return int(found[1]) * SECONDS[found[2]]


def octets(text: str) -> int:
    """ "1MiB" is 1048576, "1MB" a million. Raises ValueError."""
    found = QUANTITY.fullmatch(text)
    if found is None or found[2] not in BYTES:
        raise ValueError('is not a size; write a number and B, KB, KiB, MB, MiB, GB or GiB, such as "1MiB"')
    return int(found[1]) * BYTES[found[2]]


def spoken(duration: int) -> str:
    """300 is "5 minutes", 5400 is "90 minutes": the largest unit that comes out even."""
    unit = next((each for each in NAMES if duration and duration % each == 0), 1)
    count = duration // unit
    return f"{count} {NAMES[unit]}{'' if count == 1 else 's'}"


def duration(seconds: int) -> str:
    """As `seconds` reads it: 300 is "5m"."""
    unit = next((each for each in ("d", "h", "m") if seconds and seconds % SECONDS[each] == 0), "s")
    return f"{seconds // SECONDS[unit]}{unit}"


def size(octets: int) -> str:
    """As `octets` reads it: 1048576 is "1MiB"."""
    unit = next((each for each in ("GiB", "GB", "MiB", "MB", "KiB", "KB") if octets and octets % BYTES[each] == 0), "B")
    return f"{octets // BYTES[unit]}{unit}"
