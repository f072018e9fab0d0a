"""People in SQLite."""

from __future__ import annotations

from gateway.policy.credentials import Person
from gateway.sqlite import Database

SCHEMA = (
    """
    CREATE TABLE people (
        subject TEXT PRIMARY KEY,
        display_name TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        disabled INTEGER NOT NULL
    ) STRICT
    """,
)

ADD = """
    INSERT INTO people (subject, display_name, created_at, disabled) VALUES (?, ?, ?, ?)
    ON CONFLICT DO NOTHING
"""
GET = "SELECT subject, display_name, created_at, disabled FROM people WHERE subject = ?"
LIST = "SELECT subject, display_name, created_at, disabled FROM people ORDER BY subject"
SET_DISABLED = "UPDATE people SET disabled = ? WHERE subject = ?"
DELETE = "DELETE FROM people WHERE subject = ?"


class SqlitePeople:
    """A People."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def add(self, person: Person) -> bool:
        values = (person.subject, person.display_name, person.created_at, person.disabled)
        return await self._db.change(ADD, *values) == 1

    async def get(self, subject: str) -> Person | None:
        return self._db.one(_person, GET, subject)

    async def list(self) -> list[Person]:
        return self._db.all(_person, LIST)

    async def set_disabled(self, subject: str, disabled: bool) -> bool:
        return await self._db.change(SET_DISABLED, disabled, subject) == 1

    async def delete(self, subject: str) -> bool:
        return await self._db.change(DELETE, subject) == 1


def _person(subject: str, display_name: str, created_at: int, disabled: int) -> Person:
    return Person(subject, display_name, created_at, disabled != 0)
