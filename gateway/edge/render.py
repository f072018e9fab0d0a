"""Views made into pages, in the language of who reads them."""

from __future__ import annotations

from gateway.edge.views import View

PAGE_HEADERS: tuple[tuple[bytes, bytes], ...] = ()
"""What protects a page, besides what `answers.answer` sets."""


class Renderer:
    """Templates are compiled once, at start."""

    def page(self, view: View, *, languages: str) -> bytes:
        """HTML in UTF-8. `languages` is the Accept-Language field, "" where there is none."""
        raise NotImplementedError
