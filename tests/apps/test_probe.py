"""`gateway probe` on the real apps' login pages: each is recognised, and what is printed loads."""

import tomllib

import pytest

from gateway import cli
from gateway.config import presets

PAGES = {
    "dokuwiki": ("wiki", "/doku.php?id=start&do=login"),
    "django-admin": ("django", "/admin/"),
    "jupyter": ("notebooks", "/login"),
    "mediawiki": ("pedia", "/index.php?title=Special:UserLogin"),
    "phpmyadmin": ("desk", "/"),
    "redmine": ("tracker", "/login"),
    "wordpress": ("blog", "/wp-admin/"),
}


def test_every_preset_is_tried():
    assert set(PAGES) == set(presets.names())


@pytest.mark.parametrize("preset", presets.names())
def test_the_login_page_of_an_app_is_recognised(preset, request, capsys):
    fixture, page = PAGES[preset]
    app = request.getfixturevalue(fixture)
    capsys.readouterr()
    assert cli.main(["probe", app.url + page]) == 0
    [table] = tomllib.loads(capsys.readouterr().out)["app"]
    assert table == {"name": preset, "upstream": app.url, "preset": preset}
