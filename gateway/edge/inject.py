"""One script put into an app's HTML documents, while they stream by.

Rules of the file:
- Only what a browser shows as a document is touched: an answer that a script asked for is data.
- The script comes first of all scripts of the document, because it has to be there before they keep a `fetch` of their
  own; and what does not show where that is within its first MOST bytes is passed on as it came.
- No more is held back than that, in any coding: what is decompressed is compressed again piece by piece.
"""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from collections.abc import Callable, Iterator, Sequence

from gateway.edge.csp import Admitted, Script, admit
from gateway.edge.document import Place
from gateway.edge.static import CONTENTS, PREFIX, address
from gateway.errors import UpstreamBroken
from gateway.policy.facts import Request
from gateway.policy.headers import Field

Log = Callable[[str], None]

SCRIPT = "stepup.js"
SOURCE = address(SCRIPT).encode()
HASH = b"sha256-" + base64.b64encode(hashlib.sha256(CONTENTS[SCRIPT]).digest())
MOST = 64 << 10
"""Bytes of a document, decompressed, in which the place must begin."""

PIECE = 64 << 10
LEVEL = 4

DOCUMENTS = frozenset({b"document", b"iframe", b"frame", b"object", b"embed"})
CODINGS = {b"gzip": "gzip", b"x-gzip": "gzip", b"deflate": "deflate", b"identity": "", b"": ""}
WITHOUT = frozenset({204, 205, 206, 304})
DROPPED = frozenset({b"content-length", b"accept-ranges", b"content-md5", b"digest", b"content-digest", b"repr-digest"})
"""They tell of the bytes as the app sent them."""

NOT_ASKED = frozenset({b"range", b"if-range", b"if-none-match", b"if-modified-since"})
"""A part of a document, or a copy that a browser kept from before there was a script in it, cannot be used."""

_CHARSET = re.compile(rb"charset\s*=\s*[\"']?\s*([^\s;\"']+)", re.IGNORECASE)
_WIDE = (b"utf-16", b"utf16", b"ucs-2", b"unicode", b"iso-10646-ucs-2", b"csunicode", b"utf-32")


def asks(request: Request) -> bool:
    """Whether its answer may be a document: by Fetch Metadata, and where a browser sends none, as `navigates` does."""
    if request.method not in ("GET", "POST"):
        return False
    wanted = request.header(b"sec-fetch-dest")
    if wanted is not None:
        return wanted in DOCUMENTS
    return b"text/html" in (request.header(b"accept") or b"") and request.header(b"x-requested-with") is None


def fields_for(headers: Sequence[Field]) -> list[Field]:
    """The fields of a request for a document, so that its answer comes whole and in a coding we read."""
    kept = [field for field in headers if field[0] not in NOT_ASKED and field[0] != b"accept-encoding"]
    accepted = [value for name, value in headers if name == b"accept-encoding"]
    if accepted:
        kept.append((b"accept-encoding", _readable(b",".join(accepted))))
    return kept


def _readable(accepted: bytes) -> bytes:
    weights: dict[bytes, bool] = {}
    for each in accepted.lower().split(b","):
        coding, _, parameter = each.partition(b";")
        refused = re.fullmatch(rb"\s*q\s*=\s*0(\.0*)?\s*", parameter) is not None
        weights[coding.strip()] = not refused
    usable = [coding for coding in (b"gzip", b"deflate") if weights.get(coding, weights.get(b"*", False))]
    return b", ".join(usable) or b"identity"


def injection(request: Request, status: int, headers: Sequence[Field], *, origin: str, log: Log) -> Injection | None:
    """What rewrites that answer; None leaves it alone. `headers` are those for the client, `origin` is the app's."""
    kind, _, parameters = _only(headers, b"content-type").partition(b";")
    kind = kind.strip().lower()
    if request.method == "HEAD" or status in WITHOUT or status < 200 or 300 <= status < 400:
        return None
    if _only(headers, b"content-disposition").lower().lstrip().startswith(b"attachment"):
        return None
    if kind != b"text/html":
        if kind == b"application/xhtml+xml":
            log("left without the script: it is XHTML")
        return None
    charset = _CHARSET.search(parameters)
    if charset is not None and charset[1].lower().startswith(_WIDE):
        log("left without the script: it is not in an encoding that begins like ASCII")
        return None
    coding = CODINGS.get(_only(headers, b"content-encoding").strip().lower())
    if coding is None:
        log("left without the script: its Content-Encoding is none that was asked for")
        return None
    admitted = admit(headers, Script(origin.encode(), f"{PREFIX}{SCRIPT}".encode(), HASH))
    if isinstance(admitted, str):
        log(f"left without the script: {admitted}")
        return None
    place = Place(certain=request.header(b"sec-fetch-dest") is not None)
    return Injection([*_corrected(admitted.headers)], tag(admitted), coding, place, log)


def tag(admitted: Admitted) -> bytes:
    """The script's element. No end tag may be left out, and no attribute that a policy asks for."""
    nonce = b' nonce="%b"' % admitted.nonce if admitted.nonce else b""
    hashed = b' integrity="%b" crossorigin="anonymous"' % HASH if admitted.hashed else b""
    return b'<script src="%b"%b%b></script>' % (SOURCE, nonce, hashed)


def _only(headers: Sequence[Field], name: bytes) -> bytes:
    """The value of that field; several are joined, as browsers do (RFC 9110, 5.3)."""
    return b",".join(value for key, value in headers if key == name)


def _corrected(headers: Sequence[Field]) -> Iterator[Field]:
    """What tells of the bytes is gone; a strong ETag is weak, because they are no longer those that it stands for."""
    for name, value in headers:
        if name == b"etag" and not value.startswith(b"W/"):
            yield name, b"W/" + value
        elif name not in DROPPED:
            yield name, value
    yield b"vary", b"Sec-Fetch-Dest"


class Injection:
    """One answer being rewritten. `headers` are its fields."""

    def __init__(self, headers: list[Field], tag: bytes, coding: str, place: Place, log: Log) -> None:
        self.headers = headers
        self._tag = tag
        self._place = place
        self._log = log
        self._document = bytearray()  # the beginning, until the place is found
        self._held = bytearray()  # the same as it came
        self._inside = False  # the script is in
        self._left = False  # passed on as it comes
        self._recoder = Recoder(coding) if coding else None

    def feed(self, data: bytes, last: bool) -> bytes:
        """The next piece of the body as it goes out, b"" while it is held back. Raises UpstreamBroken."""
        if self._left or not (data or self._held or self._inside):
            return data
        before = self._inside
        if not before:
            self._held += data
        try:
            out = self._pieces(data, last)
        except zlib.error:
            if before:
                raise UpstreamBroken("the answer is not in its Content-Encoding") from None
            return self._leave("it is not in its Content-Encoding")
        if self._inside:
            self._held.clear()
            return out
        if self._place.never:
            return self._leave("")
        return self._leave("it shows no place for it") if last or not self._more() else b""

    def _pieces(self, data: bytes, last: bool) -> bytes:
        recoder = self._recoder
        out: list[bytes] = []
        for piece in recoder.read(data) if recoder else (data,):
            ready = piece if self._inside else self._looked_into(piece)
            if ready:
                out.append(recoder.write(ready) if recoder else ready)
            elif not self._more():
                return b""
        if recoder and self._inside:
            out.append(recoder.flush(last))
        return b"".join(out)

    def _looked_into(self, piece: bytes) -> bytes:
        room = MOST - len(self._document)
        self._document += piece[:room]
        at = self._place.find(self._document)
        if at is None:
            return b""
        self._inside = True
        whole = b"".join((self._document[:at], self._tag, self._document[at:], piece[room:]))
        self._document.clear()
        return whole

    def _more(self) -> bool:
        return len(self._document) < MOST and not self._place.never

    def _leave(self, why: str) -> bytes:
        self._left = True
        if why:
            self._log(f"left without the script: {why}")
        held = bytes(self._held)
        self._held.clear()
        self._document.clear()
        return held


class Recoder:
    """Decompresses, and compresses again in the same coding: no more than PIECE bytes at a time are plain."""

    def __init__(self, coding: str) -> None:
        self._gzip = coding == "gzip"
        self._bits = 31 if self._gzip else 0  # 0: a deflate stream shows by its first byte whether zlib wraps it
        self._inflater: zlib._Decompress | None = None
        self._deflater: zlib._Compress | None = None

    def read(self, data: bytes) -> Iterator[bytes]:
        """What it says, in pieces. Raises zlib.error."""
        while data:
            inflater = self._inflater
            if inflater is None or (inflater.eof and self._gzip and data.startswith(b"\x1f")):
                self._bits = self._bits or (zlib.MAX_WBITS if data[0] & 0x0F == 8 else -zlib.MAX_WBITS)
                inflater = self._inflater = zlib.decompressobj(self._bits)
            elif inflater.eof:
                return  # browsers take no notice of what follows
            while not inflater.eof:
                piece = inflater.decompress(data, PIECE)
                data = inflater.unconsumed_tail
                if piece:
                    yield piece
                if len(piece) < PIECE and not data:
                    break
            data = inflater.unused_data

    def write(self, piece: bytes) -> bytes:
        if self._deflater is None:
            self._deflater = zlib.compressobj(LEVEL, zlib.DEFLATED, self._bits)
        return self._deflater.compress(piece)

    def flush(self, last: bool) -> bytes:
        """So that what was written is there for the browser. A stream that was cut off stays one."""
        whole = self._inflater is not None and self._inflater.eof
        if self._deflater is None:
            return b""
        return self._deflater.flush(zlib.Z_FINISH if last and whole else zlib.Z_SYNC_FLUSH)
