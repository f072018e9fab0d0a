"""`gateway serve --watch`: a change that has come to rest is put to work, a bad one changes nothing; both are told."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.echo import Echo
from tests.support.processes import Gateway, free_port, launch, wait_for, write_config
from tests.support.raw import NoAnswer, Raw

ROUTES = """
[[app]]
name = "notes"
upstream = "{upstream}"
public = ["/open/**"]

  [[app.route]]
  name = "secret"
  action = "See it"
  path = "/open/secret"
"""
OPENED = ("/open/secret", "/open/other")
"""A change that can be seen: what was sensitive is open."""


@contextmanager
def watching(folder: Path, config: Path, port: int, *, workers: int = 1) -> Iterator[Gateway]:
    command = [sys.executable, "-m", "gateway", "serve", "--watch", "--workers", str(workers), "--config", config]
    served = Gateway(folder, port, launch(command, folder))
    try:
        wait_for(served.program, port, "/.gateway/healthz")
        yield served
    finally:
        assert served.program.stop() == 0


@pytest.fixture
def gate(app: Echo, tmp_path: Path) -> Iterator[Gateway]:
    port = free_port()
    write_config(tmp_path, port, ROUTES.format(upstream=app.url))
    with watching(tmp_path, tmp_path / "routes.toml", port) as served:
        yield served


def status(gate: Gateway) -> int:
    with Raw(gate.port) as client:
        client.send(b"GET /open/secret HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return client.answer().status


def until(true: Callable[[], object]) -> bool:
    deadline = time.monotonic() + 15
    while not true() and time.monotonic() < deadline:
        time.sleep(0.05)
    return bool(true())


def told(gate: Gateway, words: str) -> int:
    return gate.program.err.read_text().count(words)


def test_a_changed_file_is_put_to_work(gate: Gateway) -> None:
    assert status(gate) == 401
    file = gate.folder / "routes.toml"
    file.write_text(file.read_text().replace(*OPENED))
    assert until(lambda: status(gate) == 200)
    assert told(gate, "reloaded") == 1


def test_a_bad_file_changes_nothing_and_is_told_about_once(gate: Gateway) -> None:
    file = gate.folder / "routes.toml"
    good = file.read_text()
    file.write_text(good + "\n[nonsense]\n")
    assert until(lambda: told(gate, "not reloaded, the last good configuration goes on"))
    time.sleep(2.5)  # two more looks at least
    assert (told(gate, "not reloaded"), status(gate)) == (1, 401)
    file.write_text("deep = " + "[" * 100_000)
    assert until(lambda: told(gate, "goes on: RecursionError"))
    file.write_text(good.replace(*OPENED))
    assert until(lambda: status(gate) == 200)


def test_a_file_that_is_still_being_written_is_left_alone(gate: Gateway) -> None:
    file = gate.folder / "routes.toml"
    good = file.read_text()
    half = good.partition("  [[app.route]]")[0]  # good TOML, and a configuration without the route
    with file.open("w") as slow:
        for part in (half, *(good.removeprefix(half)[at : at + 9] for at in range(0, len(good) - len(half), 9))):
            slow.write(part)
            slow.flush()
            time.sleep(0.3)
            assert (status(gate), told(gate, "reloaded")) == (401, 0)
    assert until(lambda: told(gate, "reloaded"))
    assert (status(gate), told(gate, "not reloaded")) == (401, 0)


def test_a_secret_that_is_replaced_is_read_anew(gate: Gateway) -> None:
    secret = gate.folder / "gateway.secret"
    fresh = secret.with_suffix(".new")
    fresh.write_text("short")
    fresh.chmod(0o600)
    os.replace(fresh, secret)
    assert until(lambda: told(gate, "holds 5 bytes, and a secret needs at least 32"))
    secret.write_text(os.urandom(32).hex())
    secret.chmod(0o600)
    assert until(lambda: told(gate, "\ngateway: reloaded"))


def test_links_are_followed_as_they_are_swapped_by_kubernetes_and_by_every_worker(app: Echo, tmp_path: Path) -> None:
    port = free_port()
    write_config(tmp_path, port, ROUTES.format(upstream=app.url))
    (tmp_path / "mounted").mkdir()
    for number, text in enumerate([(tmp_path / "routes.toml").read_text()] * 2):
        version = tmp_path / "mounted" / f"..version{number}"
        version.mkdir()
        text = text.replace(*OPENED) if number else text
        text = text.replace("file:gateway.secret", f"file:{tmp_path}/gateway.secret")
        (version / "routes.toml").write_text(text.replace("sqlite:", f"sqlite:{tmp_path}/"))
    data = tmp_path / "mounted" / "..data"
    data.symlink_to("..version0")
    config = tmp_path / "mounted" / "routes.toml"
    config.symlink_to("..data/routes.toml")
    with watching(tmp_path, config, port, workers=2) as gate:
        assert status(gate) == 401
        (tmp_path / "mounted" / "..tmp").symlink_to("..version1")
        os.replace(tmp_path / "mounted" / "..tmp", data)
        assert until(lambda: told(gate, "reloaded") and {status(gate) for _ in range(20)} == {200})


def test_nobody_notices_a_reload(gate: Gateway) -> None:
    failures: list[object] = []
    over = threading.Event()

    def ask(kept: bool) -> None:
        while not over.is_set():
            try:
                with Raw(gate.port) as client:
                    for _ in range(20 if kept else 1):
                        client.send(b"GET /open/a HTTP/1.1\r\nHost: localhost\r\n\r\n")
                        answered = client.answer().status
                        failures.extend([answered] * (answered != 200))
                        time.sleep(0.005)
            except (OSError, NoAnswer) as error:
                failures.append(error)

    threads = [threading.Thread(target=ask, args=(number % 2 == 0,)) for number in range(4)]
    for thread in threads:
        thread.start()
    file = gate.folder / "routes.toml"
    try:
        for number in range(2):
            file.write_text(file.read_text() + f"# {number}\n")
            assert until(lambda number=number: told(gate, "\ngateway: reloaded") == number + 1)  # type: ignore[misc]
    finally:
        over.set()
        for thread in threads:
            thread.join(10)
    assert failures == []
