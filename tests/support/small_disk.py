"""A disk of two mebibytes that one program sees: a tmpfs in a mount namespace of its own.

It needs no root: where that is missing, the program gets a user namespace, in which it may mount.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.processes import Gateway, Program, add_people, free_port, launch, wait_for, write_config

SIZE = 2 << 20
SHELL = 'mount -t tmpfs -o size="$1" tmpfs "$2" && shift 2 && exec "$@"'


class Disk:
    """As the program sees it; `path` is the way there from here."""

    def __init__(self, program: Program, mounted: Path) -> None:
        self.path = Path(f"/proc/{program.pid}/root") / mounted.relative_to("/")

    def fill(self) -> None:
        """To the last byte."""
        with (self.path / "filler").open("ab", buffering=0) as filler:
            for size in (1 << 16, 1 << 12, 1):
                try:
                    while True:
                        filler.write(bytes(size))
                except OSError:
                    continue

    def free(self) -> None:
        (self.path / "filler").unlink()


@contextmanager
def gateway_on_small_disk(folder: Path, routes: str, people: dict[str, str]) -> Iterator[tuple[Gateway, Disk]]:
    """The gateway with its state, and nothing else, on the small disk."""
    port, mounted = free_port(), folder / "small"
    write_config(folder, port, routes)
    mounted.mkdir()
    add_people(folder, people)
    config = folder / "routes.toml"
    config.write_text(config.read_text().replace("sqlite:gateway-state.db", "sqlite:small/gateway-state.db"))
    namespaces = ["--mount"] if os.getuid() == 0 else ["--mount", "--user", "--map-root-user"]
    serve = [sys.executable, "-m", "gateway", "serve", "--config", str(config)]
    program = launch(["unshare", *namespaces, "sh", "-c", SHELL, "sh", str(SIZE), mounted, *serve], folder)
    try:
        wait_for(program, port, "/.gateway/healthz")
        disk = Disk(program, mounted)
        deadline = time.monotonic() + 5
        while not (disk.path / "gateway-state.db").exists():
            if time.monotonic() > deadline:
                raise RuntimeError(f"no small disk:\n{program.output()}")
            time.sleep(0.05)
        yield Gateway(folder, port, program), disk
    finally:
        program.stop()
