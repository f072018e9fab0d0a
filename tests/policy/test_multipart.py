"""multipart/form-data is read where all parsers agree, and nowhere else."""

from __future__ import annotations

import pytest

from gateway.policy.multipart import MOST_PARTS, Part, parts

TYPE = b"multipart/form-data; boundary=b"
NAMED = b'Content-Disposition: form-data; name="action"'


def body(*heads: bytes, content: bytes = b"delete") -> bytes:
    return b"".join(b"--b\r\n" + head + b"\r\n\r\n" + content + b"\r\n" for head in heads) + b"--b--\r\n"


def test_what_browsers_send_is_read() -> None:
    sent = (
        b"------WebKitFormBoundaryx1\r\n"
        b'Content-Disposition: form-data; name="title"\r\n\r\n'
        b"Caf\xc3\xa9\r\nau lait\r\n"
        b"------WebKitFormBoundaryx1\r\n"
        b'Content-Disposition: form-data; name="file"; filename="a b.pdf"\r\n'
        b"Content-Type: application/pdf\r\n\r\n"
        b"%PDF-1.7\n--\r\n\r\n\r\n"
        b"------WebKitFormBoundaryx1--\r\n"
    )
    assert parts(b"multipart/form-data; boundary=----WebKitFormBoundaryx1", sent) == [
        Part(b"title", b"Caf\xc3\xa9\r\nau lait", None),
        Part(b"file", b"%PDF-1.7\n--\r\n\r\n", b"a b.pdf"),
    ]


@pytest.mark.parametrize(
    ("content_type", "head", "part"),
    [
        (TYPE, NAMED, Part(b"action", b"delete", None)),
        (TYPE, b'content-disposition: FORM-DATA;name="action"', Part(b"action", b"delete", None)),
        (TYPE, NAMED + b'; filename=""', Part(b"action", b"delete", b"")),
        (TYPE, NAMED + b"; filename=\"x\"; filename*=UTF-8''x", Part(b"action", b"delete", b"x")),
        (TYPE, NAMED + b"\r\nContent-Type: text/plain; charset=UTF-8", Part(b"action", b"delete", None)),
        (TYPE, NAMED + b"\r\nContent-Length: 6", Part(b"action", b"delete", None)),
        (b'multipart/form-data; boundary="b"', NAMED, Part(b"action", b"delete", None)),
        (b"Multipart/Form-Data;boundary=b; charset=utf-8", NAMED, Part(b"action", b"delete", None)),
    ],
)
def test_what_other_clients_send_is_read(content_type: bytes, head: bytes, part: Part) -> None:
    assert parts(content_type, body(head)) == [part]


def test_an_empty_form_and_an_empty_value_are_read() -> None:
    assert parts(TYPE, b"--b--\r\n") == []
    assert parts(TYPE, body(NAMED, content=b"")) == [Part(b"action", b"", None)]


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Disposition: form-data; name='action'",
        b"Content-Disposition: form-data; name=action",
        b'Content-Disposition: form-data;\r\n name="action"',
        b'Content-Disposition: form-data; name="x"; name="action"',
        b"Content-Disposition: form-data; name=\"x\"; name*=utf-8''action",
        b'Content-Disposition: form-data; name="x\\"; name="action"',
        b'Content-Disposition: form-data; name="x"; filename="\\"; name="action"',
        b'Content-Disposition: form-data; name="=?utf-8?q?action?="',
        b'Content-Disposition: form-data; filename="x"; name="action"',
        b'Content-Disposition: attachment; name="action"',
        b'Content-Disposition: form-data; name="x"\r\n' + NAMED,
        b'Content-Disposition: form-data; name="x"\n\nX: y\r\n' + NAMED.replace(b"Dis", b"dis"),
        b'X: y\nContent-Disposition: form-data; name="action"',
        b"Content-Disposition : form-data; name=x",
        NAMED + b"\r\nContent-Transfer-Encoding: base64",
        NAMED + b"\r\nContent-Encoding: gzip",
        NAMED + b"\r\nContent-Type: text/plain; charset=utf-7",
        NAMED + b"\r\nContent-Type: text/plain; charset=ibm037",
        NAMED + b"\r\nContent-Type: multipart/mixed; boundary=c",
        NAMED + b"\x00",
        b"X: y",
        b"",
    ],
)
def test_a_part_that_parsers_read_differently_is_not_read(head: bytes) -> None:
    assert parts(TYPE, body(NAMED, head)) is None


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"delete",
        b"--b\n" + NAMED + b"\n\ndelete\n--b--\n",
        b"--b\r\n" + NAMED + b"\r\n\r\ndelete\r\n",
        b"--b\r\n" + NAMED + b"\r\n\r\ndelete",
        b"--b\r\n" + NAMED + b"\r\n\r\ndelete\r\n--b",
        b"--b\r\n" + NAMED + b"\r\n\r\ndelete--b--\r\n",
        b"--b \r\n" + NAMED + b"\r\n\r\ndelete\r\n--b--\r\n",
        b"--bb\r\n" + NAMED + b"\r\n\r\ndelete\r\n--bb--\r\n",
        b"preamble\r\n" + body(NAMED),
        body(NAMED) + b"epilogue",
        body(NAMED) + body(NAMED),
        body(b'Content-Disposition: form-data; name="x"', content=b"y\n--b\n" + NAMED + b"\n\ndelete"),
        b"--b\r\n" + NAMED + b"\r\n--b--\r\n",
    ],
)
def test_a_body_that_parsers_split_differently_is_not_read(sent: bytes) -> None:
    assert parts(TYPE, sent) is None


@pytest.mark.parametrize(
    "content_type",
    [
        b"multipart/form-data",
        b"multipart/form-data; boundary=",
        b"multipart/form-data; boundary=b; boundary=c",
        b"multipart/form-data; boundary=c; boundary=b",
        b"multipart/form-data; boundary*=utf-8''b",
        b"multipart/form-data; boundary='b'",
        b"multipart/form-data; boundary=b c",
        b"multipart/form-data; boundary=b, text/plain",
        b'multipart/form-data; boundary="b',
        b"multipart/form-data; charset=ibm037; boundary=b",
        b"multipart/mixed; boundary=b",
    ],
)
def test_a_boundary_that_is_not_plain_is_not_guessed(content_type: bytes) -> None:
    assert parts(content_type, body(NAMED)) is None


def test_there_is_an_end_to_the_parts_that_are_read() -> None:
    assert parts(TYPE, body(*[NAMED] * MOST_PARTS)) is not None
    assert parts(TYPE, body(*[NAMED] * (MOST_PARTS + 1))) is None
