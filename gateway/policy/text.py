"""Bytes as the most forgiving server reads them. For matching only: what is forwarded is what the client sent.

Strict UTF-8 would refuse overlong forms (RFC 3629, 3) and stray bytes; an app behind us may not, so both are read.
"""

from __future__ import annotations

import re
import unicodedata

_BYTES = {b"%02x" % n: bytes([n]) for n in range(256)}
_STRAY = {0xDC00 + n: n for n in range(0x80, 0x100)}
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
_WIDE = re.compile(rb"%[uU]([0-9A-Fa-f]{4})")
_OVERLONG = re.compile(rb"[\xc0\xc1][\x80-\xbf]|\xe0[\x80\x81][\x80-\xbf]|\xf0\x80[\x80\x81][\x80-\xbf]")


def unquoted(raw: bytes) -> bytes:
    """Every `%XX` decoded, once. A percent sign that starts none stays."""
    return _ESCAPE.sub(lambda found: _BYTES[found[1].lower()], raw) if b"%" in raw else raw


def unwidened(raw: bytes) -> bytes:
    """Every `%uXXXX` of classic ASP decoded, to UTF-8."""
    return _WIDE.sub(lambda found: chr(int(found[1], 16)).encode("utf-8", "replace"), raw) if b"%" in raw else raw


def text(raw: bytes) -> str:
    """UTF-8; an overlong form is the ASCII character it spells, a stray byte the Latin-1 one."""
    if raw.isascii():
        return raw.decode("ascii")
    shortest = _OVERLONG.sub(lambda found: bytes([(found[0][-2] & 0x1F) << 6 & 0x40 | found[0][-1] & 0x3F]), raw)
    return shortest.decode("utf-8", "surrogateescape").translate(_STRAY)


def fold(said: str) -> str:
    """One spelling for all that look alike: compatibility forms (fullwidth and the like) and case are gone.

    The Turkish i's are i: an app that compares in capitals takes the one without a dot for it.
    """
    if said.isascii():
        return said.lower()
    return unicodedata.normalize("NFKC", said).casefold().replace("i\u0307", "i").replace("\u0131", "i")
