"""Jupyter Server with its classic pages, as PyPI has them: one person, a password, and real kernels."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.processes import Program, free_port, launch, wait_for

NOTEBOOK_PASSWORD = "notebook-pw1"
SALT = "a1b2c3d4e5f6"


@dataclass
class Jupyter:
    """One server. Who knows its password is its owner."""

    folder: Path
    port: int
    program: Program

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def notebooks(self) -> Path:
        """The folder that it shows."""
        return self.folder / "root"

    def start(self) -> None:
        """Again, on the same port and folder."""
        self.program = _serve(self.folder, self.port)
        wait_for(self.program, self.port, "/login")


@contextmanager
def jupyter(folder: Path) -> Iterator[Jupyter]:
    """The server, from when it shows its login page until the end of the block."""
    missing = [name for name in ("jupyter_server", "ipykernel", "nbclassic") if importlib.util.find_spec(name) is None]
    if missing:
        raise RuntimeError(f"Jupyter is needed: pip install {' '.join(missing)}")
    (folder / "root").mkdir(parents=True)
    port = free_port()
    made = Jupyter(folder, port, _serve(folder, port))
    try:
        wait_for(made.program, port, "/login")
        yield made
    finally:
        made.program.stop()


def _serve(folder: Path, port: int) -> Program:
    hashed = hashlib.sha1(NOTEBOOK_PASSWORD.encode() + SALT.encode()).hexdigest()
    settings = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.root_dir": folder / "root",
        "ServerApp.allow_remote_access": True,
        "ServerApp.open_browser": False,
        "FileContentsManager.delete_to_trash": False,
        "PasswordIdentityProvider.hashed_password": f"sha1:{SALT}:{hashed}",
    }
    options = [f"--{key}={value}" for key, value in settings.items()]
    homes = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "HOME")
    return launch(
        [sys.executable, "-m", "jupyter_server", "--allow-root", *options],
        folder,
        env={name: str(folder / name.lower()) for name in homes} | {"SHELL": "/bin/sh"},
    )
