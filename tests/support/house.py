"""The gateway in front of the bundled notes app, and new people for it, who were there long before any test."""

from __future__ import annotations

import asyncio
import json
import os
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pyotp

from gateway.app import open_directory, open_state
from gateway.config.load import load
from gateway.flows.people import People
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
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def url(self) -> str:
        return self.front.url

    def newcomer(self, *, phone: bool = False) -> Newcomer:
        """A person nobody has met before."""
        name = f"{'ida' if phone else 'alice'}{next(self._numbers)}"
        with ThreadPoolExecutor(1) as beside:  # Playwright keeps an event loop of its own in the tests' thread
            secret = beside.submit(asyncio.run, self._add(name, phone)).result()
        return Newcomer(name, AuthenticatorApp(secret) if secret else None)

    def deeds(self, who: Newcomer) -> list[str]:
        """Every sensitive thing the app did for them, by its own log: "changed e-mail: a@b.test"."""
        with urllib.request.urlopen(f"{self.app}/log.json", timeout=5) as answer:
            log = json.load(answer)
        return [f"{each['action']}: {each['detail']}" for each in log if each["user"] == who.name]

    async def _add(self, name: str, phone: bool) -> str:
        settings = load(self.front.folder / "routes.toml", env=os.environ)
        directory, state = open_directory(settings), open_state(settings)
        people = People(directory, state, settings.session, PasswordVerifier(), settings.keyring)
        then = int(time.time()) - AN_HOUR
        try:
            await people.add(name, name.title(), PASSWORD, then)
            uri = await people.add_totp(name, "Fieldnotes", then) if phone else ""
        finally:
            await directory.life.close()
            await state.life.close()
        return parse_qs(urlsplit(uri).query).get("secret", [""])[0]


@contextmanager
def house(folder: Path, *, session: str = "") -> Iterator[House]:
    """The whole of it; `session` is the text of the [session] table."""
    with sample_app(folder / "app") as app:
        routes = f"[session]\n{session}\n" + ROUTES.format(upstream=app)
        with gateway(folder / "gateway", routes, people={}) as front:
            yield House(front, app)
