"""Forms as browsers send them: the fields of a query or a body, and uploaded files byte for byte."""

from __future__ import annotations

from email.message import Message
from email.parser import BytesHeaderParser
from typing import NamedTuple
from urllib.parse import parse_qsl


class File(NamedTuple):
    field: str
    name: str
    content: bytes


class Form(NamedTuple):
    """Of fields of the same name the last one stands."""

    fields: dict[str, str]
    files: list[File]


def read(body: bytes, content_type: str) -> Form:
    """application/x-www-form-urlencoded, or multipart/form-data (RFC 7578)."""
    if content_type.startswith("multipart/form-data"):
        return _multipart(body, content_type)
    return Form(dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)), [])


def _multipart(body: bytes, content_type: str) -> Form:
    kind = Message()
    kind["Content-Type"] = content_type
    boundary = b"\r\n--" + (kind.get_boundary() or "").encode("latin-1")
    form = Form({}, [])
    for part in (b"\r\n" + body).split(boundary)[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        about = BytesHeaderParser().parsebytes(head.removeprefix(b"\r\n"))
        name = str(about.get_param("name", "", "content-disposition"))
        file_name = about.get_filename()
        if file_name is None:
            form.fields[name] = content.decode("utf-8", "replace")
        else:
            form.files.append(File(name, file_name, content))
    return form
