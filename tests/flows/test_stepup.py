"""Who may confirm what, and how often it counts: the rules that stories do not reach."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.config.secrets import Keyring
from gateway.config.settings import App, IdentityHeaders, SessionLife
from gateway.directory.base import Directory
from gateway.flows.proof import NotProved, Prover
from gateway.flows.sessions import Found, Sessions, key_of
from gateway.flows.stepup import GRANT, Confirmed, StepUp
from gateway.flows.throttle import Throttle
from gateway.policy.credentials import Password, Person
from gateway.policy.decision import decide
from gateway.policy.facts import (
    AuthEvent,
    Challenge,
    Confirmation,
    Forward,
    HeldRequest,
    Reason,
    Refuse,
    Request,
    Requirement,
    Route,
    Session,
)
from gateway.policy.holdable import Declined, Hold
from gateway.stores.base import HoldLimits, State
from gateway.verifiers.base import Site
from gateway.verifiers.password import PasswordVerifier
from gateway.verifiers.totp import TotpVerifier

NOW = 1_800_000_000
SECRET = "correct horse battery"
KEYRING = Keyring([b"k" * 32])
ANY = Requirement((frozenset({"password"}),), 300)
EMAIL = Route("change-email", "Change your e-mail address", "/email", ANY)
PAY = Route("pay", "Send money", "/pay", replace(ANY, once=True))
VAULT = Route("vault", "Open the vault", "/vault", Requirement((frozenset({"totp"}),), 300))
ROUTES = {route.name: route for route in (EMAIL, PAY, VAULT)}
APP = App(
    name="notes",
    host="notes.test",
    origin="https://notes.test",
    upstream="http://127.0.0.1:9",
    signin="local",
    public=(),
    headers=IdentityHeaders(),
    stepup=ANY,
    hold_max=1 << 20,
    hold_for=600,
    routes=tuple(ROUTES.values()),
)
PASSWORDS = PasswordVerifier()


class House:
    """One app's confirmations on real stores, with alice and bob, and a session of an hour ago."""

    def __init__(self, state: State, directory: Directory) -> None:
        self.state, self.directory = state, directory
        self.sessions = Sessions(state, SessionLife(idle=7200, absolute=86400))
        verifiers = {"password": PASSWORDS, "totp": TotpVerifier(KEYRING)}
        prover = Prover(directory, verifiers, Throttle(state.throttle, KEYRING))
        site = Site(APP.host, APP.name, APP.origin)
        limits = HoldLimits()
        self.stepup = StepUp(
            APP, site, ROUTES, state=state, sessions=self.sessions, prover=prover, keyring=KEYRING, limits=limits
        )

    async def signed_in(self, subject: str, ago: int = 3600) -> Found:
        if await self.directory.people.get(subject) is None:
            await self.directory.people.add(Person(subject, subject, NOW - 9999))
            hashed = await PASSWORDS.hash(SECRET)
            await self.directory.credentials.set_password(subject, Password(hashed, NOW - 9999, 0), expected=None)
        event = AuthEvent("password", NOW - ago, ("pwd",))
        token, session = await self.sessions.open("notes", subject, (event,), address="", agent="", now=NOW - ago)
        return Found(session, key_of(token), True)

    async def ask(self, session: Session, route: Route, *, hold: bool = True, body: bytes = b"x") -> Confirmation:
        verdict = Hold(()) if hold else None
        asked = await self.stepup.ask(request(route), session, challenge(session, route), verdict, body, (), "/")
        assert isinstance(asked, Confirmation)
        return asked

    async def answer(self, asked: Confirmation, found: Found, password: str = SECRET) -> object:
        return await self.stepup.answer(asked, found, "password", {"password": password}, "192.0.2.1", NOW)


@pytest.fixture
def house(state: State, directory: Directory) -> House:
    return House(state, directory)


def request(route: Route, query: bytes = b"") -> Request:
    path = route.path.encode()
    target = path + b"?" + query if query else path
    return Request("POST", target, path, query, (), APP.host, "192.0.2.1", "id", NOW)


def challenge(session: Session, route: Route) -> Challenge:
    decision = decide((route,), session, NOW)
    assert isinstance(decision, Challenge)
    return decision


async def test_a_right_answer_gives_a_new_id_and_a_ticket_that_works_once(house: House) -> None:
    found = await house.signed_in("alice")
    asked = await house.ask(found.session, EMAIL, body=b"the very bytes")
    done = await house.answer(asked, found)
    assert isinstance(done, Confirmed) and done.done and done.ticket
    assert isinstance(decide((EMAIL,), done.session, NOW), Forward)
    held = await house.stepup.redeem(done.confirmation, done.ticket, NOW)
    assert isinstance(held, HeldRequest) and held.body == b"the very bytes"
    assert await house.stepup.redeem(done.confirmation, done.ticket, NOW) is False


@pytest.mark.parametrize("ticket", ["", GRANT, "A" * 32])
async def test_no_other_ticket_opens_it(house: House, ticket: str) -> None:
    found = await house.signed_in("alice")
    asked = await house.ask(found.session, EMAIL)
    assert await house.stepup.redeem(asked, ticket, NOW) is False
    done = await house.answer(asked, found)
    assert isinstance(done, Confirmed)
    assert await house.stepup.redeem(done.confirmation, ticket, NOW) is False


async def test_a_wrong_answer_changes_nothing(house: House) -> None:
    found = await house.signed_in("alice")
    asked = await house.ask(found.session, EMAIL)
    assert await house.answer(asked, found, "wrong") == NotProved(Reason.WRONG)
    assert await house.sessions.renew(found, (), NOW) is not None


async def test_it_is_there_for_its_own_session_only(house: House) -> None:
    mine, hers, bobs = [(await house.signed_in(name)).session for name in ("alice", "alice", "bob")]
    asked = await house.ask(mine, EMAIL)
    assert await house.stepup.find(asked.id, mine, NOW) == asked
    assert await house.stepup.find(asked.id, hers, NOW) is None
    assert await house.stepup.find(asked.id, bobs, NOW) is None
    assert await house.stepup.find(asked.id, replace(mine, subject="bob"), NOW) is None
    assert await house.stepup.find(asked.id, mine, NOW + 601) is None


async def test_a_session_that_ended_meanwhile_confirms_nothing(house: House) -> None:
    found = await house.signed_in("alice")
    asked = await house.ask(found.session, EMAIL)
    await house.sessions.end(ref=found.session.ref)
    assert await house.answer(asked, found) is None
    assert await house.stepup.find(asked.id, found.session, NOW) is None


async def test_an_id_that_was_renewed_meanwhile_confirms_nothing(house: House) -> None:
    found = await house.signed_in("alice")
    asked = await house.ask(found.session, EMAIL)
    await house.sessions.renew(found, (), NOW)
    assert await house.answer(asked, found) is None


async def test_a_once_action_is_granted_to_just_that_request_and_once(house: House) -> None:
    found = await house.signed_in("alice", ago=0)
    asked = await house.ask(found.session, PAY, hold=False)
    done = await house.answer(asked, found)
    assert isinstance(done, Confirmed) and done.done and not done.ticket
    assert done.session.events == found.session.events
    grant = house.stepup.grant
    assert await grant(request(PAY, b"to=eve"), done.session, ()) is None
    assert await grant(request(PAY), done.session, (("to", "eve"),)) is None
    assert await grant(replace(request(PAY), method="PUT"), done.session, ()) is None
    assert await grant(request(PAY), (await house.signed_in("alice")).session, ()) is None
    found_again = await grant(request(PAY), done.session, ())
    assert found_again is not None
    assert await house.stepup.redeem(found_again, GRANT, NOW) is True
    assert await grant(request(PAY), done.session, ()) is None


async def test_whoever_cannot_show_it_is_refused_and_nothing_is_kept(house: House) -> None:
    session = (await house.signed_in("alice")).session
    decision = challenge(session, VAULT)
    refused = await house.stepup.ask(request(VAULT), session, decision, Hold(()), b"x", (), "/")
    assert refused == Refuse(Reason.NO_VERIFIER, (VAULT,))


async def test_what_could_not_be_sent_waits_for_another_try(house: House) -> None:
    found = await house.signed_in("alice")
    done = await house.answer(await house.ask(found.session, EMAIL), found)
    assert isinstance(done, Confirmed)
    held = await house.stepup.redeem(done.confirmation, done.ticket, NOW)
    assert isinstance(held, HeldRequest)
    again = await house.stepup.restore(done.confirmation, held, NOW)
    assert again != done.ticket
    assert await house.stepup.redeem(done.confirmation, done.ticket, NOW) is False
    assert await house.stepup.redeem(done.confirmation, again, NOW) == held


async def test_that_a_ticket_was_used_is_said_to_whoever_has_it_and_to_nobody_else(house: House) -> None:
    found, bobs = await house.signed_in("alice"), (await house.signed_in("bob")).session
    done = await house.answer(await house.ask(found.session, EMAIL), found)
    assert isinstance(done, Confirmed)
    id, ticket = done.confirmation.id, done.ticket
    assert await house.stepup.used(id, ticket, found.session, NOW) is None
    held = await house.stepup.redeem(done.confirmation, ticket, NOW)
    used = await house.stepup.used(id, ticket, found.session, NOW)
    assert used is not None and (used.id, used.target) == (id, EMAIL.path)
    assert await house.stepup.used(id, "A" * 32, found.session, NOW) is None
    assert await house.stepup.used(id, ticket, bobs, NOW) is None
    assert isinstance(held, HeldRequest)
    again = await house.stepup.restore(done.confirmation, held, NOW)
    assert await house.stepup.used(id, ticket, found.session, NOW) is None
    assert await house.stepup.redeem(done.confirmation, again, NOW) == held


async def test_an_expired_sessions_request_goes_to_the_same_person_only(house: House) -> None:
    old, new, bobs = [(await house.signed_in(name)).session for name in ("alice", "alice", "bob")]
    expired = Challenge(Reason.EXPIRED, (), 0)
    asked = await house.stepup.ask(request(EMAIL), old, expired, Hold(()), b"typed", (), "/")
    assert isinstance(asked, Confirmation) and asked.held
    assert await house.stepup.adopt(asked.id, old, bobs, NOW) is None
    adopted = await house.stepup.adopt(asked.id, old, new, NOW)
    assert adopted is not None
    mine, ticket = adopted
    held = await house.stepup.redeem(mine, ticket, NOW)
    assert isinstance(held, HeldRequest) and (held.session, held.body) == (new.ref, b"typed")
    assert await house.stepup.adopt(asked.id, old, new, NOW) is None


async def test_when_a_session_holds_too_much_the_next_is_not_held_and_says_so(house: House) -> None:
    session = (await house.signed_in("alice")).session
    most = HoldLimits().per_session
    asked = [await house.ask(session, EMAIL, body=b"%d" % number) for number in range(most + 1)]
    assert [each.held for each in asked] == [True] * most + [False]
    assert asked[-1].declined == Declined.QUOTA
