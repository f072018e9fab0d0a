"""Nobody is sent to somebody else's site."""

from __future__ import annotations

from urllib.parse import urljoin

import pytest

from gateway.policy.returns import LONGEST, here, is_ours, safe


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


@pytest.mark.parametrize(
    ("target", "link"),
    [
        ("/", "/"),
        ("/a//b?c=//d", "/a//b?c=//d"),
        ("/%2Fevil.test", "/%2Fevil.test"),
        ("//evil.test/x", "/.//evil.test/x"),
        ("///evil.test", "/.///evil.test"),
        ("/\\evil.test", "/./\\evil.test"),
    ],
)
def test_a_target_as_a_link_stays_on_this_site(target: str, link: str) -> None:
    assert here(target) == link
    assert urljoin("http://notes.test/a/b", link.replace("\\", "/")).startswith("http://notes.test/")
