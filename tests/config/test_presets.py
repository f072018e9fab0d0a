"""Every preset: it says only what a preset may, and works wherever its app is installed."""

import tomllib

import pytest

from gateway.config import presets, values
from gateway.config.kinds import Table
from gateway.config.load import check
from gateway.config.shape import AppTable

FILE = """\
[gateway]
public_url = "http://localhost:8000"
secret = "env:S"
[[app]]
name = "app"
upstream = "http://127.0.0.1:9000"
preset = "{preset}"
{base}
"""
KEYS = set(AppTable.model_fields) - {"name", "host", "upstream", "preset", "signin", "public", "headers"}

every_preset = pytest.mark.parametrize("preset", presets.names())


@pytest.fixture
def app(tmp_path):
    """The app of that preset, which loads with nothing to say about it."""

    def of(preset, base=""):
        file = tmp_path / "routes.toml"
        file.write_text(FILE.format(preset=preset, base=base))
        report = check(file, env={"S": "s" * 32})
        assert (report.problems, report.warnings) == ([], [])
        [only] = report.settings.apps
        return only

    return of


def test_the_presets_are_files_of_the_package():
    assert presets.names() and all(values.name(name) == name for name in presets.names())
    with pytest.raises(KeyError):
        presets.text("../presets/dokuwiki")


@every_preset
def test_a_preset_loads_without_complaint_wherever_its_app_is(preset, app):
    assert app(preset).login is not None
    assert len(app(preset, 'base = "/sub/app"').routes) == len(app(preset, 'base = ""').routes) > 0


@every_preset
def test_a_preset_says_nothing_that_is_the_operators_to_say(preset):
    data = tomllib.loads(presets.text(preset))
    assert set(data) <= KEYS
    assert set(data.get("stepup", {})) <= {"hold_max", "hold_for"}
    assert all(set(route) & {"verify", "mode"} == set() for route in data["route"])


@every_preset
def test_no_path_of_a_preset_lies_outside_its_base(preset, app):
    found = app(preset, 'base = "/sub"')
    login = found.login
    paths = [route.path for route in (*found.routes, login.request, *([login.logout] if login.logout else []))]
    paths += [out for route in (*found.routes, login.request) for out in route.excepts]
    paths += [login.page, *login.success.redirect, *login.success.redirect_not]
    paths += [login.whoami.target] if login.whoami else []
    assert [path for path in paths if not path.startswith("/sub/")] == []


@every_preset
def test_a_preset_knows_who_is_signed_in_or_says_why_it_cannot(preset, app):
    comments = [line for line in presets.text(preset).splitlines() if line.strip().startswith("#")]
    assert app(preset).login.whoami or any("whoami" in line for line in comments)


@every_preset
def test_a_preset_says_which_version_of_its_app_it_was_tried_with(preset):
    assert "tested with " in presets.text(preset).partition("\n[")[0]


def test_what_a_preset_moves_is_every_path_and_every_address_there_is():
    assert set(_paths(AppTable)) == presets.PATTERNS | presets.TARGETS


def _paths(table, place=()):
    """Where in a table and those inside it a value is a path pattern, or an address on the app."""
    for name, field in table.model_fields.items():
        here = (*place, field.alias or name)
        kinds = list(_kinds((field.annotation, *field.metadata)))
        if {values.pattern, values.target} & {getattr(kind, "func", None) for kind in kinds}:
            yield here
        for kind in kinds:
            if isinstance(kind, type) and issubclass(kind, Table):
                yield from _paths(kind, here)


def _kinds(said):
    for each in said:
        yield each
        yield from _kinds((*getattr(each, "__args__", ()), *getattr(each, "__metadata__", ())))
