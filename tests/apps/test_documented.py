"""The examples themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.apps.documented import BLOCK, PAGE, example
from tests.support.processes import run_cli, write_config


@pytest.mark.parametrize("app", ["wiki", "office"])
def test_an_example_is_whole_and_there_is_nothing_to_say_against_it(app: str, tmp_path: Path) -> None:
    write_config(tmp_path, 8000, example(app, "http://127.0.0.1:9000"))
    checked = run_cli(tmp_path, "check")
    assert checked.returncode == 0 and "warning" not in checked.stdout + checked.stderr


def test_every_example_is_one_that_is_tested() -> None:
    assert len(BLOCK.findall(PAGE.read_text())) == 2
