"""What an SQL engine promises, whichever it is: the same few statements, written once, run on all of them.

A statement marks its values with `?`. It is one that every engine understands; where they differ is the business of
their own files. Every method may raise `StoreError`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

Value = str | bytes | int | float | None
Statement = tuple[str, tuple[Value, ...]]

T = TypeVar("T")


class Sql(Protocol):
    """Tables that several processes share."""

    async def all(self, into: Callable[..., T], sql: str, *values: Value) -> list[T]:
        """Each row of a SELECT, its columns given to `into`."""
        ...

    async def one(self, into: Callable[..., T], sql: str, *values: Value) -> T | None:
        """The first row, None where there is none."""
        ...

    async def change(self, sql: str, *values: Value) -> int:
        """How many rows a single statement changed. Its WHERE holds for each row at the moment it is changed."""
        ...

    async def all_or_nothing(self, *statements: Statement) -> int:
        """How many rows they changed together, as if nobody else did anything meanwhile."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Schema:
    """`versions` are the statements that lead from each version to the next, oldest first; only ever added to.

    `oldest` is the version that a program has to know, at least, to go on when the tables are of the newest.
    """

    versions: Sequence[Sequence[str]]
    oldest: int

    @property
    def newest(self) -> int:
        return len(self.versions)


@dataclass(frozen=True, slots=True)
class Migration:
    """From the version that was `found`, 0 where there is nothing yet, to `newest`, the last one known here."""

    found: int
    newest: int
