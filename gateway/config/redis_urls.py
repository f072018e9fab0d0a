"""The address of a Redis or Valkey: which server, or which sentinels or nodes of a cluster, and how to talk to it.

    redis://[user:password@]host[:6379][/db]
    redis+sentinel://[user:password@]host[:26379],host…/service[/db]
    redis+cluster://[user:password@]host[:6379],host…

`rediss` in place of `redis` means TLS. No text of an error repeats a part of the address: it may be the password.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

from gateway.config import units

SCHEMES = ("redis", "rediss", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster")
ADDRESS = re.compile(r"(rediss?(?:\+sentinel|\+cluster)?)://(?:([^/?#]*)@)?([^/?#@]*)([^?#]*)(?:\?([^#]*))?")
HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?")
PREFIX = re.compile(r"[A-Za-z0-9:._-]{1,64}")
PORTS = {"": 6379, "sentinel": 26379, "cluster": 6379}
EXAMPLES = {
    "": "redis://127.0.0.1:6379",
    "sentinel": "redis+sentinel://10.0.0.1:26379,10.0.0.2:26379,10.0.0.3:26379/mymaster",
    "cluster": "redis+cluster://10.0.0.1:6379,10.0.0.2:6379",
}
OPTIONS = (
    *("ca", "cert", "connections", "key", "prefix", "replicas", "sentinel_password", "sentinel_user", "timeout"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """What an address says. Passwords stay out of its `repr`."""

    kind: str  # "", "sentinel", "cluster"
    tls: bool
    hosts: tuple[tuple[str, int], ...]
    service: str  # of the sentinels
    db: int
    user: str | None
    password: str | None = field(repr=False)
    replicas: int  # that have to confirm what must not be forgotten
    prefix: str = "gateway:"
    timeout: float = 2.0  # seconds, of a call in all
    connections: int = 16  # at most, to each server
    ca: str | None = None  # files
    cert: str | None = None
    key: str | None = None
    sentinel_user: str | None = None
    sentinel_password: str | None = field(default=None, repr=False)

    @property
    def secret(self) -> bool:
        """Whether there is a password in it."""
        return bool(self.password or self.sentinel_password)


def parse(address: str) -> RedisAddress:
    """What an address says. Raises ValueError, with what to write instead."""
    found = ADDRESS.fullmatch(address)
    if found is None:
        raise ValueError(f'names no host; write for example "{EXAMPLES[""]}"')
    scheme, userinfo, hosts, path, query = found.groups()
    kind = scheme.partition("+")[2]
    user, _, password = (userinfo or "").partition(":")
    service, db = _path(kind, path)
    options = _options(query or "")
    if "cert" in options and "key" not in options:
        raise ValueError('has a certificate in the option "cert" and no key; name the file of its key in "key"')
    if scheme.startswith("redis+") or scheme == "redis":
        for name in ("ca", "cert", "key"):
            if name in options:
                raise ValueError(f'has the option "{name}" and no TLS; write rediss in place of redis')
    return RedisAddress(
        kind=kind,
        tls=scheme.startswith("rediss"),
        hosts=_hosts(kind, hosts),
        service=service,
        db=db,
        user=unquote(user) or None,
        password=unquote(password) or None,
        **{"replicas": 1 if kind else 0, **options},
    )


def _hosts(kind: str, text: str) -> tuple[tuple[str, int], ...]:
    example = f'write for example "{EXAMPLES[kind]}"'
    if not text:
        raise ValueError(f"names no host; {example}")
    names = text.split(",")
    if len(names) > 1 and not kind:
        raise ValueError("names several hosts; write redis+sentinel:// or redis+cluster:// for more than one server")
    found = [HOST.fullmatch(name) for name in names]
    hosts = tuple((each[1].strip("[]"), int(each[2] or PORTS[kind])) for each in found if each is not None)
    if len(hosts) < len(names) or not all(0 < port < 65536 for _, port in hosts):
        raise ValueError(f"names a host that is not host or host:port; {example}")
    return hosts


def _path(kind: str, path: str) -> tuple[str, int]:
    service, _, db = path[1:].partition("/") if kind == "sentinel" else ("", "", path[1:])
    if kind == "sentinel" and not service:
        raise ValueError(f'names no service behind the hosts; write for example "{EXAMPLES[kind]}"')
    if kind == "cluster" and db:
        raise ValueError("names a database, and a cluster has only one; leave it out")
    if not re.fullmatch("[0-9]{0,4}", db):
        raise ValueError("names a database that is not a number; write for example /0, or leave it out")
    return unquote(service), int(db or 0)


def _options(query: str) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in READ:
            raise ValueError(f"has an option that is not known; known are {', '.join(OPTIONS)}")
        if name in options:
            raise ValueError(f'has the option "{name}" twice; write it once')
        try:
            options[name] = READ[name](value)
        except ValueError as error:
            raise ValueError(f'has an option "{name}" that {error}') from None
    return options


def _number(least: int, most: int) -> Callable[[str], object]:
    def read(value: str) -> int:
        if not re.fullmatch("[0-9]{1,6}", value) or not least <= int(value) <= most:
            raise ValueError(f"is not a number from {least} to {most}")
        return int(value)

    return read


def _timeout(value: str) -> float:
    found = units.seconds(value)
    if not 1 <= found <= 60:
        raise ValueError('is not from 1 s to 60 s; write for example "2s"')
    return float(found)


def _prefix(value: str) -> str:
    if PREFIX.fullmatch(value) is None:
        raise ValueError('may have letters, digits and :._- only; write for example "gateway:"')
    return value


def _file(value: str) -> str:
    if not Path(value).is_absolute() or not Path(value).is_file():
        raise ValueError("names no file; write its full path")
    return value


READ: dict[str, Callable[[str], object]] = {
    "ca": _file,
    "cert": _file,
    "connections": _number(1, 1000),
    "key": _file,
    "prefix": _prefix,
    "replicas": _number(0, 100),
    "sentinel_password": str,
    "sentinel_user": str,
    "timeout": _timeout,
}
