"""multipart/form-data (RFC 7578), read only where every parser reads it alike.

Parsers differ in what they forgive: single quotes, folded headers, bare line feeds, a second name, a missing end. None
of it is sent by browsers, and what one parser forgives another reads as something else. So nothing is forgiven here:
what is not plain cannot be read, and what cannot be read is a match.
"""

from __future__ import annotations

import re
from typing import NamedTuple

MOST_PARTS = 1000

_CHARSET = rb'(?:; ?charset="?(?:utf-8|us-ascii|iso-8859-1|windows-1252)"?)?'
_BOUNDARY = re.compile(
    rb"multipart/form-data%b; ?boundary=(\"?)([A-Za-z0-9()+_./:=?-]{1,70})\1%b" % (_CHARSET, _CHARSET), re.IGNORECASE
)
_FIELD = re.compile(rb"([A-Za-z0-9-]+):[ \t]*([^\r\n\x00]*)")
_DISPOSITION = re.compile(
    rb'form-data; ?name="([^"\\]*)"(?:; ?filename="([^"]*)")?(?:; ?filename\*=[A-Za-z0-9-]+\'[A-Za-z-]*\'[^\s";]+)?;?',
    re.IGNORECASE,
)
_PLAIN_TYPE = re.compile(
    rb"(?!multipart/)[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+%b" % _CHARSET,
    re.IGNORECASE,
)


class Part(NamedTuple):
    """One field. `filename` is None where it is none of a file."""

    name: bytes
    content: bytes
    filename: bytes | None


def parts(content_type: bytes, body: bytes) -> list[Part] | None:
    """All parts of `body`, or None if parsers might differ about any of them."""
    found = _BOUNDARY.fullmatch(content_type)
    if found is None:
        return None
    delimiter = b"--" + found[2]
    pieces = (b"\r\n" + body).split(b"\r\n" + delimiter)
    middle, last = pieces[1:-1], pieces[-1]
    if pieces[0] or last not in {b"--", b"--\r\n"} or len(middle) > MOST_PARTS:
        return None
    if body.count(delimiter) != len(pieces) - 1:
        return None  # it stands in a line too, where some parsers look for it
    read = [_part(piece) for piece in middle]
    whole = [part for part in read if part is not None]
    return whole if len(whole) == len(read) else None


def _part(piece: bytes) -> Part | None:
    head, blank, content = piece.partition(b"\r\n\r\n")
    if not blank or not head.startswith(b"\r\n"):
        return None
    fields: dict[bytes, bytes] = {}
    for line in head[2:].split(b"\r\n"):
        field = _FIELD.fullmatch(line)
        if field is None or field[1].lower() in fields:
            return None
        fields[field[1].lower()] = field[2].strip(b" \t")
    said = _DISPOSITION.fullmatch(fields.get(b"content-disposition", b""))
    coded = fields.keys() & {b"content-transfer-encoding", b"content-encoding"}
    if (
        said is None
        or coded
        or b"=?" in said[1]
        or not _PLAIN_TYPE.fullmatch(fields.get(b"content-type", b"text/plain"))
    ):
        return None
    if said[2] is not None and b'\\"' in said[0]:
        return None  # where the name of the file ends depends on who reads it
    return Part(said[1], content, said[2])
