"""What single values in routes.toml may be. Each function returns the value, or raises ValueError saying what to write.

The text of the error goes on where the value ended: `"5x"` is followed by `is not a duration; write …`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

from gateway.policy import patterns

VERIFIERS = ("passkey", "totp", "password")
SIGNINS = ("local", "app")
SIGNINS_LATER = ("header", "oidc", "saml", "ldap", "none")
DEFAULT_PORTS = {"http": 80, "https": 443}

NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # RFC 9110, 5.6.2
TARGET = re.compile(r"([\x21\x22\x24\x26-\x7e]|%[0-9A-Fa-f]{2})+")
HOST = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*|\[[0-9a-f:.]+\]")
LISTEN = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]\s]+):([0-9]{1,5})")
NOT_FOR_IDENTITY = re.compile(
    r"(?i)host|cookie|connection|content-.*|transfer-encoding|te|upgrade|expect|x-forwarded-.*|forwarded|x-request-id"
)


def text(value: str) -> str:
    """Something to read, on one line."""
    if not value.strip() or not value.isprintable():
        raise ValueError("is not a line of words; write what a person can read")
    return value.strip()


def name(value: str) -> str:
    """A name of an app or a route."""
    if NAME.fullmatch(value) is None:
        raise ValueError('is not a name; use a-z, 0-9 and single hyphens, such as "change-email"')
    if value.startswith("gateway-"):
        raise ValueError("begins with gateway-, and those names are the gateway's own; choose another")
    return value


def one_of(*allowed: str) -> Callable[[str], str]:
    """A checker for a word out of a few."""

    def check(value: str) -> str:
        if value not in allowed:
            raise ValueError(f"is not known; write {' or '.join(map(quoted, allowed))}")
        return value

    return check


def signin(value: str) -> str:
    """How people sign in."""
    if value in SIGNINS_LATER:
        raise ValueError('is not available in this version; write "local" or "app"')
    return one_of(*SIGNINS)(value)


def listen(value: str) -> tuple[str, int]:
    """ "127.0.0.1:8000" or "[::1]:8000"."""
    found = LISTEN.fullmatch(value)
    if found is None or not 0 < int(found[2]) < 65536:
        raise ValueError('is not host:port; write for example "127.0.0.1:8000", "0.0.0.0:8000" or "[::]:8000"')
    return found[1].strip("[]"), int(found[2])


def written(host: str, port: int) -> str:
    """As `listen` reads it."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def host(value: str) -> str:
    """A host as it stands in the Host field, without port; lower case, an IPv6 address in brackets."""
    lower = value.lower()
    if "*" in lower:
        raise ValueError("has a wildcard; write each host out, in an [[app]] of its own")
    if re.fullmatch(f"({HOST.pattern}):[0-9]+", lower):
        raise ValueError("has a port; leave it out, it is the one of gateway.public_url")
    if HOST.fullmatch(lower) is None:
        raise ValueError('is not a host; write for example "notes.example.com"')
    return lower


def public_url(value: str) -> SplitResult:
    """The address that browsers use: scheme, host and perhaps a port."""
    return _site(value, "https://notes.example.com")


def upstream(value: str) -> str:
    """Where an app listens."""
    return _site(value, "http://127.0.0.1:9000").geturl()


def origin(public: SplitResult, of_host: str) -> str:
    """As browsers write it in `Origin` (RFC 6454, 6.1): no port where it is the scheme's own."""
    port = "" if public.port in (None, DEFAULT_PORTS[public.scheme]) else f":{public.port}"
    return f"{public.scheme}://{of_host}{port}"


def site_host(url: SplitResult) -> str:
    """The host of a checked address, as `host` writes it."""
    return url.netloc if url.port is None else url.netloc.rpartition(":")[0]


def is_address(of_host: str) -> bool:
    """Whether a host is an IP address."""
    try:
        ip_address(of_host.strip("[]"))
    except ValueError:
        return False
    return True


def network(value: str) -> IPv4Network | IPv6Network:
    """An address or a CIDR range."""
    try:
        return ip_network(value)
    except ValueError as error:
        if "host bits set" in str(error):
            raise ValueError(f'is no range; did you mean "{ip_network(value, strict=False)}"?') from None
        raise ValueError('is not an address or a range; write for example "10.0.0.7" or "10.0.0.0/24"') from None


def method(value: str) -> str:
    """An HTTP method, upper case."""
    if TOKEN.fullmatch(value) is None:
        raise ValueError('is not an HTTP method; write for example "POST"')
    return value.upper()


def target(value: str) -> str:
    """A path and perhaps a query on the app, as a browser asks for it."""
    if not value.startswith("/") or value.startswith("//") or not TARGET.fullmatch(value):
        raise ValueError('is not an address on the app; write for example "/login", or "/index.php?do=login"')
    return value


def pattern(value: str) -> str:
    """A path pattern."""
    try:
        patterns.compile(value)
    except ValueError as error:
        raise ValueError(f"is no path pattern: {error}") from None
    return value


def base(value: str) -> str:
    """The path that an app is installed under, without a slash at its end; "" for the root."""
    plain = value.rstrip("/")
    if re.search(r"[*{]", pattern(plain or "/")):
        raise ValueError('stands for more than one path; write the one where the app is, such as "/wiki"')
    return plain


def cookie(value: str) -> str:
    """The name of a cookie; `*` in it stands for any characters."""
    if TOKEN.fullmatch(value) is None or not value.strip("*"):
        raise ValueError('is not the name of a cookie; write for example "PHPSESSID" or "wordpress_*"')
    return value


def header(value: str) -> str:
    """The name of a header field."""
    if TOKEN.fullmatch(value) is None:
        raise ValueError('is not a name of a header field; write for example "Remote-User"')
    return value


def identity_header(value: str) -> str:
    """The name of a field that the gateway alone may set."""
    if NOT_FOR_IDENTITY.fullmatch(header(value)):
        raise ValueError('is a field with a meaning of its own; write for example "Remote-User"')
    return value


def combination(value: object) -> frozenset[str]:
    """An entry of `verify`: one verifier, or a list of those that are all needed."""
    members = value if isinstance(value, list) else [value]
    for member in members:
        if member not in VERIFIERS:
            what = f'names "{member}", which is not known' if isinstance(value, list) else "is not known"
            raise ValueError(f"{what}; write {quoted(*VERIFIERS)}, or a list of those that are all needed")
    if not members:
        raise ValueError("asks for nothing; name a verifier in it")
    return frozenset(members)


def quoted(*words: str) -> str:
    """ "passkey", "totp" or "password"."""
    said = [f'"{word}"' for word in words]
    return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} or {said[-1]}"


def _site(value: str, example: str) -> SplitResult:
    wrong = ValueError(f'is not an address of that kind; write for example "{example}"')
    try:
        parts = urlsplit(value.rstrip("/").lower())
        port = parts.port
    except ValueError:
        raise wrong from None
    if parts.scheme not in DEFAULT_PORTS or port == 0 or parts.netloc.endswith(":"):
        raise wrong
    if "@" in parts.netloc:
        raise ValueError(f'has a user name in it; write for example "{example}"')
    if parts.path or parts.query or parts.fragment:
        raise ValueError(f'has something after the host; write for example "{example}"')
    if HOST.fullmatch(site_host(parts)) is None:
        raise wrong
    return parts
