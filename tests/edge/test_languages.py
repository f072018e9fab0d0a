"""Which language a page speaks."""

from __future__ import annotations

import pytest
from markupsafe import Markup

from gateway.edge.languages import Language, choose


@pytest.mark.parametrize(
    "accepted, language",
    [
        ("", "en"),
        ("de", "de"),
        ("de-AT", "de"),
        ("DE-at", "de"),
        ("fr-CH, fr;q=0.9, en;q=0.8", "fr"),
        ("en;q=0.5, es;q=0.9", "es"),
        ("xx, ar;q=0.1", "ar"),
        ("de;q=0, fr;q=0.1", "fr"),
        ("de-AT, de;q=0", "en"),
        ("*", "en"),
        ("xx", "en"),
        ("de;q=much, fr", "fr"),
        ("de ; q = 0.3 , es;q=0.2", "de"),
        ("../../etc/passwd", "en"),
        (",;,;;q=,", "en"),
        ("xx," * 500 + "de", "en"),
    ],
)
def test_the_most_wanted_language_we_have_is_chosen(accepted: str, language: str) -> None:
    assert choose(accepted) == language


def test_what_is_put_into_a_sentence_is_escaped() -> None:
    assert Language("en").say("Remove %(label)s", label="<b>") == "Remove &lt;b&gt;"


def test_a_name_keeps_its_own_direction_among_words_from_the_right() -> None:
    arabic = Language("ar")
    assert "\u2068Notes!\u2069" in arabic.say("Remove %(label)s", label="Notes!")
    assert "\u2068" not in arabic.say("Remove %(label)s", label=Markup("<bdi>Notes!</bdi>"))
    assert "\u2068" not in Language("en").say("Remove %(label)s", label="Notes!")


@pytest.mark.parametrize("n, said", [(1, "دقيقة واحدة"), (2, "دقيقتين"), (5, "5 دقائق"), (15, "15 دقيقة")])
def test_things_are_counted_as_the_language_counts(n: int, said: str) -> None:
    assert Language("ar").count("%(n)s minute", "%(n)s minutes", n) == said
