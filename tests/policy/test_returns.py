"""Nobody is sent to somebody else's site."""

from __future__ import annotations

import pytest

from gateway.policy.returns import LONGEST, is_ours, safe


@pytest.mark.parametrize(
    "path",
    ["/", "/account/email", "/a?next=http://x.test/", "/a?q=%5c%5c", "/a//b", "/caf%c3%a9", "/@me", "/a:b", "/%252f"],
)
def test_a_path_of_ours(path: str) -> None:
    assert is_ours(path)
    assert safe(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "account",
        "//evil.test",
        "///evil.test",
        "/\\evil.test",
        "\\\\evil.test",
        "\\/evil.test",
        "/%5cevil.test",
        "/%5Cevil.test",
        "/%2fevil.test",
        "/%2F/evil.test",
        "/a\\b",
        "/\t/evil.test",
        "/\n/evil.test",
        "/\r\nLocation:x",
        "/%09/evil.test",
        "/%0d%0aSet-Cookie:x",
        "/%c0%afevil.test",
        " /evil.test",
        "/ evil",
        "/\x00",
        "/é",
        "http:evil.test",
        "http://evil.test/",
        "https://notes.example.com@evil.test/",
        "https://notes.example.com.evil.test/",
        "javascript:alert(1)",
        "data:text/html,x",
        "?x",
        "#x",
        "*",
    ],
)
def test_an_address_that_may_lead_elsewhere(path: str) -> None:
    assert not is_ours(path)
    assert safe(path) == "/"


def test_a_long_address_is_refused_and_not_cut() -> None:
    assert is_ours("/" + "a" * (LONGEST - 1))
    assert not is_ours("/" + "a" * LONGEST)
