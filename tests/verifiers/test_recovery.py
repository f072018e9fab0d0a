"""Recovery codes can be read aloud, and not guessed."""

from __future__ import annotations

import re

import pytest

from gateway.config.secrets import Keyring
from gateway.verifiers import recovery

OLD, NEW = b"o" * 32, b"n" * 32
KEYRING = Keyring([OLD])
CODE = "7Q2MX-0A1BC-DEFGH-JKMNP"


def test_a_sheet_has_ten_codes_of_a_hundred_bits_and_stores_none_of_them() -> None:
    plain, rows = recovery.new_codes(KEYRING, "alice", 100)
    assert len(set(plain)) == 10
    assert all(re.fullmatch(r"([0-9A-HJKMNP-TV-Z]{5}-){3}[0-9A-HJKMNP-TV-Z]{5}", code) for code in plain)
    assert [row.hash for row in rows] == [recovery.hash_code(KEYRING, "alice", code) for code in plain]
    assert {row.created_at for row in rows} == {100}
    assert all(re.fullmatch("[0-9a-f]{64}", row.hash) for row in rows)


@pytest.mark.parametrize(
    "typed",
    [
        CODE,
        "7q2mx0a1bcdefghjkmnp",
        " 7Q2MX 0A1BC  DEFGH JKMNP\n",
        "7Q2MX–0A1BC—DEFGH‑JKMNP",  # dashes of a word processor
        "7Q2MX-OAIBC-DEFGH-JKMNP",  # letters for digits
        "7q2mx-oalbc-defgh-jkmnp",
    ],
)
def test_spaces_dashes_case_and_misread_letters_do_not_matter(typed: str) -> None:
    assert recovery.hash_code(KEYRING, "alice", typed) == recovery.hash_code(KEYRING, "alice", CODE)


@pytest.mark.parametrize("typed", ["", "123456", CODE[:-1], CODE + "0", CODE.replace("M", "U"), "٧" * 20, "-" * 5000])
def test_what_is_no_code_has_no_hash_and_finds_nothing(typed: str) -> None:
    _, rows = recovery.new_codes(KEYRING, "alice", 100)
    assert recovery.find(KEYRING, "alice", typed, rows) is None
    with pytest.raises(ValueError, match="not a recovery code"):
        recovery.hash_code(KEYRING, "alice", typed)


def test_each_code_finds_its_own_row_and_only_its_owner_has_it() -> None:
    plain, rows = recovery.new_codes(KEYRING, "alice", 100)
    assert [recovery.find(KEYRING, "alice", code, rows) for code in plain] == list(rows)
    assert recovery.find(KEYRING, "bob", plain[0], rows) is None
    assert recovery.find(KEYRING, "alice", CODE, rows) is None
    assert recovery.find(KEYRING, "alice", plain[0], rows[1:]) is None


def test_codes_outlive_a_rotation_of_the_secret() -> None:
    plain, rows = recovery.new_codes(KEYRING, "alice", 100)
    assert recovery.find(Keyring([NEW, OLD]), "alice", plain[0], rows) == rows[0]
    assert recovery.find(Keyring([NEW]), "alice", plain[0], rows) is None
