"""When a change counts."""

import os
from pathlib import Path

import pytest

from gateway.config.watch import Watch


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "routes.toml").write_text('[gateway]\nsecret = ["file:a", "env:B"]\nstate = "file:kept/state"\n')
    (tmp_path / "a").write_text("a")
    return tmp_path


def test_nothing_is_due_until_something_changes_and_rests_and_then_once(folder: Path) -> None:
    watch = Watch(folder / "routes.toml")
    assert [watch.due() for _ in range(3)] == [False] * 3
    (folder / "a").write_text("other")
    assert watch.due() is False
    (folder / "a").write_text("another")
    assert watch.due() is False
    assert watch.due() is True
    watch.take()
    assert watch.due() is False


def test_a_change_while_the_files_are_read_is_a_change(folder: Path) -> None:
    watch = Watch(folder / "routes.toml")
    (folder / "a").write_text("other")
    watch.due()
    assert watch.due()
    watch.take()
    (folder / "a").write_text("another one")
    assert (watch.due(), watch.due()) == (False, True)


@pytest.mark.parametrize("file", ["routes.toml", "a", "kept/state"])
def test_every_file_that_is_named_is_watched_though_it_is_not_there(folder: Path, file: str) -> None:
    watch = Watch(folder / "routes.toml")
    (folder / file).unlink(missing_ok=True)
    (folder / file).parent.mkdir(exist_ok=True)
    watch.due()
    (folder / file).write_text("[gateway]\n# longer than it ever was, and of another kind")
    assert (watch.due(), watch.due()) == (False, True)


def test_a_file_of_the_same_size_and_age_is_another_one_if_it_took_its_place(folder: Path) -> None:
    watch = Watch(folder / "routes.toml")
    before = os.stat(folder / "a")
    (folder / "b").write_text("b")
    os.utime(folder / "b", ns=(before.st_atime_ns, before.st_mtime_ns))
    os.replace(folder / "b", folder / "a")
    assert (watch.due(), watch.due()) == (False, True)


def test_what_a_bad_file_named_before_it_was_bad_is_still_watched(folder: Path) -> None:
    watch = Watch(folder / "routes.toml")
    (folder / "routes.toml").write_text("[gateway")
    watch.due()
    assert watch.due()
    watch.take()
    (folder / "a").write_text("other")
    assert (watch.due(), watch.due()) == (False, True)
