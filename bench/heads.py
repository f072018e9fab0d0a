"""Requests for wrk as Lua scripts: heads as browsers send them, many cookies in turn, a body to upload."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

AGENTS = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1",
]
PAGES = ["/notes/1", "/notes/2?sort=title", "/reports/2026/11/overview", "/static/app-3f9c2b.css", "/api/items?page=7"]
ACCEPTS = ["text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8", "*/*"]

ROTATING = """
local heads = {{ {heads} }}
local requests, number = {{}}, 0
function init(args)
    for each, head in ipairs(heads) do requests[each] = wrk.format({method}, head.path, head.headers, {body}) end
end
function request()
    number = number % #requests + 1
    return requests[number]
end
"""

UPLOAD = 'wrk.method = "POST"\nwrk.body = string.rep("x", {size})\n'


Head = tuple[str, Mapping[str, str]]
"""A path and header fields."""


def rotating(file: Path, heads: Sequence[Head], form: str | None = None) -> Path:
    """One after the other, over all connections: with an odd number of them each connection sends all.

    They are POSTs of that form, if there is one.
    """
    method, body = ('"GET"', "nil") if form is None else ('"POST"', json.dumps(form))
    file.write_text(ROTATING.format(heads=",\n".join(map(_lua, heads)), method=method, body=body))
    return file


def uploading(file: Path, size: int) -> Path:
    file.write_text(UPLOAD.format(size=size))
    return file


def browsers(host: str, cookie: str, count: int) -> list[Head]:
    """So many different heads of 15 fields and about 900 bytes each."""
    return [(PAGES[number % len(PAGES)], _browser(number, host, cookie)) for number in range(count)]


def _browser(number: int, host: str, cookie: str) -> dict[str, str]:
    document = number % 2 == 0
    visits = (
        f"_pk_id.1.1fff={number:016x}.1700000000.; _pk_ses.1.1fff=1; consent=necessary%2Cstatistics; uid={'u' * 60}"
    )
    cookies = f"theme=dark; _ga=GA1.1.{1234567890 + number}.1700000000; csrf={'c' * 32}; {cookie}; {visits}"
    return {
        "Host": host,
        "User-Agent": AGENTS[number % len(AGENTS)],
        "Accept": ACCEPTS[number % 2],
        "Accept-Language": "en-GB,en;q=0.7,de;q=0.3",
        "Accept-Encoding": "gzip, deflate, br, zstd",
        "Referer": f"http://{host}{PAGES[(number + 1) % len(PAGES)]}",
        "Cookie": cookies,
        "Cache-Control": "max-age=0",
        "Sec-Ch-Ua": '"Chromium";v="131", "Not_A Brand";v="24"',
        "Sec-Ch-Ua-Platform": '"Linux"',
        "Sec-Fetch-Dest": "document" if document else "empty",
        "Sec-Fetch-Mode": "navigate" if document else "cors",
        "Sec-Fetch-Site": "same-origin",
        "Priority": "u=0, i",
        "If-None-Match": f'W/"{number:032x}"',
    }


def _lua(head: Head) -> str:
    path, headers = head
    fields = ", ".join(f"[{json.dumps(name)}] = {json.dumps(value)}" for name, value in headers.items())
    return f"{{ path = {json.dumps(path)}, headers = {{ {fields} }} }}"
