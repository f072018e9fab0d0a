"""People, in SQL."""

from __future__ import annotations

from gateway.policy.credentials import Person
from gateway.sql import Sql

ADD = """
    INSERT INTO people (subject, display_name, created_at, disabled) VALUES (?, ?, ?, ?)
    ON CONFLICT DO NOTHING
"""
GET = "SELECT subject, display_name, created_at, disabled FROM people WHERE subject = ?"
LIST = "SELECT subject, display_name, created_at, disabled FROM people ORDER BY subject"
SET_DISABLED = "UPDATE people SET disabled = ? WHERE subject = ?"
DELETE = "DELETE FROM people WHERE subject = ?"


class SqlPeople:
    """A People."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def add(self, person: Person) -> bool:
        values = (person.subject, person.display_name, person.created_at, int(person.disabled))
        return await self._sql.change(ADD, *values) == 1

    async def get(self, subject: str) -> Person | None:
        return await self._sql.one(_person, GET, subject)

    async def list(self) -> list[Person]:
        return await self._sql.all(_person, LIST)

    async def set_disabled(self, subject: str, disabled: bool) -> bool:
        return await self._sql.change(SET_DISABLED, int(disabled), subject) == 1

    async def delete(self, subject: str) -> bool:
        return await self._sql.change(DELETE, subject) == 1


def _person(subject: str, display_name: str, created_at: int, disabled: int) -> Person:
    return Person(subject, display_name, created_at, disabled != 0)
