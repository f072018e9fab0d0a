"""The few files that pages load: read at start, under fixed names, cached for a year by a hash of what is in them."""

from __future__ import annotations

import hashlib
from pathlib import Path

from gateway.edge.answers import Send, text
from gateway.policy.facts import Request

FOLDER = Path(__file__).parent / "static"
PREFIX = "/.gateway/static/"

TYPES = {
    "style.css": b"text/css; charset=utf-8",
    "icon.svg": b"image/svg+xml",
    "page.js": b"text/javascript; charset=utf-8",
    "passkey.js": b"text/javascript; charset=utf-8",
    "codes.js": b"text/javascript; charset=utf-8",
    "stepup.js": b"text/javascript; charset=utf-8",
    "popup.js": b"text/javascript; charset=utf-8",
}
CONTENTS = {name: (FOLDER / name).read_bytes() for name in TYPES}


def address(name: str) -> str:
    """Where a page finds that file; another content has another address."""
    digest = hashlib.sha256(CONTENTS[name]).hexdigest()
    return f"{PREFIX}{name}?v={digest[:12]}"


async def serve(request: Request, send: Send) -> None:
    """Answer for `PREFIX` and a name."""
    name = request.path.decode("latin-1").removeprefix(PREFIX)
    if name not in CONTENTS:
        await text(send, 404, "not found")
    elif request.method not in ("GET", "HEAD"):
        await text(send, 405, "method not allowed")
    else:
        content = CONTENTS[name]
        headers = [
            (b"content-type", TYPES[name]),
            (b"content-length", str(len(content)).encode()),
            (b"cache-control", b"public, max-age=31536000, immutable"),
            (b"x-content-type-options", b"nosniff"),
            (b"cross-origin-resource-policy", b"same-origin"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else content})
