"""A wall clock that is stepped while programs run (libfaketime). Their monotonic clock goes on as ever."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass
class Clock:
    """Programs started with `env` read the time as it is, and `seconds` more, as `step` said last."""

    file: Path

    def __post_init__(self) -> None:
        self.step(0)

    def step(self, seconds: int) -> None:
        beside = self.file.with_suffix(".new")
        beside.write_text(f"{seconds:+d}")
        beside.rename(self.file)

    @property
    def env(self) -> dict[str, str]:
        (library,) = Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")
        return {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_NO_CACHE": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }
