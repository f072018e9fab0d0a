"""Codes of an authenticator: the current step and the one before, each once."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import parse_qs, unquote, urlsplit

import pyotp
import pytest

from gateway.config.secrets import Keyring
from gateway.policy.credentials import Credentials, Totp
from gateway.policy.facts import AuthEvent
from gateway.verifiers import recovery, totp
from gateway.verifiers.base import Site, SpendCounter, SpendRecoveryCode, Verified
from gateway.verifiers.totp import TotpVerifier

SITE = Site("notes.example.com", "Notes", "https://notes.example.com")
OLD, NEW = b"o" * 32, b"n" * 32
KEYRING = Keyring([OLD])
VERIFIER = TotpVerifier(KEYRING)
RFC = base64.b32encode(b"12345678901234567890").decode()
NOW = 1_800_000_010
STEP = NOW // 30
EVENT = AuthEvent("totp", NOW, ("otp",))


def device(id: str = "d1", secret: str = RFC, *, created_at: int = 100, last_step: int = -1) -> Totp:
    return Totp(id, "Phone", totp.seal(KEYRING, "alice", id, secret), created_at, last_step)


def alice(*devices: Totp) -> Credentials:
    return Credentials("alice", totps=devices)


def code(step: int, secret: str = RFC) -> str:
    return pyotp.TOTP(secret).generate_otp(step)


def check(who: Credentials, typed: str, since: int | None = None, keyring: Keyring = KEYRING) -> Verified | None:
    verifier = TotpVerifier(keyring)
    return asyncio.run(verifier.check(who, {"code": typed}, SITE, secret=b"", since=since, now=NOW))


@pytest.mark.parametrize(
    ("now", "shown"),
    [  # RFC 6238, appendix B: its last six digits
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_the_first_code_of_the_rfc_proves_the_step_it_is_from(now: int, shown: str) -> None:
    assert totp.first_code(RFC, shown, now) == now // 30
    assert totp.first_code(RFC, shown, now + 60) is None


@pytest.mark.parametrize(
    ("step", "last_step", "accepted"),
    [
        (STEP, -1, True),
        (STEP - 1, -1, True),  # typed slowly
        (STEP - 2, -1, False),
        (STEP + 1, -1, False),  # a clock ahead is the server's to repair
        (STEP, STEP - 1, True),
        (STEP, STEP, False),  # used
        (STEP - 1, STEP - 1, False),
        (STEP - 1, STEP, False),  # older than what was used
        (STEP, STEP + 1, False),
    ],
)
def test_a_step_counts_once_and_only_now_or_just_before(step: int, last_step: int, accepted: bool) -> None:
    wanted = Verified(EVENT, "d1", SpendCounter("d1", step)) if accepted else None
    assert check(alice(device(last_step=last_step)), code(step)) == wanted


def test_before_the_first_step_there_is_none() -> None:
    assert totp.first_code(RFC, code(0), 5) == 0
    assert totp.first_code(RFC, "000000", 5) is None


@pytest.mark.parametrize("typed", ["{0} {1}", " {0}{1} ", "{0}\u00a0{1}\n"])
def test_spaces_do_not_matter(typed: str) -> None:
    right = code(STEP)
    assert check(alice(device()), typed.format(right[:3], right[3:]))


@pytest.mark.parametrize("change", [lambda c: "", lambda c: c[:5], lambda c: "0" + c, lambda c: f"{c[:3]}-{c[3:]}"])
def test_what_is_not_six_digits_is_wrong(change: Callable[[str], str]) -> None:
    assert check(alice(device()), change(code(STEP))) is None


def test_digits_are_those_of_ascii() -> None:
    arabic = code(STEP).translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
    assert check(alice(device()), arabic) is None


def test_a_form_without_a_code_is_wrong() -> None:
    answer = VERIFIER.check(alice(device()), {}, SITE, secret=b"", since=None, now=NOW)
    assert asyncio.run(answer) is None


def test_any_of_several_devices_will_do() -> None:
    other = totp.new_secret()
    verified = check(alice(device(), device("d2", other)), code(STEP, other))
    assert verified == Verified(EVENT, "d2", SpendCounter("d2", STEP))


@pytest.mark.parametrize(("since", "counts"), [(99, False), (100, False), (101, True), (None, True)])
def test_a_device_enrolled_after_the_sign_in_confirms_nothing(since: int | None, counts: bool) -> None:
    assert VERIFIER.usable(alice(device()), SITE, since) is counts
    assert (check(alice(device()), code(STEP), since) is not None) is counts


@pytest.mark.parametrize(
    "stolen", [replace(device(), id="d2"), replace(device(), sealed_secret=b""), replace(device(), sealed_secret=b"x")]
)
def test_a_secret_opens_only_where_it_was_sealed_for(stolen: Totp) -> None:
    assert check(alice(stolen), code(STEP)) is None


def test_a_secret_of_one_person_does_not_serve_another() -> None:
    assert check(Credentials("bob", totps=(device(),)), code(STEP)) is None


def test_secrets_outlive_a_rotation() -> None:
    assert check(alice(device()), code(STEP), keyring=Keyring([NEW, OLD]))


def test_a_lost_key_does_not_turn_the_second_factor_off() -> None:
    verifier = TotpVerifier(Keyring([NEW]))
    assert verifier.usable(alice(device()), SITE, None)
    assert check(alice(device()), code(STEP), keyring=Keyring([NEW])) is None


def test_a_recovery_code_stands_in_for_the_authenticator() -> None:
    plain, rows = recovery.new_codes(KEYRING, "alice", 100)
    who = replace(alice(device()), recovery_codes=rows)
    assert check(who, plain[3].lower().replace("-", " ")) == Verified(EVENT, "", SpendRecoveryCode(rows[3].hash))
    assert check(replace(who, recovery_codes=rows[:3]), plain[3]) is None
    assert check(who, "ABCDE-ABCDE-ABCDE-ABCDE") is None


@pytest.mark.parametrize(("since", "counts"), [(99, False), (100, False), (101, True), (None, True)])
def test_recovery_codes_made_after_the_sign_in_confirm_nothing(since: int | None, counts: bool) -> None:
    plain, rows = recovery.new_codes(KEYRING, "alice", 100)
    who = replace(alice(device(created_at=500)), recovery_codes=rows)
    assert VERIFIER.usable(who, SITE, since) is counts
    assert (check(who, plain[0], since) is not None) is counts


def test_recovery_codes_alone_are_no_second_factor() -> None:
    plain, rows = recovery.new_codes(KEYRING, "alice", 100)
    who = Credentials("alice", recovery_codes=rows)
    assert not VERIFIER.usable(who, SITE, None)
    assert check(who, plain[0]) is None


def test_the_uri_is_what_authenticators_read() -> None:
    secret = totp.new_secret()
    uri = urlsplit(totp.uri(secret, "alice@example.com", "Notes & more"))
    assert (uri.scheme, uri.netloc, unquote(uri.path)) == ("otpauth", "totp", "/Notes & more:alice@example.com")
    assert parse_qs(uri.query) == {"secret": [secret], "issuer": ["Notes & more"]}
    assert len(base64.b32decode(secret)) == 20
