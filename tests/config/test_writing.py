"""TOML that is written is read back as what it was."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.writing import Row, table

text = st.text(st.characters(exclude_categories=["Cs"]))
value = st.recursive(
    text | st.booleans() | st.integers(-(2**63), 2**63 - 1),
    lambda inner: st.lists(inner, max_size=12) | st.dictionaries(text, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(text, value, max_size=5))
def test_whatever_is_written_is_read_back(said):
    lines = table("[t]", [Row(key, each, "note") for key, each in said.items()], "  ")
    assert tomllib.loads("\n".join(lines)) == {"t": said}


def test_signs_of_equality_and_comments_stand_below_each_other():
    assert table("[t]", [Row("a", 1, "one"), Row("long", True), Row("list", ["x"], "two")], "  ", "said") == [
        "  [t]  # said",
        "  a    = 1      # one",
        "  long = true",
        '  list = ["x"]  # two',
    ]


def test_a_long_list_has_an_item_on_each_line():
    items = ["x" * 40, "y" * 40, "z" * 40]
    assert table("[t]", [Row("k", items, "why")]) == [
        "[t]",
        "k = [  # why",
        *(f'    "{item}",' for item in items),
        "]",
    ]


@pytest.mark.parametrize(
    ("value", "written"), [('a"b', "'a\"b'"), ("a'\"b", '"a\'\\"b"'), ("a\\n", "'a\\n'"), ("\x7f", '"\\u007f"')]
)
def test_a_string_is_written_with_as_few_backslashes_as_can_be(value, written):
    assert table("[t]", [Row("k", value)])[1] == f"k = {written}"
