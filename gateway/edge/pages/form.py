"""What a form of ours says. Small and urlencoded: nothing else is read, and nothing is kept on a disk."""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.requests import Request

LARGEST = 64 << 10
"""Bytes; `hosted` lets no more through. A passkey's answer is the largest, of a few thousand."""

MOST = 64
TYPE = "application/x-www-form-urlencoded"


async def fields(request: Request) -> dict[str, str]:
    """Each field once, the last of its name; none at all of a form that is not like ours."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != TYPE:
        return {}
    try:
        said = parse_qsl((await request.body()).decode("latin-1"), keep_blank_values=True, max_num_fields=MOST)
    except ValueError:
        return {}
    return dict(said)
