"""Which characters the bytes of a page stand for."""

from __future__ import annotations

import codecs
import re

WITHOUT_A_WORD = "cp1252"
"""What browsers take a page for that does not say (WHATWG Encoding, and HTML 13.2.3.2, for most languages)."""

LOOKED_AT = 1 << 16
"""Bytes of a page that does not say."""

_IN_TYPE = re.compile(r"charset\s*=\s*[\"']?([A-Za-z0-9._:-]+)", re.IGNORECASE)
_IN_META = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9._:-]+)", re.IGNORECASE)
_ORDINARY = re.compile(r"utf-8|iso8859-\d+|cp\d+|koi8-[ru]|shift_jis|euc_jp|iso2022_jp|euc_kr|gb2312|gbk|gb18030|big5")
"""Codecs that are character sets: others, such as UTF-7, would read into a page what does not stand there."""


def decoded(page: bytes, content_type: str) -> tuple[str, str]:
    """The text of a page, and the name of the codec that its forms are sent back in."""
    if page.startswith(codecs.BOM_UTF8):
        codec = "utf-8"
    else:
        said = _IN_TYPE.search(content_type)
        meta = None if said else _IN_META.search(page[:2048])
        codec = _codec(said[1] if said else meta[1].decode() if meta else "", page)
    return page.decode(codec, "replace").removeprefix("\ufeff"), codec


def _codec(label: str, page: bytes) -> str:
    try:
        name = codecs.lookup(label).name if label else ""
    except LookupError:
        name = ""
    if name in {"ascii", "iso8859-1"}:
        return WITHOUT_A_WORD
    if _ORDINARY.fullmatch(name):
        return name
    return "utf-8" if label or _says_utf8(page) else WITHOUT_A_WORD


def _says_utf8(page: bytes) -> bool:
    """Whether there is more than ASCII at its beginning, and all of it is UTF-8: that is hardly ever met by chance."""
    beginning = page[:LOOKED_AT]
    try:
        codecs.getincrementaldecoder("utf-8")().decode(beginning, final=len(page) <= LOOKED_AT)
    except UnicodeDecodeError:
        return False
    return not beginning.isascii()
