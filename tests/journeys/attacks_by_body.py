"""Every way to say `action=delete` in a body, of which some app understands each."""

from __future__ import annotations

from collections.abc import Iterator

from tests.journeys.attack import CHUNKS, FORM, Case, Must, chunked, message

# params: what else says action=delete


def multipart(part: bytes, *, boundary: str = "b") -> tuple[str, bytes]:
    return f"Content-Type: multipart/form-data; boundary={boundary}", part


FIELD = b'Content-Disposition: form-data; name="action"\r\n\r\ndelete'

BODIES: dict[str, tuple[str, bytes]] = {
    "plain": (FORM, b"id=7&action=delete"),
    "the last of two": (FORM, b"action=view&action=delete"),
    "the first of two": (FORM, b"action=delete&action=view"),
    "in capitals": (FORM, b"ACTION=DELETE"),
    "the value encoded": (FORM, b"action=d%65lete"),
    "the name encoded": (FORM, b"%61ction=delete"),
    "a plus before the name": (FORM, b"+action=delete"),
    "an encoded space before the name": (FORM, b"%20action=delete"),
    "a NUL after the name": (FORM, b"action%00x=delete"),
    "a list": (FORM, b"action[]=delete"),
    "a list, encoded": (FORM, b"action%5B%5D=delete"),
    "a dictionary": (FORM, b"action[0]=delete"),
    "a space after the value": (FORM, b"action=delete+"),
    "a NUL after the value": (FORM, b"action=delete%00.txt"),
    "a line break after the value": (FORM, b"action=delete%0d%0a"),
    "semicolons between": (FORM, b"id=7;action=delete"),
    "a letter of classic ASP": (FORM, b"%u0061ction=delete"),
    "fullwidth letters": (FORM, b"action=%EF%BD%84elete"),
    "the type in capitals": (FORM.upper(), b"action=delete"),
    "a character set": (FORM + "; charset=utf-8", b"action=delete"),
    "another character set": (FORM + "; charset=utf-16", "action=delete".encode("utf-16")),
    "the letters of a mainframe": (FORM + "; charset=ibm037", "action=delete".encode("cp037")),
    "no type": ("X-A: b", b"action=delete"),
    "a type that is not a form": ("Content-Type: text/plain", b"action=delete"),
    "two types": (FORM + "\r\nContent-Type: text/plain", b"action=delete"),
    "compressed": (FORM + "\r\nContent-Encoding: gzip", b"\x1f\x8b\x08\x00\x00\x00"),
    "compressed, says an odd field name": (FORM + "\r\nContent_Encoding: gzip", b"\x1f\x8b\x08\x00\x00\x00"),
    "JSON": ("Content-Type: application/json", b'{"action":"delete"}'),
    "JSON that says it twice": ("Content-Type: application/json", b'{"action":"view","action":"delete"}'),
    "JSON with an escaped name": ("Content-Type: application/json", b'{"\\u0061ction":"delete"}'),
    "JSON that is none": ("Content-Type: application/json", b'{"action":"del'),
    "JSON too deep": ("Content-Type: application/json", b"[" * 500 + b"]" * 500),
    "after a lot of padding": (FORM, b"pad=" + b"A" * 90_000 + b"&action=delete"),
    "after more fields than anybody counts": (FORM, b"&".join(b"a=%d" % n for n in range(6000)) + b"&action=delete"),
    "more than may be kept": (FORM, b"pad=" + b"A" * (1 << 20) + b"&action=delete"),
    "multipart": multipart(b"--b\r\n" + FIELD + b"\r\n--b--\r\n"),
    "multipart, single quotes": multipart(b"--b\r\n" + FIELD.replace(b'"', b"'") + b"\r\n--b--\r\n"),
    "multipart, no quotes": multipart(b"--b\r\n" + FIELD.replace(b'"', b"") + b"\r\n--b--\r\n"),
    "multipart, a folded line": multipart(b"--b\r\n" + FIELD.replace(b"; ", b";\r\n ") + b"\r\n--b--\r\n"),
    "multipart, bare line feeds": multipart((b"--b\r\n" + FIELD + b"\r\n--b--\r\n").replace(b"\r\n", b"\n")),
    "multipart, without its end": multipart(b"--b\r\n" + FIELD),
    "multipart, two names": multipart(b"--b\r\n" + FIELD.replace(b"name=", b'name="x"; name=') + b"\r\n--b--\r\n"),
    "multipart, a file of that name": multipart(
        b"--b\r\n" + FIELD.replace(b'"action"', b'"action"; filename=""') + b"\r\n--b--\r\n"
    ),
    "multipart, another boundary than it says": multipart(b"--b\r\n" + FIELD + b"\r\n--b--\r\n", boundary="c"),
    "multipart, two boundaries": multipart(b"--b\r\n" + FIELD + b"\r\n--b--\r\n", boundary="c; boundary=b"),
    "multipart, a preamble": multipart(b"x\r\n--b\r\n" + FIELD + b"\r\n--b--\r\n"),
    "multipart, base64": multipart(
        b"--b\r\nContent-Transfer-Encoding: base64\r\n" + FIELD.replace(b"delete", b"ZGVsZXRl") + b"\r\n--b--\r\n"
    ),
}

INNOCENT: dict[str, tuple[str, bytes]] = {
    "another action": (FORM, b"action=view&id=7"),
    "the word in another field": (FORM, b"comment=action%3Ddelete"),
    "the word goes on": (FORM, b"action=deleted"),
    "an empty action": (FORM, b"action="),
    "JSON with another action": ("Content-Type: application/json", b'{"action":"view","text":"delete"}'),
    "multipart with another action": multipart(b"--b\r\n" + FIELD.replace(b"delete", b"view") + b"\r\n--b--\r\n"),
    "bytes that are no text": (FORM, b"action=view&note=\xff\xfe%00"),
}


def cases() -> Iterator[Case]:
    for name, (kind, body) in BODIES.items():
        yield Case(f"params: {name}", Must.ASK, message("POST /index.php?action=view", kind, body=body))
        pieces = [body[:1], body[1:7], body[7:]] if len(body) < 5000 else [body]
        framed = message("POST /index.php", kind, CHUNKS, body=chunked(*(piece for piece in pieces if piece)))
        yield Case(f"params: {name}, in chunks", Must.ASK, framed)
    for name, (kind, body) in INNOCENT.items():
        arrives = (("POST", "/index.php", body),)
        yield Case(f"params: {name}", Must.PASS, message("POST /index.php", kind, body=body), arrives)
        split = message("POST /index.php", kind, CHUNKS, body=chunked(body[:3], body[3:]))
        yield Case(f"params: {name}, in chunks", Must.PASS, split, arrives)
