"""The directory's tables, version by version, once for all engines.

The rules of this file:

- A version that was released is never changed; what comes is added as the next.
- While replicas are exchanged one by one, old ones work on the new tables. A version therefore only adds: a table, an
  index, a column that may be NULL or has a default. Where that cannot be, OLDEST is raised to it in the same change,
  and old replicas refuse to go on.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.sql import Schema

VERSIONS = (
    (
        """
        CREATE TABLE people (
            subject {text} PRIMARY KEY,
            display_name {text} NOT NULL,
            created_at {number} NOT NULL,
            disabled {number} NOT NULL
        ) {strict}
        """,
        """
        CREATE TABLE passwords (
            subject {text} PRIMARY KEY REFERENCES people ON DELETE CASCADE,
            hash {text} NOT NULL,
            created_at {number} NOT NULL,
            changed_at {number} NOT NULL
        ) {strict}
        """,
        """
        CREATE TABLE totps (
            id {text} PRIMARY KEY,
            subject {text} NOT NULL REFERENCES people ON DELETE CASCADE,
            label {text} NOT NULL,
            sealed_secret {binary} NOT NULL,
            created_at {number} NOT NULL,
            last_step {number} NOT NULL,
            last_used_at {number}
        ) {strict}
        """,
        "CREATE INDEX totps_by_subject ON totps (subject)",
        """
        CREATE TABLE passkeys (
            id {text} PRIMARY KEY,
            subject {text} NOT NULL REFERENCES people ON DELETE CASCADE,
            label {text} NOT NULL,
            rp_id {text} NOT NULL,
            public_key {binary} NOT NULL,
            sign_count {number} NOT NULL,
            backed_up {number} NOT NULL,
            transports {text} NOT NULL,
            created_at {number} NOT NULL,
            last_used_at {number}
        ) {strict}
        """,
        "CREATE INDEX passkeys_by_subject ON passkeys (subject)",
        """
        CREATE TABLE recovery_codes (
            subject {text} NOT NULL REFERENCES people ON DELETE CASCADE,
            hash {text} NOT NULL,
            created_at {number} NOT NULL,
            PRIMARY KEY (subject, hash)
        ) {strict_by_key}
        """,
    ),
)
OLDEST = 1

SQLITE = {
    "text": "TEXT",
    "number": "INTEGER",
    "binary": "BLOB",
    "strict": "STRICT",
    "strict_by_key": "STRICT, WITHOUT ROWID",
}
POSTGRESQL = {
    "text": 'TEXT COLLATE "C"',  # names are bytes, and are ordered as such wherever the server stands
    "number": "BIGINT",
    "binary": "BYTEA",
    "strict": "",
    "strict_by_key": "",
}


def spelled(words: Mapping[str, str]) -> Schema:
    """As one engine writes it: SQLITE or POSTGRESQL."""
    versions = [[statement.format_map(words) for statement in statements] for statements in VERSIONS]
    return Schema(versions, OLDEST)
