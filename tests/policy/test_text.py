"""Bytes are read as the most forgiving server reads them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.policy.text import fold, text, unquoted, unwidened


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        (b"plain", "plain"),
        ("café".encode(), "café"),
        (b"caf\xe9", "café"),
        (b"\xc0\xae", "."),
        (b"\xc0\xaf", "/"),
        (b"\xc1\x9c", "\\"),
        (b"\xc1\xa1dmin", "admin"),
        (b"\xe0\x80\xaf", "/"),
        (b"\xf0\x80\x80\xae", "."),
        (b"\xff\xfe", "ÿþ"),
    ],
)
def test_overlong_and_stray_bytes_are_read_all_the_same(raw: bytes, read: str) -> None:
    assert text(raw) == read


@pytest.mark.parametrize(
    ("raw", "once"),
    [(b"%61", b"a"), (b"%2561", b"%61"), (b"%fF", b"\xff"), (b"100%", b"100%"), (b"%zz%4", b"%zz%4"), (b"%%34", b"%4")],
)
def test_percent_signs_are_decoded_once_and_a_broken_one_stays(raw: bytes, once: bytes) -> None:
    assert unquoted(raw) == once


def test_wide_escapes_are_those_of_classic_asp() -> None:
    assert unwidened(b"%u0061dmin%U002f%uFF0F%u12") == "admin/／%u12".encode()
    assert unwidened(b"%ud800") == b"?"


@pytest.mark.parametrize("said", ["ADMIN", "ａｄｍｉｎ", "admın", "ADMİN", "ⓐdmin"])
def test_letters_that_look_alike_are_alike(said: str) -> None:
    assert fold(said) == "admin"


@settings(deadline=None)
@given(st.binary())
def test_there_is_no_byte_that_cannot_be_read(raw: bytes) -> None:
    fold(text(unquoted(unwidened(raw)))).encode()
