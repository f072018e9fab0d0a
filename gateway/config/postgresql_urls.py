"""Addresses of PostgreSQL: of one host or several, or of a socket on this machine, with a few options."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

HOST = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
FILES = ("sslrootcert", "sslcert", "sslkey")
OPTIONS = ("sslmode", *FILES, "application_name", "host", "target_session_attrs")


def on_a_socket(address: SplitResult) -> bool:
    """Whether it names no host, but a folder: `postgresql:///gateway?host=/run/postgresql`."""
    hosts = address.netloc.rpartition("@")[2]
    return not hosts and any(each.startswith("host=/") for each in address.query.split("&"))


def postgresql_fault(address: SplitResult) -> str:
    """What is wrong with it, "" if nothing is. Never repeats a value: it may be a password in the wrong place."""
    user, _, hosts = address.netloc.rpartition("@")
    if "@" in user or address.fragment:
        return "has an @ or a # in its user or password; write them as %40 and %23"
    if hosts and not all(HOST.fullmatch(each) for each in hosts.split(",")):
        return "names a host that cannot be; write host, host:port or [address]:port, with commas between several"
    if not re.fullmatch("/[^/]+", address.path):
        return 'names no database; write for example "postgresql://127.0.0.1/gateway"'
    options = address.query.split("&") if address.query else []
    return next(filter(None, map(_option_fault, options)), "")


def unproved(directory: str) -> list[str]:
    """The hosts, if it is an address of PostgreSQL, that would be believed whatever certificate they show."""
    address = urlsplit(directory)
    if address.scheme != "postgresql" or re.search("(^|&)sslmode=verify-(ca|full)(&|$)", address.query):
        return []
    found = [HOST.fullmatch(each) for each in address.netloc.rpartition("@")[2].split(",")]
    return [each[1] for each in found if each]


def _option_fault(option: str) -> str:
    name, _, written = option.partition("=")
    value = unquote(written)
    if name not in OPTIONS:
        return f"has an option that is not known here; known are {', '.join(OPTIONS)}"
    if name == "sslmode" and value not in SSL_MODES:
        return f"has an sslmode that there is not; write one of {', '.join(SSL_MODES)}"
    if name in FILES and not (Path(value).is_absolute() and Path(value).is_file()):
        return f"names no file in {name}; write its whole path"
    if name == "host" and not value.startswith("/"):
        return "names a host in its options; write it after the two slashes"
    if name == "target_session_attrs" and value != "read-write":
        return "asks for another server than the primary, where alone it is certain who may still sign in"
    return "" if value else f"has an empty {name}"
