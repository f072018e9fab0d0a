"""Where in a document the script goes: row by row, and whole or byte by byte alike."""

from __future__ import annotations

import pytest

from gateway.edge.document import Place

FOUND = [
    # "|" is where the script goes
    b"<head>|<title>t</title>",
    b"<!doctype html><html><head>|</head>",
    b"\xef\xbb\xbf<!DOCTYPE html>\r\n<HTML LANG=en>\n<HEAD\n>|\n<TITLE>",
    b"<!doctype html><head/>|<p>",
    b"<!doctype html><html><!-- a <head> in a comment --><head>|",
    b"<!-- <!doctype html> -- > --><!doctype html><head>|",
    b"<!--><!doctype html><head>|",
    b"<!---><!doctype html><head>|",
    b"<!-- a --!><!doctype html><head>|",
    b"<!--!> <head> --><head>|",
    b"<?xml version='1.0'?><!DOCTYPE html PUBLIC '-//W3C//DTD XHTML 1.0 Strict//EN' 'http://x'><html xmlns='a'><head>|",
    b"<!doctype html></p title='>'><head>|",
    b"</><!doctype html><head>|",
    b"<!doctype html><head a='>' b=\">\" c=> |<p>".replace(b"c=> |", b"c=>| "),
    b"<head prefix='og: http://ogp.me/ns# a>b' data-x>|",
    b"<head a = '>' b= >|<p>",
    b"<head a=b'c>|'>",
    b'<head a"b>|">',
    b'<head ="a>|">',
    b'<head a=="b>|">',
    b"<head a=/>|",
    b"<html a='<head>'><head>|",
    # no head: before what stands there
    b"<!doctype html>|<header>x</header>",
    b"<!doctype html>\n|<title><head></title>",
    b"<!doctype html>|<script>'<head>'</script>",
    b"<!doctype html>|<headless><head>",
    b"<html>|<body><head>",
    b"<html>\n|<frameset>",
    b"<html>|text",
    b"<!doctype html>|< head>",
    b"<!doctype html>|&lt;",
    b"|<title>t</title><p>",
    b"|<meta charset=utf-8>",
    b" \n<!-- c -->|<body class=a>",
    b"|<LINK rel=a>",
]
NEVER = [
    b"<p>a fragment that a script asked for</p>",
    b"<header><head>",
    b"hello <head>",
    b'{"a": "<head>"}',
    b"<!-- c --><div><html><head>",
    b"\xff\xfe<\x00h\x00",
    b"\xfe\xff\x00<\x00h",
]
NOT_YET = [
    b"",
    b" \n",
    b"\xef\xbb",
    b"\xff",
    b"<",
    b"<!",
    b"<!-",
    b"<!-- never ends <head>",
    b"<!--!><head>",
    b"<!doctype html",
    b"<!doctype html><he",
    b"<!doctype html><head",
    b"<head a='>",
    b'<head a=">',
    b"<head a=",
    b"<html a='><head>",
    b"</p a='><head>",
]
CERTAIN = [b"|<p>a document without anything", b"  |hello <head>", b"<!-- c -->|<div><html><head>", b"|\x00<head>"]


def looked_for(data: bytes, *, certain: bool = False, step: int | None = None) -> tuple[int | None, bool]:
    """The place, looked for each time `step` more bytes have come; and whether there is none."""
    place = Place(certain=certain)
    for end in range(step or len(data), len(data) + (step or 1), step or 1):
        found = place.find(data[:end])
        if found is not None or place.never:
            return found, place.never
    return None, place.never


@pytest.mark.parametrize("step", [None, 1, 3], ids=["whole", "by one", "by three"])
@pytest.mark.parametrize("row", FOUND)
def test_the_script_comes_first_in_the_head(row: bytes, step: int | None) -> None:
    for certain in (True, False):
        assert looked_for(row.replace(b"|", b""), certain=certain, step=step) == (row.index(b"|"), False)


@pytest.mark.parametrize("step", [None, 1], ids=["whole", "by one"])
@pytest.mark.parametrize("row", NEVER)
def test_what_does_not_look_like_a_document_is_none(row: bytes, step: int | None) -> None:
    assert looked_for(row, step=step) == (None, True)


@pytest.mark.parametrize("step", [None, 1], ids=["whole", "by one"])
@pytest.mark.parametrize("row", CERTAIN)
def test_but_a_browser_that_shows_it_knows(row: bytes, step: int | None) -> None:
    assert looked_for(row.replace(b"|", b""), certain=True, step=step) == (row.index(b"|"), False)


@pytest.mark.parametrize("row", NEVER[-2:])
def test_wide_characters_are_never_written_between(row: bytes) -> None:
    assert looked_for(row, certain=True) == (None, True)


@pytest.mark.parametrize("row", NOT_YET)
def test_what_is_not_over_is_waited_for(row: bytes) -> None:
    assert looked_for(row) == (None, False)


def test_looking_takes_no_longer_than_there_is_to_look_at() -> None:
    """Not one of these makes the expression for a tag try again and again."""
    for row in (b"<head " + b"a=" * 30000, b"<head " + b"a='" * 30000, b"<head " + b"/ =" * 20000, b"<" * 65536):
        looked_for(b"<!doctype html>" + row)
