"""What queries and bodies say, under every name an app may find it by."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.policy.forms import MOST_FIELDS, Body, Field, Media, has_body, in_body, in_query, keys, media
from tests.support.cost import cost

from .making import FORM, request


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("action", ("action",)),
        ("Action", ("action",)),
        (" action", ("action",)),
        ("action[]", ("action",)),
        ("action\0x", ("action",)),
        ("do[profile]", ("do", "profile")),
        ("do.x", ("do", "x")),
        ("user[email][0]", ("user", "email", "0")),
        ("user_email", ("user_email",)),
        ("ａction", ("action",)),
        ("", ()),
    ],
)
def test_a_name_is_a_path_of_keys(name: str, path: tuple[str, ...]) -> None:
    assert keys(name) == path


def said(raw: str) -> list[tuple[str, str]]:
    return [(".".join(field.keys), field.value) for field in in_query(request(f"GET /?{raw}")) if not field.bare]


@pytest.mark.parametrize(
    ("raw", "pairs"),
    [
        ("", []),
        ("a=1&a=2", [("a", "1"), ("a", "2")]),
        ("a", [("a", "")]),
        ("&&a=1&", [("a", "1")]),
        ("%61=%64elete", [("a", "delete")]),
        ("a=b+c%20d", [("a", "b c d")]),
        ("%u0061=%u0064elete", [("a", "delete")]),
        ("a=100%", [("a", "100%")]),
        ("a=caf%C3%A9&b=caf%E9", [("a", "café"), ("b", "café")]),
        ("a=1;b=2", [("a", "1;b=2"), ("a", "1"), ("b", "2")]),
        ("a=b%3Dc%26d", [("a", "b=c&d")]),
    ],
)
def test_all_pairs_of_a_query_are_read(raw: str, pairs: list[tuple[str, str]]) -> None:
    assert said(raw) == pairs


@pytest.mark.parametrize("path", ["/index.php%3faction=delete", "/x%253Fa=b&action=delete?c=d"])
def test_a_query_behind_an_encoded_question_mark_is_read_as_one(path: str) -> None:
    assert Field(("action",), "delete", bare=True) in in_query(request(f"GET {path}"))


def test_what_is_not_ascii_is_also_read_without_it() -> None:
    fields = in_query(request("GET /?caf%C3%A9[x]=%C1%A1b&plain=1"))
    assert [(field.keys, field.value) for field in fields if field.bare] == [(("caf", "x"), "b")]


@pytest.mark.parametrize(
    ("content_type", "kind"),
    [
        ("application/x-www-form-urlencoded", Media.URLENCODED),
        ("APPLICATION/X-WWW-FORM-URLENCODED", Media.URLENCODED),
        ("application/x-www-form-urlencoded; charset=UTF-8", Media.URLENCODED),
        ("application/x-www-form-urlencoded;charset='iso-8859-1'", Media.URLENCODED),
        ("application/x-www-form-urlencoded; charset=ibm037", Media.UNCLEAR),
        ("application/x-www-form-urlencoded; charset=utf-8; charset=utf-7", Media.UNCLEAR),
        ("application/x-www-form-urlencoded; charset*=ibm037", Media.UNCLEAR),
        ("application/x-www-form-urlencoded, text/plain", Media.UNCLEAR),
        ("", Media.UNCLEAR),
        ("multipart/form-data; boundary=b", Media.MULTIPART),
        ("application/json", Media.JSON),
        ("application/vnd.api+json; charset=utf-8", Media.JSON),
        ("application/json; charset=utf-16", Media.UNCLEAR),
        ("text/plain", Media.OTHER),
        ("application/octet-stream", Media.OTHER),
        (None, Media.OTHER),
    ],
)
def test_the_kind_of_a_body_is_what_any_app_would_take_it_for(content_type: str | None, kind: Media) -> None:
    assert media(request("POST /", b"x", content_type=content_type)) is kind


def test_two_types_or_a_coding_make_a_body_unclear() -> None:
    assert media(request("POST /", b"x", content_type=FORM, Content_Encoding="gzip")) is Media.UNCLEAR
    assert media(request("POST /", b"x", content_type=FORM, Content_Encoding="identity")) is Media.URLENCODED
    twice = request("POST /", b"x", content_type=FORM)
    folded = (*twice.headers, (b"content_type", b"application/json"))
    again = type(twice)("POST", b"/", b"/", b"", folded, "", "", "", 0.0)
    assert media(again) is Media.UNCLEAR


def test_a_body_is_announced_by_its_framing() -> None:
    assert not has_body(request("POST /"))
    assert not has_body(request("POST /", Content_Length="0"))
    assert has_body(request("POST /", b"x"))
    assert has_body(request("GET /", Transfer_Encoding="chunked"))


@pytest.mark.parametrize(
    ("content_type", "body", "pairs"),
    [
        (FORM, b"a=1&b[c]=2", [("a", "1"), ("b.c", "2")]),
        (None, b"", []),
        ("text/xml", b"", []),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="a%5Bb%5D"\r\n\r\n1\r\n--b--\r\n',
            [("a%5bb%5d", "1"), ("a.b", "1")],
        ),
        ("application/json", b'{"a": "x", "a": 1, "b": true}', [("a", "x"), ("a", "1"), ("b", "true")]),
        ("application/json", b'\xef\xbb\xbf{"a": null}', [("a", "null")]),
        ("application/json", '{"a": "é"}'.encode("utf-16"), [("a", "é")]),
        ("application/json", b'{"a": {"b": ["x", "y"]}}', [("a.b", "x"), ("b", "x"), ("a.b", "y"), ("b", "y")]),
        ("application/json", b'[{"a": []}]', [("a", "[]")]),
        ("application/json", b'"a"', []),
    ],
)
def test_bodies_of_every_kind_become_fields(
    content_type: str | None, body: bytes, pairs: list[tuple[str, str]]
) -> None:
    fields = in_body(request("POST /", body, content_type=content_type), body)
    assert not isinstance(fields, Body)
    assert sorted((".".join(field.keys), field.value) for field in fields) == sorted(pairs)


def test_a_file_keeps_its_name_and_size_and_is_a_value_too() -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="a"; filename="x.txt"\r\n\r\ndelete\r\n--b--\r\n'
    asked = request("POST /", body, content_type="multipart/form-data; boundary=b")
    assert in_body(asked, body) == [Field(("a",), "delete", ("x.txt", 6))]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (FORM, None),
        (FORM, b"a&" * MOST_FIELDS),
        (FORM, b"a;" * MOST_FIELDS),
        (FORM + "; charset=ibm037", b"a=1"),
        (None, b"a=1"),
        ("text/plain", b"a=1"),
        ("application/octet-stream", b"a=1"),
        ("multipart/form-data; boundary=b", b"a=1"),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="_charset_"\r\n\r\nibm037\r\n--b--\r\n',
        ),
        ("application/json", b"{"),
        ("application/json", b'{"a": 1}}'),
        ("application/json", b"{'a': 1}"),
        ("application/json", b"\xff"),
        ("application/json", b"[" * 100_000),
        ("application/json", b'{"a":' * 50 + b"1" + b"}" * 50),
        ("application/json", json.dumps({"a": list(range(MOST_FIELDS + 1))}).encode()),
    ],
)
def test_what_cannot_be_read_is_said_so(content_type: str | None, body: bytes | None) -> None:
    assert in_body(request("POST /", body or b"x", content_type=content_type), body) is Body.UNREADABLE


KINDS = st.sampled_from([FORM, "application/json", "multipart/form-data; boundary=b", "text/plain", None])


@settings(deadline=None)
@given(KINDS, st.binary())
def test_no_body_breaks_the_reading(content_type: str | None, body: bytes) -> None:
    in_body(request("POST /", body, content_type=content_type), body)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (FORM, b"text=" + b"%D1%8F" * 170_000),
        (FORM, b"a;" * 500_000),
        ("application/json", b'{"a":' * 16 + b"[" + b"1," * 400_000 + b"1]" + b"}" * 16),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-data; name=" + b" " * 1_000_000),
        ("multipart/form-data; boundary=b", b"\r\n--b" * 200_000),
    ],
)
def test_a_large_body_is_read_in_time_with_its_size(content_type: str, body: bytes) -> None:
    asked = request("POST /", body, content_type=content_type)
    assert cost(lambda: in_body(asked, body), enough=1) <= 1
