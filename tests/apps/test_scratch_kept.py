"""The gateway's own conversation with each app: it proves a password, and leaves nobody's session touched."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from gateway.config.load import load
from gateway.identity.app import AppIdentity
from gateway.policy.facts import Reason
from gateway.policy.login import Accepted, Attempt, Declined
from tests.apps.django_admin import OFFICE_PASSWORD
from tests.apps.dokuwiki import WIKI_PASSWORD
from tests.apps.forms import form, send
from tests.apps.jupyter import NOTEBOOK_PASSWORD
from tests.support.processes import write_config
from tests.support.visitor import Visitor

APPS = [
    ("dokuwiki", "wiki", "admin", WIKI_PASSWORD, "/doku.php?do=login", "u", "p", "/doku.php?do=profile", "oldpass"),
    (
        "django-admin",
        "django",
        "admin",
        OFFICE_PASSWORD,
        "/admin/login/",
        "username",
        "password",
        "/admin/",
        "Site administration",
    ),
    ("jupyter", "notebooks", "owner", NOTEBOOK_PASSWORD, "/login", "", "password", "/api/me", "identity"),
]


@pytest.mark.parametrize(("preset", "app", "name", "right", "page", "user", "field", "own", "shows"), APPS)
def test_a_password_is_proved_and_nothing_is_left_of_it(
    preset: str,
    app: str,
    name: str,
    right: str,
    page: str,
    user: str,
    field: str,
    own: str,
    shows: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    url = request.getfixturevalue(app).url
    with Visitor(url) as person:
        login = form(person.get(page).text, field)
        send(person, login, login.filled(**({user: name} if user else {}), **{field: right}))
        cookies = dict(person.http.cookies)
        told: list[str] = []
        wrong, accepted, stranger = asyncio.run(tries(preset, url, tmp_path, told, name, right))
        assert wrong == Declined(Reason.WRONG, True) and accepted == Accepted(name)
        assert isinstance(stranger, Declined) or not user
        assert [line for line in told if line.startswith("signed out by")]
        assert right not in json.dumps(told)
        assert shows in person.get(own).text
        assert dict(person.http.cookies) == cookies


async def tries(
    preset: str, url: str, folder: Path, told: list[str], name: str, right: str
) -> tuple[Attempt, Attempt, Attempt]:
    """With a wrong password, the right one, and the right one for somebody else."""
    write_config(folder, 8000, f'[[app]]\nname = "app"\nupstream = "{url}"\npreset = "{preset}"\n')
    [app] = load(folder / "routes.toml", env={}).apps
    assert app.login is not None
    identity = AppIdentity(app.login, upstream=app.upstream, origin=app.origin)
    try:
        wrong = await identity.sign_in(name, right + "x", address="192.0.2.7")
        accepted = await identity.sign_in(name, right, address="192.0.2.7", tell=told.append)
        return wrong, accepted, await identity.sign_in("nobody", right, address="192.0.2.7")
    finally:
        await identity.close()
