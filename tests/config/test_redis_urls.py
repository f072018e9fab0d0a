"""Addresses of Redis: what they say, and what is wrong with those that say nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.config.redis_urls import OPTIONS, READ, SCHEMES, parse


@pytest.mark.parametrize(
    ("address", "meant"),
    [
        ("redis://h", {"kind": "", "tls": False, "hosts": (("h", 6379),), "db": 0, "user": None, "password": None}),
        ("redis://h:1/15", {"hosts": (("h", 1),), "db": 15}),
        ("redis://h/", {"db": 0}),
        ("redis://[::1]:7/3", {"hosts": (("::1", 7),), "db": 3}),
        ("rediss://10.0.0.1", {"tls": True, "hosts": (("10.0.0.1", 6379),), "replicas": 0}),
        ("redis://:p%40ss%2F@h", {"user": None, "password": "p@ss/", "secret": True}),
        ("redis://gateway:p:q@h", {"user": "gateway", "password": "p:q", "secret": True}),
        ("redis://gateway@h", {"user": "gateway", "password": None, "secret": False}),
        ("redis+sentinel://a,b:2/m", {"kind": "sentinel", "hosts": (("a", 26379), ("b", 2)), "service": "m"}),
        ("rediss+sentinel://a/m%20n/4", {"tls": True, "service": "m n", "db": 4, "replicas": 1}),
        ("redis+sentinel://a/m?sentinel_user=u&sentinel_password=p", {"sentinel_user": "u", "secret": True}),
        ("redis+cluster://a,[::1]", {"kind": "cluster", "hosts": (("a", 6379), ("::1", 6379)), "replicas": 1}),
        ("redis+cluster://a?replicas=0", {"replicas": 0}),
        ("redis://h", {"prefix": "gateway:", "timeout": 2.0, "connections": 16, "ca": None}),
        ("redis://h?prefix=x-1:&timeout=5s&connections=3&replicas=2", {"prefix": "x-1:", "timeout": 5.0}),
        ("redis://h?connections=3&replicas=2", {"connections": 3, "replicas": 2}),
    ],
)
def test_an_address_says_where_and_how(address: str, meant: dict[str, Any]) -> None:
    found = parse(address)
    assert {name: getattr(found, name) for name in meant} == meant


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("", 'names no host; write for example "redis://127.0.0.1:6379"'),
        ("redis:h", "names no host"),
        ("redis://", "names no host"),
        ("redis://:hush@", "names no host"),
        ("redis+tls://h", "names no host"),
        ("redis://h:hush", "names a host that is not host or host:port"),
        ("redis://h:0", "names a host that is not host or host:port"),
        ("redis://h:65536", "names a host that is not host or host:port"),
        ("redis+sentinel://a,,b/m", "names a host that is not host or host:port"),
        ("redis://a,b", "names several hosts; write redis+sentinel:// or redis+cluster://"),
        ("redis+sentinel://a,b", "names no service behind the hosts; write for example"),
        ("redis+sentinel://a/?prefix=x", "names no service"),
        ("redis+sentinel://a/m/hush", "names a database that is not a number"),
        ("redis://h/hush", "names a database that is not a number"),
        ("redis+cluster://h/1", "names a database, and a cluster has only one"),
        ("redis://h?hush=1", "has an option that is not known; known are ca, cert, connections, key, prefix"),
        ("redis://:pa?hush@h", "has an option that is not known"),
        ("redis://h?prefix=a&prefix=b", 'has the option "prefix" twice'),
        ("redis://h?prefix={hush}", 'has an option "prefix" that may have letters, digits and :._- only'),
        ("redis://h?prefix=", 'has an option "prefix" that may have'),
        ("redis://h?timeout=hush", 'has an option "timeout" that is not a duration'),
        ("redis://h?timeout=0s", 'has an option "timeout" that is not from 1 s to 60 s'),
        ("redis://h?timeout=2m", 'has an option "timeout" that is not from 1 s to 60 s'),
        ("redis://h?replicas=-1", 'has an option "replicas" that is not a number from 0 to 100'),
        ("redis://h?connections=0", 'has an option "connections" that is not a number from 1 to 1000'),
        ("rediss://h?ca=hush.pem", 'has an option "ca" that names no file; write its full path'),
        ("rediss://h?ca=/no/where.pem", 'has an option "ca" that names no file'),
        ("redis://h?ca={here}", 'has the option "ca" and no TLS; write rediss in place of redis'),
        ("redis+cluster://h?ca={here}", 'has the option "ca" and no TLS'),
        ("rediss://h?cert={here}", 'has a certificate in the option "cert" and no key'),
    ],
)
def test_what_is_wrong_with_an_address_is_said_without_repeating_it(address: str, said: str) -> None:
    with pytest.raises(ValueError) as told:
        parse(address.replace("{here}", str(Path(__file__))))
    assert said in str(told.value)
    assert "hush" not in str(told.value)


def test_no_password_is_in_what_is_shown_of_an_address() -> None:
    shown = repr(parse("redis+sentinel://ada:hush@h/m?sentinel_password=quiet"))
    assert "ada" in shown and "hush" not in shown and "quiet" not in shown


def test_every_option_is_named_in_the_documentation() -> None:
    page = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text()
    assert sorted(READ) == list(OPTIONS)
    assert [name for name in OPTIONS if f"| `{name}` |" not in page] == []
    assert [name for name in SCHEMES if f"{name.replace('rediss', 'redis')}://" not in page] == []
