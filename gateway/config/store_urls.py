"""Where a store is: a file on this machine, or an engine elsewhere by its address.

An address with a password in it is a secret, and has no place in routes.toml: it is read from "env:NAME" or
"file:PATH".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from gateway.config import redis_urls
from gateway.config.postgresql_urls import on_a_socket, postgresql_fault
from gateway.config.secrets import read_secret

STATES = redis_urls.SCHEMES
DIRECTORIES = ("postgresql",)
EXAMPLES = {STATES: "redis://127.0.0.1:6379", DIRECTORIES: "postgresql://127.0.0.1/gateway"}

Check = Callable[[str, Path, Mapping[str, str]], str]


def store(engines: tuple[str, ...]) -> Check:
    """A checker for what `state` or `directory` says; "sqlite:" may always be written."""
    example = f'"sqlite:gateway.db" or "{EXAMPLES[engines]}"'

    def check(value: str, folder: Path, env: Mapping[str, str]) -> str:
        kept = value.startswith(("env:", "file:"))
        address = read_secret(value, folder, env, shortest=1).value.decode(errors="replace") if kept else value
        address = re.sub("^postgres:", "postgresql:", address)
        said = "holds what " if kept else ""
        scheme, colon, rest = address.partition(":")
        if scheme == "sqlite" and rest and rest != ":memory:":
            return _file(rest, folder)
        if not colon or scheme not in engines:
            raise ValueError(f"{said}names no store; write for example {example}")
        try:
            secret = _secret(address)
        except ValueError as error:
            raise ValueError(f"{said}{error}") from None
        if secret and not kept:
            raise ValueError(
                "has a password in it, and secrets have no place in this file; "
                'put the whole address elsewhere, and write "env:NAME" or "file:PATH"'
            )
        fault = postgresql_fault(urlsplit(address)) if scheme == "postgresql" else ""
        if fault:
            raise ValueError(f"{said}{fault}")
        return address

    return check


def _secret(address: str) -> bool:
    """Whether an address has a password in it. Raises ValueError, with what to write instead."""
    if address.startswith(redis_urls.SCHEMES):
        return redis_urls.parse(address).secret
    example = f'write for example "{EXAMPLES[DIRECTORIES]}"'
    try:
        parts = urlsplit(address)
    except ValueError:
        parts = urlsplit("")
    if not (parts.netloc.rpartition("@")[2] or on_a_socket(parts)):
        raise ValueError(f"names no host; {example}")
    return bool(parts.password)


def _file(name: str, folder: Path) -> str:
    path = Path(folder, name).absolute()
    if not path.parent.is_dir():
        raise ValueError(f"is to be made in {path.parent}, which is no folder; make it first")
    return f"sqlite:{path}"
