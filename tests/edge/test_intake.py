"""The facts of a request: what is not HTTP is refused, and only trusted proxies are believed."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest

from gateway.edge.intake import intake
from gateway.errors import MalformedRequest
from gateway.policy.facts import Request

PROXIES = (ip_network("10.0.0.0/8"), ip_network("2001:db8::/32"))
HOST = (b"host", b"notes.test")


def scope(*headers: tuple[bytes, bytes], target: bytes = b"/a?b", **more: Any) -> dict[str, Any]:
    made = {"type": "http", "http_version": "1.1", "method": "GET", "headers": list(headers), "client": ("10.1.1.1", 1)}
    return made | {"extensions": {"gateway.target": {"raw": target}}} | more


def facts(*headers: tuple[bytes, bytes], **more: Any) -> Request:
    return intake(scope(HOST, *headers, **more), 7.5, PROXIES)


def test_the_clients_own_bytes_are_the_facts() -> None:
    request = facts((b"x", b"1"), (b"x", b"2"), target=b"/A%2fb/?c=%64&?")
    assert (request.target, request.path, request.query) == (b"/A%2fb/?c=%64&?", b"/A%2fb/", b"c=%64&?")
    assert (request.host, request.method, request.now) == ("notes.test", "GET", 7.5)
    assert request.values(b"x") == [b"1", b"2"] and request.header(b"x") == b"1"


def test_fields_that_a_server_adds_later_are_not_among_them() -> None:
    given = scope(HOST)
    request = intake(given, 0, PROXIES)
    given["headers"].append((b"x-auth-user", b"root"))
    assert request.header(b"x-auth-user") is None


@pytest.mark.parametrize(
    ("host", "name"),
    [
        (b"notes.test", "notes.test"),
        (b"NOTES.Test:8443", "notes.test"),
        (b"notes.test.", "notes.test"),
        (b"[2001:DB8::1]:80", "[2001:db8::1]"),
        (b"a_b.test", "a_b.test"),
    ],
)
def test_a_host_has_one_name(host: bytes, name: str) -> None:
    assert intake(scope((b"host", host)), 0, ()).host == name


@pytest.mark.parametrize(
    "host",
    [b"", b" ", b"a,b", b"a@b", b"a/b", b"a?b", b"a b", b"a:b", b"a:", b"a:123456", b"\xe9.test", b"[::1", b"a\0"],
)
def test_what_is_no_host_is_refused(host: bytes) -> None:
    with pytest.raises(MalformedRequest):
        intake(scope((b"host", host)), 0, ())


@pytest.mark.parametrize(
    ("headers", "more"),
    [
        ([], {}),
        ([HOST, HOST], {}),
        ([HOST], {"http_version": "0.9"}),
        ([HOST], {"http_version": "2"}),
        ([HOST], {"method": "get"}),
        ([HOST], {"method": ""}),
        ([HOST], {"method": "GE T"}),
        ([HOST], {"method": "TRACE"}),
        ([HOST], {"method": "CONNECT"}),
        ([HOST], {"target": b"http://other.test/"}),
        ([HOST], {"target": b"*"}),
        ([HOST, (b"content-length", b"1"), (b"content-length", b"1")], {}),
        ([HOST, (b"content-length", b"+1")], {}),
        ([HOST, (b"content-length", "²".encode("latin-1"))], {}),
        ([HOST, (b"content-length", b"1"), (b"transfer-encoding", b"chunked")], {}),
        ([HOST, (b"transfer-encoding", b"chunked"), (b"transfer-encoding", b"chunked")], {}),
        ([HOST, (b"transfer-encoding", b"gzip, chunked")], {}),
        ([HOST, (b"transfer-encoding", b"chunked")], {"http_version": "1.0"}),
    ],
)
def test_what_breaks_the_grammar_is_refused(headers: list[tuple[bytes, bytes]], more: dict[str, Any]) -> None:
    with pytest.raises(MalformedRequest):
        intake(scope(*headers, **more), 0, ())


@pytest.mark.parametrize(
    ("peer", "said", "client"),
    [
        ("203.0.113.9", [b"198.51.100.1"], "203.0.113.9"),
        ("10.1.1.1", [], "10.1.1.1"),
        ("10.1.1.1", [b"198.51.100.1"], "198.51.100.1"),
        ("10.1.1.1", [b"1.2.3.4, 198.51.100.1"], "198.51.100.1"),
        ("10.1.1.1", [b"1.2.3.4", b"198.51.100.1, 10.2.2.2"], "198.51.100.1"),
        ("10.1.1.1", [b"1.2.3.4, nonsense, 10.2.2.2"], "10.2.2.2"),
        ("10.1.1.1", [b"nonsense"], "10.1.1.1"),
        ("10.1.1.1", [b"10.3.3.3, 10.2.2.2"], "10.3.3.3"),
        ("2001:db8::1", [b"2001:db9::7"], "2001:db9::7"),
        ("", [b"198.51.100.1"], ""),
    ],
)
def test_an_address_is_believed_as_far_as_proxies_are_trusted(peer: str, said: list[bytes], client: str) -> None:
    headers = [(b"x-forwarded-for", value) for value in said]
    assert facts(*headers, client=(peer, 1) if peer else None).client == client


def test_a_request_id_is_believed_from_proxies_only_and_only_if_it_is_plain() -> None:
    given = (b"x-request-id", b"abcdef-123")
    assert facts(given).id == "abcdef-123"
    assert facts(given, client=("203.0.113.9", 1)).id != "abcdef-123"
    assert facts((b"x-request-id", b"a\nb{forged}")).id.isalnum()
    assert facts().id != facts().id
