"""What stands between the house and asyncpg."""

from __future__ import annotations

import asyncpg
import pytest

from gateway.postgresql.seam import hosts_of, numbered, said


@pytest.mark.parametrize(
    ("sql", "there"),
    [
        ("SELECT 1", "SELECT 1"),
        ("SELECT ? WHERE a = ? AND b=?", "SELECT $1 WHERE a = $2 AND b=$3"),
        ("SELECT '?', ?, 'it''s ?', ?", "SELECT '?', $1, 'it''s ?', $2"),
        ('SELECT "a?" FROM "b""?" WHERE c = ?', 'SELECT "a?" FROM "b""?" WHERE c = $1'),
    ],
)
def test_a_question_mark_is_a_value_unless_it_is_part_of_a_text_or_a_name(sql: str, there: str) -> None:
    assert numbered(sql) == there


@pytest.mark.parametrize(
    ("address", "hosts"),
    [
        ("postgresql://h/d", [("h", 5432)]),
        ("postgresql://me:p%40ss@h:1/d", [("h", 1)]),
        ("postgresql://a:1,[fd00::1]:2,[::1],c/d", [("a", 1), ("fd00::1", 2), ("::1", 5432), ("c", 5432)]),
        ("postgresql:///d?host=/run/postgresql", [None]),
        ("postgresql://me@/d?host=/run/postgresql", [None]),
    ],
)
def test_each_host_of_an_address_is_tried(address: str, hosts: list[tuple[str, int] | None]) -> None:
    assert hosts_of(address) == hosts


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionRefusedError(111, "Connect call failed"), "ConnectionRefusedError: [Errno 111] Connect call failed"),
        (TimeoutError(), "it does not answer in time"),
        (asyncpg.InvalidPasswordError("no"), "InvalidPasswordError: no"),
        (asyncpg.DataError("invalid input for query argument $1: 'hush'"), "DataError"),
        (asyncpg.InterfaceError("hush"), "InterfaceError"),
        (ValueError("hush"), "ValueError"),
    ],
)
def test_what_is_wrong_is_said_without_what_was_stored(error: Exception, words: str) -> None:
    assert said(error) == words
