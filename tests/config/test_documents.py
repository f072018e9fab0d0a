"""The documents keep up with the format."""

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


def test_the_file_in_the_documentation_is_good(tmp_path):
    text = (TOP / "docs/configuration.md").read_text()
    file = tmp_path / "routes.toml"
    file.write_text(text.partition("```toml\n")[2].partition("```")[0].replace("file:gateway.secret", "env:S"))
    report = check(file, env={"S": "s" * 32})
    assert (report.problems, report.warnings) == ([], [])
