"""Where one request ends and the next begins."""

from __future__ import annotations

from collections.abc import Iterator

from tests.journeys.attack import CHUNKS, FORM, Case, Must, chunked, message

# framing: where one request ends and the next begins


SMUGGLED = b"GET /admin/x HTTP/1.1\r\nHost: localhost\r\nX-Smuggled: 1\r\n\r\n"

FRAMING = {
    "a length and chunks": (Must.BAD, message("POST /notes", "Content-Length: 4", CHUNKS, body=chunked(b"hello"))),
    "chunks and a length": (
        Must.BAD,
        message("POST /notes", CHUNKS, "Content-Length: 5", body=b"0\r\n\r\n" + SMUGGLED),
    ),
    "a coding that is none": (Must.BAD, message("POST /notes", "Transfer-Encoding: identity", body=b"hello")),
    "chunks inside something else": (
        Must.BAD,
        message("POST /notes", "Transfer-Encoding: gzip, chunked", body=chunked(b"x")),
    ),
    "chunks, and then something else": (
        Must.BAD,
        message("POST /notes", "Transfer-Encoding: chunked, identity", body=chunked(b"x")),
    ),
    "chunks twice": (Must.BAD, message("POST /notes", CHUNKS, CHUNKS, body=chunked(b"x"))),
    "chunks with a space": (
        Must.BAD,
        message("POST /notes", "Transfer-Encoding : chunked", body=b"0\r\n\r\n" + SMUGGLED),
    ),
    "chunks with a letter too many": (
        Must.BAD,
        message("POST /notes", "Transfer-Encoding: xchunked", body=chunked(b"x")),
    ),
    "chunks in HTTP/1.0": (Must.BAD, message("POST /notes", CHUNKS, body=chunked(b"x"), version="HTTP/1.0")),
    "two lengths": (Must.BAD, message("POST /notes", "Content-Length: 5", "Content-Length: 6", body=b"hello!")),
    "a list of lengths": (Must.BAD, message("POST /notes", "Content-Length: 5, 5", body=b"hello")),
    "a length in hex": (Must.BAD, message("POST /notes", "Content-Length: 0x5", body=b"hello")),
    "a length with a sign": (Must.BAD, message("POST /notes", "Content-Length: +5", body=b"hello")),
    "a length below nothing": (Must.BAD, message("POST /notes", "Content-Length: -5", body=b"hello")),
    "a length with an underscore": (Must.BAD, message("POST /notes", "Content-Length: 1_0", body=b"hellohello")),
    "an empty length": (Must.BAD, message("POST /notes", "Content-Length: ", body=b"hello")),
    "an endless length": (Must.BAD, message("POST /notes", "Content-Length: 99999999999999999999999", body=b"hello")),
    "a chunk size in hex": (Must.BAD, message("POST /notes", CHUNKS, body=b"0x5\r\nhello\r\n0\r\n\r\n")),
    "a chunk size with an underscore": (Must.BAD, message("POST /notes", CHUNKS, body=b"0_5\r\nhello\r\n0\r\n\r\n")),
    "a chunk size below nothing": (Must.BAD, message("POST /notes", CHUNKS, body=b"-5\r\nhello\r\n0\r\n\r\n")),
    "a chunk that is longer": (Must.BAD, message("POST /notes", CHUNKS, body=b"4\r\nhello\r\n0\r\n\r\n")),
    "a chunk without its end": (Must.BAD, message("POST /notes", CHUNKS, body=b"5\r\nhello0\r\n\r\n")),
    "a bare line feed after a size": (Must.BAD, message("POST /notes", CHUNKS, body=b"5;x\nhello\r\n0\r\n\r\n")),
    "no last chunk": (Must.CLOSE, message("POST /notes", CHUNKS, body=b"5\r\nhello\r\n")),
    "less body than announced": (Must.CLOSE, message("POST /notes", "Content-Length: 50", body=b"hello")),
    "less of a form than announced": (
        Must.CLOSE,
        message("POST /index.php", FORM, "Content-Length: 50", body=b"action=view"),
    ),
    "less of a sensitive body": (
        Must.CLOSE,
        message("POST /account/email", FORM, "Content-Length: 50", body=b"email=a"),
    ),
    "a folded field": (Must.BAD, message("GET /notes", "X-A: b\r\n X-Auth-User: mallory")),
    "a bare line feed": (Must.BAD, message("GET /notes", "X-A: b\nX-Auth-User: mallory")),
    "a bare carriage return": (Must.BAD, message("GET /notes", "X-A: b\rX-Auth-User: mallory")),
    "a NUL in a value": (Must.BAD, message("GET /notes", "X-A: b\0c")),
    "a space before the colon": (Must.BAD, message("GET /notes", "X-A : b")),
    "a name that is none": (Must.BAD, message("GET /notes", "X A: b")),
    "no colon": (Must.BAD, message("GET /notes", "X-A")),
}


def cases() -> Iterator[Case]:
    """One answer for one request, and each request decided by itself."""
    for name, (must, raw) in FRAMING.items():
        yield Case(f"framing: {name}", must, raw)
    first = (("GET", "/notes", b""),)
    yield Case("framing: one after another", Must.ASK, message("GET /notes") + message("GET /admin/x"), first)
    for method in ("POST", "GET"):
        raw, arrives = message(f"{method} /notes", body=SMUGGLED), ((method, "/notes", SMUGGLED),)
        yield Case(f"framing: {method} with a body that is a request", Must.PASS, raw, arrives)
    upgrade = message("GET /notes", "Connection: Upgrade", "Upgrade: tls/1.0") + message("GET /admin/x")
    yield Case("framing: behind another protocol", Must.PASS, upgrade, first)
    framed = message("POST /notes", "Connection: Upgrade", "Upgrade: h2c", body=SMUGGLED)
    yield Case("framing: a body behind another protocol", Must.BAD, framed)
    yield Case("framing: a head without end", Must.CLOSE, message("GET /notes", "X-A: " + "b" * 400_000))
