"""One script into one document: every byte of it, in every coding, however it comes."""

from __future__ import annotations

import gzip
import random
import tracemalloc
import zlib
from collections.abc import Callable, Iterable

import pytest

from gateway.edge.inject import MOST, Injection, asks, fields_for, injection
from gateway.edge.static import CONTENTS, address
from gateway.errors import UpstreamBroken
from gateway.policy.facts import Request
from gateway.policy.headers import Field

TAG = f'<script src="{address("stepup.js")}"></script>'.encode()
HTML = (b"content-type", b"text/html; charset=utf-8")
ORIGIN = "https://wiki.test"
NAVIGATES = ((b"sec-fetch-dest", b"document"),)
PAGE = b"<!doctype html>\n<html><head><title>T\xc3\xafte</title></head><body>" + b"<p>word " * 3000
CODINGS: dict[bytes, tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]] = {
    b"": (bytes, bytes),
    b"gzip": (gzip.compress, gzip.decompress),
    b"x-gzip": (lambda data: gzip.compress(data[:900]) + gzip.compress(data[900:]), gzip.decompress),
    b"deflate": (zlib.compress, zlib.decompress),
    b"Deflate": (lambda data: zlib.compress(data)[2:-4], lambda data: zlib.decompress(data, -15)),
}


def request(headers: Iterable[Field] = NAVIGATES, method: str = "GET") -> Request:
    return Request(method, b"/", b"/", b"", tuple(headers), "wiki.test", "192.0.2.1", "id", 0.0)


def begun(
    *headers: Field, status: int = 200, of: Request | None = None, log: list[str] | None = None
) -> Injection | None:
    said = log if log is not None else []
    return injection(of or request(), status, list(headers), origin=ORIGIN, log=said.append)


def fed(each: Injection | None, pieces: Iterable[bytes]) -> bytes:
    assert each is not None
    return b"".join([*(each.feed(piece, False) for piece in pieces), each.feed(b"", True)])


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


@pytest.mark.parametrize("size", [1, 2, 7, 500, 1 << 20])
@pytest.mark.parametrize("coding", CODINGS)
def test_nothing_but_the_script_is_added_however_it_comes(coding: bytes, size: int) -> None:
    there, back = CODINGS[coding]
    each = begun(HTML, (b"content-encoding", coding))
    assert back(fed(each, cut(there(PAGE), size))) == PAGE.replace(b"<head>", b"<head>" + TAG)


def test_the_last_piece_may_bring_the_end() -> None:
    each = begun(HTML)
    assert each is not None and each.feed(PAGE, True) == PAGE.replace(b"<head>", b"<head>" + TAG)


@pytest.mark.parametrize("coding, kind", [(b"", 0), (b"gzip", 31), (b"deflate", 15), (b"deflate", -15)])
def test_a_slow_page_comes_through_piece_by_piece(coding: bytes, kind: int) -> None:
    """What the app has flushed is there for the browser, before anything follows."""
    squeeze = zlib.compressobj(6, zlib.DEFLATED, kind) if kind else None
    spread = zlib.decompressobj(kind) if kind else None
    each = begun(HTML, (b"content-encoding", coding))
    assert each is not None
    seen = b""
    for piece in (b"<!doctype html><head>", b"<title>a</title>", b"<p>one", b"<p>two"):
        sent = squeeze.compress(piece) + squeeze.flush(zlib.Z_SYNC_FLUSH) if squeeze else piece
        out = each.feed(sent, False)
        seen += spread.decompress(out) if spread else out
        assert seen.endswith(piece) or seen.endswith(TAG)


@pytest.mark.parametrize("coding", CODINGS)
def test_a_document_that_shows_no_place_is_passed_on_as_it_came(coding: bytes) -> None:
    there, _ = CODINGS[coding]
    for text in (b"<!-- " + random.Random(1).randbytes(3 * MOST).hex().encode(), b"<!doctype html><html><!-- ", b""):
        said: list[str] = []
        raw = there(text)
        for size in (1000, 1 << 20):
            each = begun(HTML, (b"content-encoding", coding), log=said)
            assert fed(each, cut(raw, size)) == raw
        assert said == ["left without the script: it shows no place for it"] * 2 if text else True


@pytest.mark.parametrize("coding", [b"", b"gzip"])
def test_no_more_than_the_beginning_is_held_back(coding: bytes) -> None:
    there, _ = CODINGS[coding]
    noise = random.Random(2).randbytes(2 * MOST).hex().encode()
    each = begun(HTML, (b"content-encoding", coding))
    assert each is not None
    came = went = 0
    for piece in cut(there(b"<!-- " + noise), 1000):
        came += len(piece)
        went += len(each.feed(piece, False))
        assert came - went <= MOST
    assert came == went


def test_the_place_begins_within_the_first_64_kib_or_there_is_none() -> None:
    for blank, put in ((MOST - 6, True), (MOST - 5, False)):
        page = b" " * blank + b"<head><title>"
        for size in (1, 4096, 1 << 20):
            assert (TAG in fed(begun(HTML), cut(page, size))) is put


def test_what_swells_to_a_hundred_times_its_size_is_never_there_at_once() -> None:
    bomb = gzip.compress(b"<!doctype html><head>" + bytes(64 << 20))
    plain = zlib.decompressobj(31)
    each = begun(HTML, (b"content-encoding", b"gzip"))
    assert each is not None
    size = 0
    tracemalloc.start()
    for piece in cut(bomb, 16 << 10):
        out = each.feed(piece, False)
        while out:
            size += len(plain.decompress(out, 1 << 16))
            out = plain.unconsumed_tail
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size == 21 + len(TAG) + (64 << 20)
    assert peak < 4 << 20


@pytest.mark.parametrize("coding", [b"gzip", b"deflate"])
def test_what_is_not_in_its_coding_is_left_to_the_browser_or_broken_off(coding: bytes) -> None:
    said: list[str] = []
    raw = b"<!doctype html><head>not compressed at all"
    assert fed(begun(HTML, (b"content-encoding", coding), log=said), cut(raw, 5)) == raw
    assert said == ["left without the script: it is not in its Content-Encoding"]
    each = begun(HTML, (b"content-encoding", coding))
    squeeze = zlib.compressobj(6, zlib.DEFLATED, 31 if coding == b"gzip" else 15)
    assert each is not None
    assert each.feed(squeeze.compress(b"<!doctype html><head>") + squeeze.flush(zlib.Z_SYNC_FLUSH), False)
    with pytest.raises(UpstreamBroken):
        each.feed(b"\xff" * 100, False)


def test_a_stream_that_was_cut_off_stays_one() -> None:
    raw = gzip.compress(PAGE)[:-9]
    out = fed(begun(HTML, (b"content-encoding", b"gzip")), cut(raw, 50))
    plain = zlib.decompressobj(31)
    assert TAG in plain.decompress(out) and not plain.eof


def test_the_fields_no_longer_tell_of_bytes_that_are_gone() -> None:
    each = begun(
        HTML,
        (b"content-length", b"100"),
        (b"accept-ranges", b"bytes"),
        (b"etag", b'"v1"'),
        (b"repr-digest", b"sha-256=:x:"),
        (b"set-cookie", b"a=1"),
        (b"set-cookie", b"b=2"),
        (b"vary", b"Cookie"),
    )
    assert each is not None and each.headers == [
        HTML,
        (b"etag", b'W/"v1"'),
        (b"set-cookie", b"a=1"),
        (b"set-cookie", b"b=2"),
        (b"vary", b"Cookie"),
        (b"vary", b"Sec-Fetch-Dest"),
    ]


@pytest.mark.parametrize(
    "headers, status, said",
    [
        ([HTML], 204, ""),
        ([HTML], 304, ""),
        ([HTML], 206, ""),
        ([HTML], 302, ""),
        ([], 200, ""),
        ([(b"content-type", b"application/json")], 200, ""),
        ([(b"content-type", b"text/html"), (b"content-type", b"text/plain")], 200, ""),
        ([HTML, (b"content-disposition", b"Attachment; filename=a.html")], 200, ""),
        ([(b"content-type", b"application/xhtml+xml")], 200, "it is XHTML"),
        ([(b"content-type", b"text/html; charset=UTF-16LE")], 200, "it is not in an encoding that begins like ASCII"),
        ([HTML, (b"content-encoding", b"br")], 200, "its Content-Encoding is none that was asked for"),
        ([HTML, (b"content-encoding", b"gzip, gzip")], 200, "its Content-Encoding is none that was asked for"),
        ([HTML, (b"content-security-policy", b"sandbox")], 200, "its Content-Security-Policy puts it into a sandbox"),
    ],
)
def test_what_is_no_whole_document_is_left_alone(headers: list[Field], status: int, said: str) -> None:
    log: list[str] = []
    assert begun(*headers, status=status, log=log) is None
    assert log == ([f"left without the script: {said}"] if said else [])
    assert begun(HTML, of=request(method="HEAD")) is None


@pytest.mark.parametrize("status", [200, 201, 401, 404, 500])
def test_a_page_of_any_status_gets_it(status: int) -> None:
    for kind in (b"text/html", b"TEXT/HTML ;charset=iso-8859-1", b"text/html;Charset='koi8-r'"):
        assert begun((b"content-type", kind), status=status) is not None


def test_a_tag_carries_what_the_policy_asks_for() -> None:
    source = address("stepup.js").encode()
    nonce = begun(HTML, (b"content-security-policy", b"script-src 'nonce-abc'"))
    assert fed(nonce, [b"<head>"]) == b'<head><script src="%b" nonce="abc"></script>' % source
    strict = begun(HTML, (b"content-security-policy", b"script-src 'strict-dynamic'"))
    out = fed(strict, [b"<head>"])
    assert strict is not None
    digest = dict(strict.headers)[b"content-security-policy"].split(b"'")[3]
    assert out == b'<head><script src="%b" integrity="%b" crossorigin="anonymous"></script>' % (source, digest)
    assert digest.startswith(b"sha256-") and CONTENTS["stepup.js"]
    own = begun(HTML, (b"content-security-policy", b"default-src 'none'"))
    assert own is not None
    allowed = b"default-src 'none'; script-src https://wiki.test/.gateway/static/stepup.js"
    assert dict(own.headers)[b"content-security-policy"] == allowed


@pytest.mark.parametrize(
    "headers, method, asked",
    [
        ([(b"sec-fetch-dest", b"document")], "GET", True),
        ([(b"sec-fetch-dest", b"document")], "POST", True),
        ([(b"sec-fetch-dest", b"iframe")], "GET", True),
        ([(b"sec-fetch-dest", b"frame")], "GET", True),
        ([(b"sec-fetch-dest", b"object")], "GET", True),
        ([(b"sec-fetch-dest", b"empty"), (b"accept", b"text/html")], "GET", False),
        ([(b"sec-fetch-dest", b"image")], "GET", False),
        ([(b"accept", b"text/html,*/*")], "GET", True),
        ([(b"accept", b"text/html,*/*"), (b"x-requested-with", b"XMLHttpRequest")], "GET", False),
        ([(b"accept", b"*/*")], "GET", False),
        ([], "GET", False),
        ([(b"sec-fetch-dest", b"document")], "HEAD", False),
        ([(b"accept", b"text/html")], "PUT", False),
    ],
)
def test_only_what_a_browser_shows_is_asked_for(headers: list[Field], method: str, asked: bool) -> None:
    assert asks(request(headers, method)) is asked


def test_a_fragment_that_somebody_asked_for_as_text_stays_one() -> None:
    legacy = request([(b"accept", b"text/html")])
    assert fed(begun(HTML, of=legacy), [b"<li>one</li>"]) == b"<li>one</li>"
    assert fed(begun(HTML), [b"<li>one</li>"]) == TAG + b"<li>one</li>"


@pytest.mark.parametrize(
    "accepted, sent",
    [
        ([b"gzip, deflate, br, zstd"], b"gzip, deflate"),
        ([b"br"], b"identity"),
        ([b"br", b"GZIP;q=0.5"], b"gzip"),
        ([b"gzip;q=0, deflate;q=0.000"], b"identity"),
        ([b"*"], b"gzip, deflate"),
        ([b"*;q=0"], b"identity"),
        ([b"gzip;q=0, *"], b"deflate"),
        ([b""], b"identity"),
        ([], None),
    ],
)
def test_the_app_is_asked_for_codings_that_both_of_us_read(accepted: list[bytes], sent: bytes | None) -> None:
    headers = [(b"accept", b"text/html"), *((b"accept-encoding", each) for each in accepted)]
    assert fields_for(headers) == [(b"accept", b"text/html"), *([(b"accept-encoding", sent)] if sent else [])]


def test_the_app_is_asked_for_the_whole_document() -> None:
    dropped = (b"range", b"if-range", b"if-none-match", b"if-modified-since")
    assert fields_for([(name, b"x") for name in (*dropped, b"if-match", b"cookie")]) == [
        (b"if-match", b"x"),
        (b"cookie", b"x"),
    ]
