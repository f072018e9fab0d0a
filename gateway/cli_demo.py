"""`gateway demo`: the gateway in front of the bundled sample app, with a sample person. Nothing is left behind."""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gateway.assembly import open_directory, open_state
from gateway.config.load import load
from gateway.config.settings import Settings
from gateway.errors import ConfigError, UpstreamUnreachable
from gateway.flows.people import People
from gateway.serve import serve
from gateway.verifiers.password import PasswordVerifier

NAME, DISPLAY_NAME, PASSWORD = "alice", "Alice", "correct horse battery"

PACKAGED = Path(__file__).parent / "demo" / "routes.toml"
"""The example, where there is no checkout around this file."""

WELCOME = """
  The demo runs at  {url}
  Sign in as        {name}
  with password     {password}

  Change the e-mail address there, then wait five minutes and do it again: you will be asked to
  confirm, and what you sent goes through. Deleting the account asks every time.
  Passkeys and authenticator apps are added at {url}/.gateway/account;
  "End it now" there saves you the five minutes.
  What is decided, and why, is printed below. Ctrl-C ends the demo.
"""


def add_to(commands: Any, config: argparse.ArgumentParser) -> None:
    """Its place on the command line."""
    command = commands.add_parser("demo", parents=[config], help="run it in front of a sample app, to look around")
    command.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """The command."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that everything below is put away
    with tempfile.TemporaryDirectory(prefix="gateway-demo-") as folder:
        config = Path(folder, "routes.toml")
        settings = _prepared(args.config if args.config.is_file() else PACKAGED, config)
        asyncio.run(_add_person(settings))
        port = urlsplit(settings.apps[0].upstream).port or 80
        if _answers(port):
            raise UpstreamUnreachable(f"something else listens on port {port}, where the sample app should")
        command = [sys.executable, "-m", "gateway.demo.notes", "--port", str(port)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as notes:  # noqa: S603
            try:
                _wait_for(notes, port)
                print(WELCOME.format(url=settings.apps[0].origin, name=NAME, password=PASSWORD), flush=True)
                return serve(config, load(config, env=os.environ), 1)
            finally:
                notes.terminate()


def _prepared(example: Path, config: Path) -> Settings:
    """Those of a copy of the example, with a secret of its own beside it."""
    if example.is_file():
        shutil.copyfile(example, config)
    secret = config.with_name("gateway.secret")
    secret.touch(0o600)
    secret.write_text(secrets.token_urlsafe(48))
    try:
        return load(config, env=os.environ)
    except ConfigError as error:
        raise ConfigError([line.replace(str(config), str(example)) for line in error.problems]) from None


async def _add_person(settings: Settings) -> None:
    directory, state = open_directory(settings), open_state(settings)
    try:
        people = People(directory, state, settings.session, PasswordVerifier(), settings.keyring)
        await people.add(NAME, DISPLAY_NAME, PASSWORD, int(time.time()))  # noqa: TID251
    finally:
        await directory.life.close()
        await state.life.close()


def _wait_for(notes: subprocess.Popen[bytes], port: int) -> None:
    for _ in range(100):
        if notes.poll() is not None:
            break
        if _answers(port):
            return
        time.sleep(0.05)
    raise UpstreamUnreachable(f"the sample app did not start on port {port}")


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
