"""Where in an HTML document a script comes first, found while the document is still coming.

The rules are those of the tokenizer and of the first insertion modes of the HTML standard (WHATWG HTML, 13.2.5 and
13.2.6.4.1 to 4): what may stand before `<head>` is skipped whole, so that a `<head` in a comment, a title or a script
is not taken for one. Nothing is ever put before a doctype, which would turn a page to quirks mode.
"""

from __future__ import annotations

import re

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
UTF_16 = (b"\xfe\xff", b"\xff\xfe")

_SPACES = re.compile(rb"[\t\n\f\r ]*+")
_NAME = re.compile(rb"<([A-Za-z][^\t\n\f\r />]*+)[\t\n\f\r />]")
_TAG = re.compile(
    rb"""</?[A-Za-z][^\t\n\f\r />]*+
    (?:
      [\t\n\f\r /]++
      |
      (?: = [^\t\n\f\r />=]*+ | [^\t\n\f\r />=]++ )
      (?:
        [\t\n\f\r ]*+ = [\t\n\f\r ]*+
        (?: "[^"]*+(?:"|\Z) | '[^']*+(?:'|\Z) | (?=>) | [^\t\n\f\r >"'][^\t\n\f\r >]*+ | \Z )
      )?+
    )*+
    >""",
    re.VERBOSE,
)
"""A whole tag; a quote counts only after "=". An open one takes the rest, so that its ">" ends nothing."""

_OF_DOCUMENTS = frozenset({b"body", b"frameset", b"title", b"meta", b"link", b"base"})


class Place:
    """Looks for the place in the beginning of one document. `certain`: it is one, whatever it looks like."""

    def __init__(self, *, certain: bool) -> None:
        self.never = False  # there is none, and looking further is no use
        self._document = certain
        self._at = -1  # all before it is understood

    def find(self, data: bytes | bytearray) -> int | None:
        """The offset in `data`, which is all that has come; None while it may still come, or if `never`."""
        if self._at < 0 and not self._begun(data):
            return None
        while not self.never:
            space = _SPACES.match(data, self._at)
            self._at = space.end() if space else self._at
            kind = bytes(data[self._at : self._at + 2])
            if kind in (b"", b"<"):
                return None
            if kind in (b"<!", b"<?", b"</"):
                end = self._markup(data)
                if end is None:
                    return None
                self._at = end
            elif kind[:1] != b"<" or not kind[1:].isalpha():  # text
                return self._here()
            else:
                name, tag = _NAME.match(data, self._at), _TAG.match(data, self._at)
                if name is not None and name[1].lower() not in (b"html", b"head"):
                    self._document = self._document or name[1].lower() in _OF_DOCUMENTS
                    return self._here()
                if name is None or tag is None:
                    return None
                self._document = True
                self._at = tag.end()
                if name[1].lower() == b"head":
                    return self._at
        return None

    def _begun(self, data: bytes | bytearray) -> bool:
        if any(mark.startswith(data) and mark != data for mark in (BYTE_ORDER_MARK, *UTF_16)):
            return False
        self.never = data.startswith(UTF_16)
        self._at = 3 if data.startswith(BYTE_ORDER_MARK) else 0
        return True

    def _here(self) -> int | None:
        """Before what stands there: a script in front of it has a head made for it."""
        if self._document:
            return self._at
        self.never = True
        return None

    def _markup(self, data: bytes | bytearray) -> int | None:
        """The end of a comment, a doctype, a processing instruction or an end tag; None while it is not there."""
        at = self._at
        start = bytes(data[at : at + 9]).lower()
        if start in (b"<!-", b"<!", b"</"):
            return None
        if start.startswith(b"<!--"):
            ends = [(data.find(b"-->", at + 2), 3), (data.find(b"--!>", at + 4), 4)]
            return min((found + length for found, length in ends if found >= 0), default=None)
        if start[:2] == b"</" and start[2:3].isalpha():
            tag = _TAG.match(data, at)
            return tag.end() if tag else None
        end = data.find(b">", at)
        if end >= 0 and start == b"<!doctype":
            self._document = True
        return None if end < 0 else end + 1
