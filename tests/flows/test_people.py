"""The operator's stories, on real stores: people, their passwords, and their sessions."""

import asyncio

import pyotp
import pytest

from gateway.config.secrets import Keyring
from gateway.config.settings import SessionLife
from gateway.directory.sqlite import open_directory
from gateway.flows.people import Ended, People, refused, subject_of
from gateway.flows.sessions import Sessions
from gateway.flows.throttle import Throttle
from gateway.policy.facts import AuthEvent
from gateway.stores.sqlite import open_state
from gateway.verifiers.base import Site
from gateway.verifiers.password import PasswordVerifier
from gateway.verifiers.totp import TotpVerifier

NOW = 1_000_000
LIFE = SessionLife(idle=1800, absolute=86400)
SITE = Site("localhost", "notes", "http://localhost")
PASSWORD = PasswordVerifier()
KEYRING = Keyring([b"k" * 32])


class House:
    """The stores in a folder, and what stands on them."""

    def __init__(self, folder):
        self.directory = open_directory(folder / "people.db")
        self.state = open_state(folder / "state.db")
        self.sessions = Sessions(self.state, LIFE)
        self.people = People(self.directory, self.state, LIFE, PASSWORD, KEYRING)

    async def sign_in(self, subject, at=NOW):
        events = (AuthEvent("password", at, ("pwd",)),)
        _, session = await self.sessions.open("notes", subject, events, address="192.0.2.1", agent="", now=at)
        return session.ref

    async def password_is(self, subject, password):
        credentials = await self.directory.credentials.of(subject)
        answer = {"password": password}
        return bool(await PASSWORD.check(credentials, answer, SITE, secret=b"", since=None, now=NOW))

    async def left(self, subject=None):
        return [each.ref for each in await self.people.sessions(subject, NOW)]


@pytest.fixture
def story(tmp_path):
    """Runs a story in a house where ada and bob live."""

    def run(tell):
        async def told():
            house = House(tmp_path)
            await house.people.add("ada", "Ada", "correct horse", NOW)
            await house.people.add("bob", "Bob", "battery staple", NOW)
            try:
                await tell(house)
            finally:
                await house.directory.life.close()
                await house.state.life.close()

        asyncio.run(told())

    return run


def test_a_new_person_can_sign_in_with_the_password(story):
    async def tell(house):
        assert await house.password_is("ada", "correct horse")
        assert [(person.subject, person.display_name) for person, _ in await house.people.everybody()] == [
            ("ada", "Ada"),
            ("bob", "Bob"),
        ]

    story(tell)


def test_nobody_is_added_twice(story):
    async def tell(house):
        assert not await house.people.add("ada", "Another", "another password", NOW)
        assert await house.password_is("ada", "correct horse")

    story(tell)


def test_a_new_password_ends_that_persons_sessions_and_counts_as_new(story):
    async def tell(house):
        await house.sign_in("ada")
        bobs = await house.sign_in("bob")
        assert await house.people.set_password("ada", "a better one", NOW + 9) == Ended(1)
        assert await house.left() == [bobs]
        assert await house.password_is("ada", "a better one")
        assert (await house.directory.credentials.of("ada")).password.created_at == NOW + 9

    story(tell)


def test_a_new_password_can_be_used_at_once_by_someone_who_guessed_too_often(story):
    async def tell(house):
        throttle = Throttle(house.state.throttle, KEYRING)
        while not await throttle.take("ada", "192.0.2.1", NOW):
            pass
        await house.people.set_password("ada", "a better one", NOW)
        assert await throttle.take("ada", "192.0.2.1", NOW) == 0

    story(tell)


def test_who_is_disabled_is_signed_out_until_enabled(story):
    async def tell(house):
        await house.sign_in("ada")
        assert await house.people.disable("ada") == Ended(1)
        assert (await house.people.get("ada")).disabled
        assert await house.people.enable("ada")
        assert not (await house.people.get("ada")).disabled

    story(tell)


def test_who_is_deleted_takes_everything_along(story):
    async def tell(house):
        await house.sign_in("ada")
        assert await house.people.delete("ada") == Ended(1)
        assert await house.people.get("ada") is None
        assert (await house.directory.credentials.of("ada")).password is None

    story(tell)


def test_nothing_can_be_done_to_somebody_who_is_not_there(story):
    async def tell(house):
        people = house.people
        assert await people.disable("eve") is await people.delete("eve") is None
        assert not await people.enable("eve")
        assert await people.add_totp("eve", "notes", NOW) == ""

    story(tell)


def test_an_authenticator_of_the_operators_making_works(story):
    async def tell(house):
        uri = await house.people.add_totp("ada", "notes", NOW)
        assert uri.startswith("otpauth://totp/notes:ada?secret=")
        credentials = await house.directory.credentials.of("ada")
        answer = {"code": current_code(uri)}
        assert await TotpVerifier(KEYRING).check(credentials, answer, SITE, secret=b"", since=None, now=NOW)

    story(tell)


def test_sessions_that_ran_out_are_not_listed(story):
    async def tell(house):
        await house.sign_in("ada", at=NOW - 1801)
        alive = await house.sign_in("ada", at=NOW - 1800)
        assert await house.left("ada") == [alive]

    story(tell)


def test_one_session_is_ended_and_the_others_stay(story):
    async def tell(house):
        first, second = await house.sign_in("ada"), await house.sign_in("ada")
        assert await house.people.end_one(first)
        assert not await house.people.end_one(first)
        assert await house.left("ada") == [second]

    story(tell)


def current_code(uri):
    return pyotp.parse_uri(uri).at(NOW)


@pytest.mark.parametrize(
    ("typed", "subject"), [("Ada", "ada"), (" ada ", "ada"), ("ＡＤＡ", "ada"), ("a.b-c_d@e", "a.b-c_d@e")]
)
def test_every_spelling_of_a_name_is_one_person(typed, subject):
    assert subject_of(typed) == subject


@pytest.mark.parametrize("typed", ["", "a b", "ада", "a/b", "a\nb", "a\x00", "a" * 65])
def test_a_name_of_other_letters_is_refused(typed):
    with pytest.raises(ValueError, match="cannot be a name"):
        subject_of(typed)


@pytest.mark.parametrize(
    ("password", "again", "said"),
    [
        ("correct horse", "correct horse", ""),
        ("correct horse", "correct house", "not the same"),
        ("1234567", "1234567", "too short"),
        ("é" * 513, "é" * 513, "too long"),
        ("ada.lovelace", "ada.lovelace", "is the name"),
        ("ADA.Lovelace", "ADA.Lovelace", "is the name"),
        ("        ", "        ", ""),
    ],
)
def test_a_password_is_long_enough_and_not_the_name(password, again, said):
    why = refused(password, again, "ada.lovelace")
    assert said in why and bool(why) == bool(said)
