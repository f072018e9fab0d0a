"""The gateway in front of the bundled notes app, and new people for it, who were there long before any test."""

from __future__ import annotations

import asyncio
import json
import os
import time
import urllib.request
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pyotp

from gateway.assembly import open_directory, open_state
from gateway.config.load import load
from gateway.config.settings import Settings
from gateway.flows.sessions import Sessions
from gateway.policy.credentials import Password, Person, Totp
from gateway.policy.facts import AuthEvent
from gateway.verifiers import totp
from gateway.verifiers.password import PasswordVerifier
from tests.support.processes import Gateway, gateway, sample_app

PASSWORD = "correct horse battery"
AN_HOUR = 3600
SHORT = 3
"""Seconds that a confirmation lasts on the one route where tests wait for it to grow stale."""

ROUTES = f"""
[[app]]
name = "notes"
upstream = "{{upstream}}"
public = ["/static/**"]

  [[app.route]]
  name = "change-email"
  action = "Change your e-mail address"
  methods = ["POST"]
  path = "/account/email"
  show = ["email"]
  max_age = "{SHORT}s"

  [[app.route]]
  name = "disable-two-factor"
  action = "Turn off two-factor authentication"
  methods = ["POST"]
  path = "/account/two-factor/disable"
  verify = [["password", "totp"]]

  [[app.route]]
  name = "change-password"
  action = "Change your password in the app"
  methods = ["POST"]
  path = "/account/password"
  show = ["new_password"]

  [[app.route]]
  name = "delete-account"
  action = "Delete your account"
  methods = ["POST"]
  path = "/account/delete"
  max_age = "0s"

  [[app.route]]
  name = "api-keys-create"
  action = "Create an API key"
  methods = ["POST"]
  path = "/api/keys"
  show = ["label"]
  once = true

  [[app.route]]
  name = "api-keys-revoke"
  action = "Revoke an API key"
  methods = ["DELETE"]
  path = "/api/keys/{{{{id}}}}"

  [[app.route]]
  name = "import"
  action = "Import notes"
  methods = ["POST"]
  path = "/notes/import"
  show = ["comment", "file"]

  [[app.route]]
  name = "billing"
  action = "Look at bills and payments"
  path = "/billing/**"
  verify = ["passkey"]

  [[app.route]]
  name = "legacy-delete"
  action = "Delete a page"
  path = "/index.php"
  query_or_form = {{{{ action = ["delete", "purge"] }}}}

  [[app.route]]
  name = "admin"
  action = "Open the administration area"
  path = "/admin/**"
  max_age = "0s"
  mode = "report"
"""


class AuthenticatorApp:
    """On a phone. A code works once; the first is that of the half minute before, so that two can be used at once."""

    def __init__(self, secret: str) -> None:
        self._totp = pyotp.TOTP(secret)
        self._last = 0

    def code(self) -> str:
        """A code not given before; waits for the next one rather than give one that is about to change."""
        step = max(self._last + 1, int(time.time() + 5) // 30 - 1)
        time.sleep(max(0.0, step * 30 - time.time()))
        self._last = step
        return self._totp.generate_otp(step)


@dataclass
class Newcomer:
    """Somebody with a password, and with an authenticator app if `phone` is not None."""

    name: str
    phone: AuthenticatorApp | None
    password: str = PASSWORD


@dataclass
class House:
    """Both processes, and the people who live there."""

    front: Gateway
    app: str
    settings: Settings
    _hashed: str
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def url(self) -> str:
        return self.front.url

    def newcomer(self, *, phone: bool = False) -> Newcomer:
        """A person nobody has met before."""
        name = f"{'ida' if phone else 'alice'}{next(self._numbers)}"
        secret = beside(self._add(name, phone))
        return Newcomer(name, AuthenticatorApp(secret) if secret else None)

    def session_of(self, who: Newcomer, agent: str) -> str:
        """The id of a session that they opened just now, with all they have; `agent` is their browser's own name."""
        return beside(self._sign_in(who, agent))

    def deeds(self, who: Newcomer) -> list[str]:
        """Every sensitive thing the app did for them, by its own log: "changed e-mail: a@b.test"."""
        with urllib.request.urlopen(f"{self.app}/log.json", timeout=5) as answer:
            log = json.load(answer)
        return [f"{each['action']}: {each['detail']}" for each in log if each["user"] == who.name]

    async def _add(self, name: str, phone: bool) -> str:
        directory, then = open_directory(self.settings), int(time.time()) - AN_HOUR
        try:
            await directory.people.add(Person(name, name.title(), then))
            await directory.credentials.set_password(name, Password(self._hashed, then, then), expected=None)
            if not phone:
                return ""
            secret = totp.new_secret()
            sealed = totp.seal(self.settings.keyring, name, name, secret)
            await directory.credentials.add(name, Totp(name, "Phone", sealed, then))
            return secret
        finally:
            await directory.life.close()

    async def _sign_in(self, who: Newcomer, agent: str) -> str:
        state, now = open_state(self.settings), int(time.time())
        events = [AuthEvent("password", now, ("pwd",))] + [AuthEvent("totp", now, ("otp",))] * bool(who.phone)
        try:
            sessions = Sessions(state, self.settings.session)
            token, _ = await sessions.open("notes", who.name, tuple(events), address="127.0.0.1", agent=agent, now=now)
            return token.decode()
        finally:
            await state.life.close()


def beside(story: Coroutine[None, None, str]) -> str:
    """Run it in a thread of its own: in that of the tests, Playwright keeps an event loop."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, story).result()


@contextmanager
def house(folder: Path, *, session: str = "") -> Iterator[House]:
    """The whole of it; `session` is the text of the [session] table."""
    with sample_app(folder / "app") as app:
        routes = f"[session]\n{session}\n" + ROUTES.format(upstream=app)
        with gateway(folder / "gateway", routes, people={}) as front:
            settings = load(front.folder / "routes.toml", env=os.environ)
            yield House(front, app, settings, beside(PasswordVerifier().hash(PASSWORD)))
