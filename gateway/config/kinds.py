"""What stands behind a key of routes.toml: the types that its tables are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, PlainValidator, ValidationInfo

from gateway.config import presets, store_urls, units, values
from gateway.config.secrets import Secret, read_secret
from gateway.policy import wording
from gateway.policy.fields import NOT

LONGEST = 366 * 86400
LARGEST = 1 << 30
MOST = 1_000_000
SHORTEST = 1 << 10


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a file's values point to: `folder` is where relative paths start."""

    folder: Path
    env: Mapping[str, str]


def parsed(parse: Callable[[str], Any], kind: str = "a string") -> PlainValidator:
    """A value that is written as a string and means something else."""

    def check(value: object) -> Any:
        if not isinstance(value, str):
            raise ValueError(f"is not {kind}; put it in quotes")
        return parse(value)

    return PlainValidator(check)


def duration(least: int) -> PlainValidator:
    """Seconds, `least` or more."""

    def check(value: str) -> int:
        found = units.seconds(value)
        if not least <= found <= LONGEST:
            raise ValueError(f'is out of range; write at least "{least}s" and at most "366d"')
        return found

    return parsed(check, 'a duration such as "5m"')


def _size(value: str) -> int:
    found = units.octets(value)
    if found > LARGEST:
        raise ValueError('is too much; write at most "1GiB"')
    return found


def _length(value: str) -> int:
    found = _size(value)
    if found < SHORTEST:
        raise ValueError('is too little for any browser; write at least "1KiB"')
    return found


def _wording(value: str) -> str:
    wording.compile(value)
    return value


def _count(value: int) -> int:
    if not 1 <= value <= MOST:
        raise ValueError(f"is out of range; write 1 to {MOST}")
    return value


def one_or_more(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _numbers(value: object) -> object:
    return [value] if isinstance(value, int) else value


def _status(value: int) -> int:
    if not 200 <= value <= 499 or value == 429:
        raise ValueError("is not the status of a sign-in that worked; write for example 302")
    return value


def not_empty(value: list[Any]) -> list[Any]:
    if not value:
        raise ValueError("is empty; name at least one, or leave the key out")
    return value


def _wanted(value: object) -> frozenset[str]:
    """The values of a condition; "*" alone is any value, the empty set; "!x" is any but x."""
    several = value if isinstance(value, list) else [value]
    words = [each for each in several if isinstance(each, str)]
    if not words or len(words) < len(several):
        raise ValueError('is not a string or a list of strings; write for example "delete", or "*" for any value')
    if 0 < sum(each.startswith(NOT) for each in words) < len(words):
        raise ValueError('says what is meant and, with "!", what is not; write a route for each')
    return frozenset() if "*" in words else frozenset(words)


def _named(value: dict[str, Any]) -> dict[str, Any]:
    if not value or not all(value):
        raise ValueError('names no field; write for example { action = "delete" }')
    return value


def _secret(value: str, info: ValidationInfo[Surroundings]) -> Secret:
    return read_secret(value, info.context.folder, info.context.env)


def _store(engines: tuple[str, ...]) -> AfterValidator:
    check = store_urls.store(engines)

    def checked(value: str, info: ValidationInfo[Surroundings]) -> str:
        return check(value, info.context.folder, info.context.env)

    return AfterValidator(checked)


Text = Annotated[str, AfterValidator(values.text)]
Name = Annotated[str, AfterValidator(values.name)]
Pattern = Annotated[str, AfterValidator(values.pattern)]
Patterns = Annotated[list[Pattern], BeforeValidator(one_or_more)]
Wording = Annotated[str, AfterValidator(_wording)]
Wordings = Annotated[list[Wording], BeforeValidator(one_or_more)]
Statuses = Annotated[list[Annotated[int, AfterValidator(_status)]], BeforeValidator(_numbers)]
Target = Annotated[str, AfterValidator(values.target)]
Cookie = Annotated[str, AfterValidator(values.cookie)]
Cookies = Annotated[list[Cookie], BeforeValidator(one_or_more), AfterValidator(not_empty)]
Methods = Annotated[
    list[Annotated[str, AfterValidator(values.method)]], BeforeValidator(one_or_more), AfterValidator(not_empty)
]
Header = Annotated[str, AfterValidator(values.identity_header)]
HeaderNames = Annotated[list[Annotated[str, AfterValidator(values.header)]], BeforeValidator(one_or_more)]
FieldNames = Annotated[list[Text], BeforeValidator(one_or_more)]
StateStore = Annotated[str, _store(store_urls.STATES)]
DirectoryStore = Annotated[str, _store(store_urls.DIRECTORIES)]
Age = Annotated[int, duration(0)]
Span = Annotated[int, duration(1)]
Length = Annotated[int, parsed(_length, 'a size such as "16KiB"')]
Size = Annotated[int, parsed(_size, 'a size such as "1MiB"')]
Count = Annotated[int, AfterValidator(_count)]
Preset = Annotated[str, AfterValidator(presets.known)]
Verify = Annotated[list[Annotated[frozenset[str], PlainValidator(values.combination)]], AfterValidator(not_empty)]
Fields = Annotated[dict[str, Annotated[frozenset[str], PlainValidator(_wanted)]], AfterValidator(_named)]
Secrets = Annotated[
    list[Annotated[Any, AfterValidator(_secret)]], BeforeValidator(one_or_more), AfterValidator(not_empty)
]


class Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, arbitrary_types_allowed=True)
