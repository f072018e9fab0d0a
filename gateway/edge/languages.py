"""Which language to speak: Accept-Language by its weights (RFC 9110, 12.5.4), looked up by prefix (RFC 4647, 3.4)."""

from __future__ import annotations

import gettext
from pathlib import Path

from markupsafe import Markup

LOCALES = Path(__file__).parent / "locales"
SOURCE = "en"
LANGUAGES = (SOURCE, "de", "fr", "es", "ar")
FROM_RIGHT = frozenset({"ar"})
LONGEST = 500
"""Characters of an Accept-Language field that are read."""


class Language:
    """One language's sentences. Text put into one is escaped; among words from the right it keeps its own direction."""

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.direction = "rtl" if tag in FROM_RIGHT else "ltr"
        self._catalogue = gettext.translation("pages", LOCALES, [tag], fallback=tag == SOURCE)

    def say(self, sentence: str, **values: object) -> Markup:
        """The sentence, with `%(name)s` filled in."""
        if self.direction == "rtl":
            values = {name: _apart(value) for name, value in values.items()}
        return Markup(self._catalogue.gettext(sentence)) % values  # noqa: S704 (sentences are ours)

    def count(self, one: str, many: str, n: int) -> Markup:
        """The sentence for that many, with `%(n)s` filled in."""
        return Markup(self._catalogue.ngettext(one, many, n)) % {"n": n}  # noqa: S704


def choose(accepted: str) -> str:
    """One of LANGUAGES: the first of the most wanted, the source language if none is."""
    wanted = [_weighed(each) for each in accepted[:LONGEST].split(",")]
    refused = {tag for tag, weight in wanted if weight == 0}
    for tag, _ in sorted(wanted, key=lambda each: -each[1]):
        language = tag.partition("-")[0]
        if language in LANGUAGES and not {tag, language} & refused:
            return language
    return SOURCE


def _apart(value: object) -> object:
    """Text between U+2068 and U+2069 (Unicode UAX 9), so that its signs stay where they were written."""
    return f"\u2068{value}\u2069" if isinstance(value, str) and not isinstance(value, Markup) else value


def _weighed(entry: str) -> tuple[str, float]:
    tag, _, parameter = entry.partition(";")
    name, _, value = parameter.partition("=")
    try:
        weight = float(value) if name.strip().lower() == "q" else 1.0
    except ValueError:
        weight = 0.0
    return tag.strip().lower(), weight
