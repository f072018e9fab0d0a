"""The secret: where it is kept, that it is long enough, and what is made of it."""

import subprocess

import pytest

from gateway.config.secrets import Keyring, read_secret

GOOD = b"k" * 48
OLD, NEW = b"o" * 32, b"n" * 32


def test_a_secret_is_read_from_a_file_beside_the_configuration(tmp_path):
    (tmp_path / "s").write_bytes(GOOD + b"\n")
    assert read_secret("file:s", tmp_path, {}) == (GOOD, tmp_path / "s")


def test_a_secret_is_read_from_the_environment(tmp_path):
    assert read_secret("env:S", tmp_path, {"S": GOOD.decode()}) == (GOOD, None)


@pytest.mark.parametrize("literal", ["correct-horse-battery-staple-0123456", "", "file:", "env:", "vault:x"])
def test_a_secret_written_out_is_refused_and_not_repeated(literal, tmp_path):
    with pytest.raises(ValueError, match="has no place in this file") as refusal:
        read_secret(literal, tmp_path, {})
    assert len(literal) < 8 or literal not in str(refusal.value)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("env:NONE", "NONE, which is not set"),
        ("env:SHORT", "holds 5 bytes"),
        ("file:short", "holds 5 bytes"),
        ("file:none", "names a file that is not there"),
        ("file:.", "names a file that cannot be read: Is a directory"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_reason(source, said, tmp_path):
    (tmp_path / "short").write_text("short\n")
    with pytest.raises(ValueError, match=said):
        read_secret(source, tmp_path, {"SHORT": "short"})


def test_the_command_in_the_refusal_makes_a_secret_that_nobody_else_can_read(tmp_path):
    folder = tmp_path / "a folder's"
    folder.mkdir()
    with pytest.raises(ValueError, match="make it: ") as refusal:
        read_secret("file:s", folder, {})
    subprocess.run(["sh", "-c", str(refusal.value).partition("make it: ")[2]], check=True)
    assert read_secret("file:s", folder, {}).value
    assert (folder / "s").stat().st_mode & 0o077 == 0


def test_the_first_secret_seals_and_all_of_them_open():
    sealed = Keyring([OLD]).seal("held", b"body", b"id")
    assert Keyring([NEW, OLD]).open("held", sealed, b"id") == b"body"
    assert Keyring([NEW]).open("held", sealed, b"id") is None
    assert Keyring([OLD]).open("held", Keyring([NEW, OLD]).seal("held", b"body", b"id"), b"id") is None


@pytest.mark.parametrize(("purpose", "bound_to"), [("totp", b"id"), ("held", b"another")])
def test_what_was_sealed_for_one_use_opens_for_no_other(purpose, bound_to):
    ring = Keyring([NEW])
    assert ring.open(purpose, ring.seal("held", b"body", b"id"), bound_to) is None


def test_a_digest_is_known_under_an_older_secret_and_tells_its_parts_apart():
    digest = Keyring([OLD]).digest("csrf", b"ab", b"c")
    ring = Keyring([NEW, OLD])
    assert ring.matches("csrf", digest, b"ab", b"c")
    assert not ring.matches("csrf", digest, b"a", b"bc")
    assert not ring.matches("ticket", digest, b"ab", b"c")


@pytest.mark.parametrize("secrets", [[], [b"k" * 31], [GOOD, b""]])
def test_a_keyring_takes_no_short_secret(secrets):
    with pytest.raises(ValueError, match="at least 32 bytes"):
        Keyring(secrets)
