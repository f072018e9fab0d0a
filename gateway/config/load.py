"""routes.toml, read and checked: every problem at once, each on one line with the file, the line and the table path.

    routes.toml:12: app[0].route[2].max_age: "5x" is not a duration; write a number and s, m, h or d, such as "5m"

A syntax error is reported alone: what follows from it would only mislead.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import ValidationError

from gateway.config.advice import advice
from gateway.config.between import between
from gateway.config.complaints import Complaint, complaints, printable, settled
from gateway.config.kinds import Surroundings
from gateway.config.lines import lines, nearest
from gateway.config.meaning import settings
from gateway.config.presets import completed
from gateway.config.report import Report, Source
from gateway.config.settings import Settings
from gateway.config.shape import File

SYNTAX = re.compile(r"(.*) \(at (?:line (\d+), (column \d+)|end of document)\)")

HINTS = {
    "Invalid value": "strings stand in quotes",
    "Illegal character '\\n'": "a quote is not closed",
    "Unclosed array": "a list above is not closed",
    "Cannot overwrite a value": "it is there already, or has [one] and [[two]] brackets",
}
"""What operators mostly did, where TOML's own words leave them to guess."""


def load(path: Path, *, env: Mapping[str, str]) -> Settings:
    """The settings, or ConfigError with every problem."""
    return check(path, env=env).good()


def check(path: Path, *, env: Mapping[str, str]) -> Report:
    """All there is to say about the file at `path`. Reads the secrets it names, and touches nothing."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        return Report([f"{path}: {error.strerror}; name your file with --config"], [])
    except UnicodeDecodeError:
        return Report([f"{path}: is not UTF-8; save it as UTF-8"], [])
    try:
        said = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return Report([_syntax(path, text, error)], [])
    full = completed(said)
    folder = path.absolute().parent

    def printed(found: Iterable[Complaint]) -> list[str]:
        return _printed(path, text, [settled(each, said, full) for each in found])

    try:
        file = File.model_validate(full, context=Surroundings(folder, env))
    except ValidationError as error:
        return Report(printed((*complaints(error, full), *between(full, folder))), [])
    problems = printed(between(full, folder))
    if problems:
        return Report(problems, [])
    made = settings(file)
    return Report([], printed(advice(file, made, said)), made, Source(said, full, file))


def _syntax(path: Path, text: str, error: tomllib.TOMLDecodeError) -> str:
    found = SYNTAX.fullmatch(str(error))
    message, line, column = found.groups() if found else (str(error), None, None)
    where = f"{message}, at {column or 'the end of the file'}"
    hint = f"; {HINTS[message]}" if message in HINTS else ""
    return printable(f"{path}:{line or text.count(chr(10)) + 1}: {where}{hint}")


def _printed(path: Path, text: str, found: list[Complaint]) -> list[str]:
    known = lines(text) if found else {}
    placed = sorted(((nearest(known, each.place), each) for each in found), key=lambda pair: pair[0])
    return [printable(f"{path}:{line}: {each}") for line, each in placed]
