"""What is written out by hand is what a writer of JSON would write, and is read as what it was."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest

from gateway.policy.facts import AuthEvent, Confirmation
from gateway.stores.encoding import confirmation_of, confirmation_text

EVENTS = (AuthEvent("password", 1, ("pwd",)), AuthEvent("totp", 2, ("otp", "user")))
ODD = 'a "quoted" \\ back\nslash \x00 \x7f é \u2028 \U0001f600'
PLAIN = Confirmation("c", "notes", "ref", "ada", ("r",), "POST", "/", (), "/", 3, 4)
FULL = Confirmation(
    *(f"{number} {ODD}" for number in range(4)),
    (ODD, "other"),
    ODD,
    ODD,
    ((ODD, ODD), ("name", "")),
    ODD,
    10**12,
    0,
    held=True,
    declined=ODD,
    events=EVENTS,
    ticket=ODD,
    version=7,
)


@pytest.mark.parametrize("confirmation", [PLAIN, replace(PLAIN, routes=()), replace(PLAIN, events=EVENTS), FULL])
def test_a_confirmation_is_all_its_fields_as_json_and_read_as_it_was(confirmation: Confirmation) -> None:
    text = confirmation_text(confirmation)
    assert text.isascii()
    assert json.loads(text) == json.loads(json.dumps(asdict(confirmation)))
    assert confirmation_of(text) == confirmation
