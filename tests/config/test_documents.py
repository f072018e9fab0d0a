"""The documents keep up with the format."""

import re
from pathlib import Path

import pytest

from gateway.config.complaints import TABLES
from gateway.config.load import check

TOP = Path(__file__).parents[2]
KEYS = sorted({field.alias or name for table in TABLES.values() for name, field in table.model_fields.items()})


@pytest.mark.parametrize("document", ["routes.toml", "docs/configuration.md"])
@pytest.mark.parametrize("key", KEYS)
def test_every_key_is_documented(key, document):
    assert key in (TOP / document).read_text()


def blocks():
    """The app tables in the documentation of the format."""
    text = (TOP / "docs/configuration.md").read_text()
    return [block for block in re.findall("```toml\n(.*?)```", text, re.DOTALL) if block.startswith("[[app]]")]


@pytest.mark.parametrize("block", blocks())
def test_the_apps_in_the_documentation_are_good(block, tmp_path):
    file = tmp_path / "routes.toml"
    file.write_text(f'[gateway]\npublic_url = "http://localhost:8000"\nsecret = "env:S"\n{block}')
    report = check(file, env={"S": "s" * 32})
    assert (report.problems, report.warnings) == ([], [])
    assert report.settings.apps[0].login is not None


def test_the_sign_in_that_the_example_shows_as_a_comment_is_good(tmp_path):
    text = (TOP / "routes.toml").read_text().replace("file:gateway.secret", "env:S")
    shown = re.sub(r"(?m)^  # (  \w+ +=|\[app\.login\])", r"  \1", text).replace('# signin = "local"', 'signin = "app"')
    file = tmp_path / "routes.toml"
    file.write_text(shown)
    report = check(file, env={"S": "s" * 32})
    assert report.problems == []
    login = report.settings.apps[0].login
    assert login.page and login.tokens and login.logout and login.whoami and login.locked and login.captcha


def test_the_file_in_the_documentation_is_good(tmp_path):
    text = (TOP / "docs/configuration.md").read_text()
    file = tmp_path / "routes.toml"
    file.write_text(text.partition("```toml\n")[2].partition("```")[0].replace("file:gateway.secret", "env:S"))
    report = check(file, env={"S": "s" * 32})
    assert (report.problems, report.warnings) == ([], [])
