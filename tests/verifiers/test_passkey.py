"""Passkeys: made and used with a software device that signs for real."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from gateway.config.secrets import Keyring
from gateway.policy.credentials import Credentials, Passkey
from gateway.policy.facts import AuthEvent
from gateway.verifiers.base import Site, SpendCounter, Started, Verified
from gateway.verifiers.passkey import LONGEST, PasskeyVerifier
from tests.support.authenticator import Authenticator, decode, encode

SITE = Site("notes.example.com", "Notes", "https://notes.example.com")
OTHER_SITE = Site("shop.example.com", "Shop", "https://shop.example.com")
OLD, NEW = b"o" * 32, b"n" * 32
VERIFIER = PasskeyVerifier(Keyring([OLD]))
NOBODY = Credentials("alice")
NOW = 1_800_000_000
JUNK: list[Any] = [None, 1, 1.5, True, "", "AA", "!!!", "\ud800", "\0", [], {}, ["AA"], "A" * 9000]


def enrol(device: Authenticator, subject: str = "alice", site: Site = SITE) -> Credentials:
    started = VERIFIER.start_registration(Credentials(subject), site)
    answer = {"passkey": device.create(started.options, site.origin)}
    passkey = VERIFIER.register(subject, answer, site, secret=started.secret, label="Laptop", now=100)
    assert passkey is not None
    return Credentials(subject, passkeys=(passkey,))


def register(answer: str, secret: bytes, site: Site = SITE) -> Passkey | None:
    return VERIFIER.register("alice", {"passkey": answer}, site, secret=secret, label="Laptop", now=100)


def check(
    who: Credentials,
    answer: str,
    secret: bytes,
    *,
    since: int | None = None,
    site: Site = SITE,
    verifier: PasskeyVerifier = VERIFIER,
) -> Verified | None:
    return asyncio.run(verifier.check(who, {"passkey": answer}, site, secret=secret, since=since, now=NOW))


def confirm(who: Credentials, device: Authenticator, **lies: Any) -> Verified | None:
    """The whole way: options, device, check."""
    started = VERIFIER.start(who, SITE, None)
    return check(who, device.get(started.options, **({"origin": SITE.origin} | lies)), started.secret)


# -- registration


def test_registration_asks_for_a_verified_user_and_names_nobody_to_the_device() -> None:
    started = VERIFIER.start_registration(NOBODY, SITE)
    options = json.loads(started.options)
    assert options["rp"] == {"id": "notes.example.com", "name": "Notes"}
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert options["authenticatorSelection"]["residentKey"] == "preferred"
    assert decode(options["challenge"]) == started.secret
    assert len(started.secret) == 64
    assert options["user"]["name"] == "alice"
    assert len(decode(options["user"]["id"])) == 32
    assert b"alice" not in decode(options["user"]["id"])


def test_the_handle_of_a_person_is_always_the_same_and_nobody_else_has_it() -> None:
    alice, again, bob = (
        json.loads(VERIFIER.start_registration(Credentials(name), SITE).options)["user"]["id"]
        for name in ("alice", "alice", "bob")
    )
    assert alice == again != bob


def test_a_device_is_not_enrolled_twice_on_one_host() -> None:
    device = Authenticator()
    who = enrol(device)
    options = json.loads(VERIFIER.start_registration(who, SITE).options)
    assert [each["id"] for each in options["excludeCredentials"]] == [who.passkeys[0].id]
    assert json.loads(VERIFIER.start_registration(who, OTHER_SITE).options)["excludeCredentials"] == []


@pytest.mark.parametrize("backed_up", [True, False])
def test_what_is_stored_of_a_passkey(backed_up: bool) -> None:
    device = Authenticator(backed_up=backed_up)
    (passkey,) = enrol(device).passkeys
    assert passkey == Passkey(
        id=next(iter(device.keys)),
        label="Laptop",
        rp_id="notes.example.com",
        public_key=passkey.public_key,
        sign_count=0,
        backed_up=backed_up,
        transports=("internal", "hybrid"),
        created_at=100,
    )


@pytest.mark.parametrize(
    "lie",
    [
        {"origin": "https://evil.test"},
        {"origin": "http://notes.example.com"},
        {"origin": "https://notes.example.com:8443"},
        {"origin": "https://notes.example.com.evil.test"},
        {"rp_id": "example.com"},
        {"type": "webauthn.get"},
        {"challenge": encode(b"x" * 64)},
        {"crossOrigin": True},
    ],
)
def test_a_registration_made_elsewhere_or_for_something_else_is_refused(lie: dict[str, Any]) -> None:
    started = VERIFIER.start_registration(NOBODY, SITE)
    assert register(Authenticator().create(started.options, **({"origin": SITE.origin} | lie)), started.secret) is None


@pytest.mark.parametrize("device", [Authenticator(verified=False), Authenticator(present=False)])
def test_a_registration_without_its_owner_is_refused(device: Authenticator) -> None:
    started = VERIFIER.start_registration(NOBODY, SITE)
    assert register(device.create(started.options, SITE.origin), started.secret) is None


def test_a_registration_that_was_not_started_is_refused() -> None:
    options = json.loads(VERIFIER.start_registration(NOBODY, SITE).options) | {"challenge": ""}
    assert register(Authenticator().create(json.dumps(options), SITE.origin), b"") is None


# -- assertion


def test_a_passkey_confirms_and_advances_its_counter() -> None:
    device = Authenticator()
    who = enrol(device)
    id = who.passkeys[0].id
    assert confirm(who, device) == Verified(AuthEvent("passkey", NOW, ("hwk", "user")), id, SpendCounter(id, 1))


@pytest.mark.parametrize(
    ("backed_up_then", "backed_up_now", "amr"),
    [(False, False, "hwk"), (True, True, "swk"), (False, True, "swk"), (True, False, "swk")],
)
def test_a_key_that_was_ever_backed_up_is_a_software_key(backed_up_then: bool, backed_up_now: bool, amr: str) -> None:
    device = Authenticator(backed_up=backed_up_then)
    who = enrol(device)
    device.backed_up = backed_up_now
    verified = confirm(who, device)
    assert verified is not None
    assert verified.event.amr == (amr, "user")


def test_confirming_asks_for_a_verified_user_and_allows_only_their_own_of_this_host() -> None:
    own, elsewhere = enrol(Authenticator()), enrol(Authenticator(), site=OTHER_SITE)
    who = replace(own, passkeys=(*own.passkeys, *elsewhere.passkeys))
    started = VERIFIER.start(who, SITE, None)
    options = json.loads(started.options)
    assert options["rpId"] == "notes.example.com"
    assert options["userVerification"] == "required"
    assert options["allowCredentials"] == [
        {"id": own.passkeys[0].id, "type": "public-key", "transports": ["internal", "hybrid"]}
    ]
    assert decode(options["challenge"]) == started.secret
    assert VERIFIER.start(who, SITE, None).secret != started.secret


@pytest.mark.parametrize(
    "lie",
    [
        {"origin": "https://evil.test"},
        {"origin": "http://notes.example.com"},
        {"origin": "https://notes.example.com:8443"},
        {"origin": "https://notes.example.com/"},
        {"origin": "https://a.notes.example.com"},
        {"origin": None},
        {"rp_id": "example.com"},
        {"type": "webauthn.create"},
        {"challenge": encode(b"x" * 64)},
        {"challenge": ""},
        {"challenge": None},
        {"crossOrigin": True},
        {"handle": encode(b"bob")},
        {"handle": "AA"},
    ],
)
def test_an_answer_made_elsewhere_or_for_something_else_is_wrong(lie: dict[str, Any]) -> None:
    device = Authenticator()
    assert confirm(enrol(device), device, **lie) is None


def test_a_device_may_keep_the_handle_to_itself() -> None:
    device = Authenticator()
    assert confirm(enrol(device), device, handle="")


@pytest.mark.parametrize("flag", ["verified", "present"])
def test_an_answer_without_its_owner_is_wrong(flag: str) -> None:
    device = Authenticator()
    who = enrol(device)
    setattr(device, flag, False)
    assert confirm(who, device) is None


@pytest.mark.parametrize(
    ("stored", "sent", "right"),
    [(0, 0, True), (0, 1, True), (5, 6, True), (5, 5, False), (5, 4, False), (5, 0, False)],
)
def test_a_counter_that_did_not_rise_is_a_copy(stored: int, sent: int, right: bool) -> None:
    device = Authenticator(counts=False)
    who = enrol(device)
    device.keys[who.passkeys[0].id].count = sent
    counted = replace(who, passkeys=(replace(who.passkeys[0], sign_count=stored),))
    assert (confirm(counted, device) is not None) is right


def test_an_answer_is_good_for_its_own_challenge_only() -> None:
    device = Authenticator()
    who = enrol(device)
    first, second = VERIFIER.start(who, SITE, None), VERIFIER.start(who, SITE, None)
    answer = device.get(first.options, SITE.origin)
    assert check(who, answer, second.secret) is None
    assert check(who, answer, first.secret)


def test_without_a_challenge_nothing_is_right() -> None:
    device = Authenticator()
    who = enrol(device)
    options = json.loads(VERIFIER.start(who, SITE, None).options) | {"challenge": ""}
    assert check(who, device.get(json.dumps(options), SITE.origin), b"") is None


def test_someone_elses_passkey_confirms_nothing() -> None:
    device = Authenticator()
    alice, bob = enrol(device), enrol(device, "bob")
    started = VERIFIER.start(alice, SITE, None)
    assert check(alice, device.get(started.options, SITE.origin, id=bob.passkeys[0].id), started.secret) is None
    stolen = replace(alice, subject="bob")
    assert check(stolen, device.get(started.options, SITE.origin), started.secret) is None


def test_any_of_several_passkeys_will_do() -> None:
    first, second = Authenticator(), Authenticator()
    passkeys = (*enrol(first).passkeys, *enrol(second).passkeys)
    who = Credentials("alice", passkeys=passkeys)
    assert [verified and verified.credential for verified in (confirm(who, first), confirm(who, second))] == [
        passkey.id for passkey in passkeys
    ]


def test_a_passkey_of_another_host_confirms_nothing() -> None:
    device = Authenticator()
    who = enrol(device, site=OTHER_SITE)
    assert not VERIFIER.usable(who, SITE, None)
    assert VERIFIER.start(who, SITE, None) == Started()
    started = VERIFIER.start(who, OTHER_SITE, None)
    answer = device.get(started.options, SITE.origin, rp_id=SITE.rp_id)
    assert check(who, answer, started.secret) is None


@pytest.mark.parametrize(("since", "counts"), [(99, False), (100, False), (101, True), (None, True)])
def test_a_passkey_enrolled_after_the_sign_in_confirms_nothing(since: int | None, counts: bool) -> None:
    device = Authenticator()
    who = enrol(device)
    assert VERIFIER.usable(who, SITE, since) is counts
    assert bool(VERIFIER.start(who, SITE, since).options) is counts
    started = VERIFIER.start(who, SITE, None)
    answer = device.get(started.options, SITE.origin)
    assert (check(who, answer, started.secret, since=since) is not None) is counts


def test_handles_outlive_a_rotation_of_the_secret() -> None:
    device = Authenticator()
    who = enrol(device)
    started = VERIFIER.start(who, SITE, None)
    answer = device.get(started.options, SITE.origin)
    assert check(who, answer, started.secret, verifier=PasskeyVerifier(Keyring([NEW, OLD])))
    assert check(who, answer, started.secret, verifier=PasskeyVerifier(Keyring([NEW]))) is None


# -- sign-in without a name


def test_a_passkey_signs_in_without_a_name() -> None:
    device = Authenticator()
    who = enrol(device)
    challenge = b"c" * 64
    started = VERIFIER.start_discoverable(SITE, challenge)
    options = json.loads(started.options)
    assert (options["allowCredentials"], options["userVerification"]) == ([], "required")
    assert (decode(options["challenge"]), started.secret) == (challenge, challenge)
    answer = device.get(started.options, SITE.origin)
    assert VERIFIER.named({"passkey": answer}) == who.passkeys[0].id
    assert check(who, answer, challenge)


def test_a_challenge_is_random_unless_it_is_given() -> None:
    first, second = VERIFIER.start_discoverable(SITE), VERIFIER.start_discoverable(SITE)
    assert len(first.secret) == 64
    assert first.secret != second.secret


# -- hostile answers


@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", "{}", "1", '"a"', "\0", "{", "[" * LONGEST, '{"a":' * 5000, "NaN", "\ud800", "{}" * LONGEST],
    ids=lambda text: text[:6].encode("unicode_escape").decode(),
)
def test_what_is_no_credential_is_wrong_and_names_nothing(text: str) -> None:
    who = enrol(Authenticator())
    assert check(who, text, b"c" * 64) is None
    assert register(text, b"c" * 64) is None
    assert VERIFIER.named({"passkey": text}) is None
    assert VERIFIER.named({}) is None


@pytest.mark.parametrize("member", ["id", "rawId", "type", "clientDataJSON", "authenticatorData", "signature"])
def test_junk_in_any_member_is_wrong(member: str) -> None:
    device = Authenticator()
    who = enrol(device)
    started = VERIFIER.start(who, SITE, None)
    for junk in JUNK:
        answer = json.loads(device.get(started.options, SITE.origin))
        place = answer if member in answer else answer["response"]
        place[member] = junk
        assert check(who, json.dumps(answer), started.secret) is None


@pytest.mark.parametrize("member", ["id", "rawId", "type", "clientDataJSON", "attestationObject"])
def test_junk_in_any_member_of_a_registration_is_wrong(member: str) -> None:
    started = VERIFIER.start_registration(NOBODY, SITE)
    for junk in JUNK:
        answer = json.loads(Authenticator().create(started.options, SITE.origin))
        place = answer if member in answer else answer["response"]
        place[member] = junk
        assert register(json.dumps(answer), started.secret) is None


@pytest.mark.parametrize("member", ["clientDataJSON", "authenticatorData", "signature"])
def test_no_bit_of_an_answer_can_be_changed(member: str) -> None:
    device = Authenticator()
    who = enrol(device)
    started = VERIFIER.start(who, SITE, None)
    answer = json.loads(device.get(started.options, SITE.origin))
    signed = decode(answer["response"][member])
    for place in range(len(signed)):
        flipped = signed[:place] + bytes([signed[place] ^ 1 << place % 8]) + signed[place + 1 :]
        answer["response"][member] = encode(flipped)
        assert check(who, json.dumps(answer), started.secret) is None
    answer["response"][member] = encode(signed)
    assert check(who, json.dumps(answer), started.secret)


def test_a_public_key_that_makes_no_sense_fits_nothing() -> None:
    device = Authenticator()
    who = enrol(device)
    for key in (b"", b"\xff", who.passkeys[0].public_key[:-1] + b"\0"):
        assert confirm(replace(who, passkeys=(replace(who.passkeys[0], public_key=key),)), device) is None


def test_an_answer_has_an_end() -> None:
    device = Authenticator()
    who = enrol(device)
    started = VERIFIER.start(who, SITE, None)
    answer = device.get(started.options, SITE.origin)
    assert check(who, answer.ljust(LONGEST), started.secret)
    assert check(who, answer.ljust(LONGEST + 1), started.secret) is None
