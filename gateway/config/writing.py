"""TOML as people write it: one key a line, signs of equality and comments below each other."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

WIDEST = 100
"""Characters of a line; a longer list has an item on each."""
COMMENTS = 60
"""The column where comments stand at most; behind longer lines they follow at once."""

_BARE = re.compile(r"[A-Za-z0-9_-]+")


class Row(NamedTuple):
    """One key. `note` is a comment behind it."""

    key: str
    value: Any
    note: str = ""


def table(heading: str, rows: Iterable[Row], indent: str = "", note: str = "") -> list[str]:
    """The lines of `[heading]` or `[[heading]]`, brackets included, and of what stands in it."""
    rows = list(rows)
    width = max((len(written_key(row.key)) for row in rows), default=0)
    said = [f"{indent}{written_key(row.key):<{width}} = {written(row.value)}" for row in rows]
    noted = [len(line) + 2 for line, row in zip(said, rows, strict=True) if row.note]
    column = max((each for each in noted if each <= COMMENTS), default=2)
    lines = [f"{indent}{heading}{f'  # {note}' if note else ''}"]
    for line, row in zip(said, rows, strict=True):
        if len(line) > WIDEST and isinstance(row.value, Sequence) and not isinstance(row.value, str):
            start = line.partition(" = ")[0]
            comment = f"  # {row.note}" if row.note else ""
            items = [f"{indent}    {written(each)}," for each in row.value]
            lines += [f"{start} = [{comment}", *items, f"{indent}]"]
        else:
            lines.append(f"{line:<{column - 2}}  # {row.note}" if row.note else line)
    return lines


def written(value: Any) -> str:
    """A string, number, truth value, list or table, on one line."""
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{written_key(key)} = {written(each)}' for key, each in value.items())} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(written, value))}]"
    if isinstance(value, str):
        return _string(value)
    return json.dumps(value)


def written_key(key: str) -> str:
    """Bare where that is allowed."""
    return key if _BARE.fullmatch(key) else _string(key)


def _string(value: str) -> str:
    """Literal where that saves backslashes (TOML 1.0, String)."""
    if ('"' in value or "\\" in value) and "'" not in value and value.isprintable():
        return f"'{value}'"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
