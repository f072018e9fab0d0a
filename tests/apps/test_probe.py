"""What an operator does first, on the real apps: `gateway probe` recognises the login page, and with what it prints in
the file `gateway login-test` signs in."""

import io
import tomllib

import pytest

from gateway import cli
from gateway.config import presets
from tests.apps.django_admin import OFFICE_PASSWORD
from tests.apps.dokuwiki import WIKI_PASSWORD
from tests.apps.jupyter import NOTEBOOK_PASSWORD
from tests.apps.mediawiki import PEDIA_PEOPLE
from tests.apps.phpmyadmin import DESK_PEOPLE
from tests.apps.redmine import TRACKER_PEOPLE
from tests.apps.wordpress import BLOG_PEOPLE

APPS = {
    "django-admin": ("django", "/admin/", "admin", OFFICE_PASSWORD),
    "dokuwiki": ("wiki", "/doku.php?id=start&do=login", "admin", WIKI_PASSWORD),
    "jupyter": ("notebooks", "/login", None, NOTEBOOK_PASSWORD),
    "mediawiki": ("pedia", "/index.php?title=Special:UserLogin", "Ann Admin", PEDIA_PEOPLE["Ann Admin"]),
    "phpmyadmin": ("desk", "/", "dora", DESK_PEOPLE["dora"]),
    "redmine": ("tracker", "/login", "admin", TRACKER_PEOPLE["admin"]),
    "wordpress": ("blog", "/wp-admin/", "admin", BLOG_PEOPLE["admin"]),
}
GATEWAY = '[gateway]\npublic_url = "{url}"\nsecret = "env:S"\n'


def test_every_preset_is_tried():
    assert set(APPS) == set(presets.names())


@pytest.mark.parametrize("preset", presets.names())
def test_an_app_is_recognised_by_its_page_and_its_own_login_tried(preset, request, capsys, tmp_path, monkeypatch):
    fixture, page, name, password = APPS[preset]
    app = request.getfixturevalue(fixture)
    capsys.readouterr()
    assert cli.main(["probe", app.url + page]) == 0
    printed = capsys.readouterr().out
    assert tomllib.loads(printed)["app"] == [{"name": preset, "upstream": app.url, "preset": preset}]
    file = tmp_path / "routes.toml"
    file.write_text(GATEWAY.format(url=app.url) + printed)
    monkeypatch.setenv("S", "s" * 32)
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{password}\n"))
    arguments = ["--username", name] if name else []
    status = cli.main(["login-test", "--config", str(file), "--password-stdin", *arguments])
    out = capsys.readouterr().out
    assert status == 0, out
    assert f'Signed in as "{name or "owner"}": to the gateway that is {preset}:{name or "owner"}.' in out
    assert "signed out by " in out and password not in out
