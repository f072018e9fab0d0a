"""Views made into pages, in the language of who reads them."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from pkgutil import resolve_name

from jinja2 import DictLoader, Environment, StrictUndefined

from gateway.edge.languages import LANGUAGES, Language, choose
from gateway.edge.static import address
from gateway.edge.views import View

TEMPLATES = Path(__file__).parent / "templates"

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
PAGE_HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"publickey-credentials-get=(self), publickey-credentials-create=(self)"),
)
"""What protects a page, besides what `answers.answer` sets (ASVS 3.4.3, 3.4.6)."""


class Renderer:
    """Templates are read at start, and each is compiled once, for the first page that needs it."""

    def __init__(self) -> None:
        environment = Environment(
            loader=DictLoader({file.name: file.read_text("utf-8") for file in TEMPLATES.iterdir()}),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        environment.globals |= {
            "static": address,
            "moment": partial(datetime.fromtimestamp, tz=UTC),
            "qr": qr,
        }
        self._environment = environment
        self._languages = {tag: Language(tag) for tag in LANGUAGES}

    def page(self, view: View, *, languages: str) -> bytes:
        """HTML in UTF-8. `languages` is the Accept-Language field, "" where there is none."""
        language = self._languages[choose(languages)]
        template = self._environment.get_template(view.template)
        return template.render(view=view, language=language, _=language.say, ngettext=language.count).encode()


def qr(text: str) -> str:
    """A QR code (ISO/IEC 18004) as the address of an image, dark on light whatever the page's colours are."""
    drawn = resolve_name("segno:make")(text, micro=False)  # loaded by the first one that is asked for
    return str(drawn.svg_data_uri(border=4, dark="#000", light="#fff", scale=5))
