"""`gateway migrate`: the directory's tables, brought up to date before the gateways that need them start."""

from __future__ import annotations

import argparse
import asyncio
import os
from typing import Any

from gateway.assembly import migrate
from gateway.config.load import load
from gateway.sql import Migration


def add_to(commands: Any, config: argparse.ArgumentParser) -> None:
    """Its place on the command line."""
    command = commands.add_parser("migrate", parents=[config], help="bring the directory's tables up to date")
    command.add_argument("--check", action="store_true", help="change nothing; exit with 1 if there is something to do")
    command.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """The command."""
    done = asyncio.run(migrate(load(args.config, env=os.environ), dry=args.check))
    print(_said(done, args.check))
    return 1 if args.check and done.found < done.newest else 0


def _said(done: Migration, check: bool) -> str:
    if done.found > done.newest:
        return f"the directory is of version {done.found}; this gateway knows {done.newest}, and can go on with it"
    if done.found == done.newest:
        return f"the directory is up to date: version {done.newest}"
    before = f"version {done.found}" if done.found else "no tables"
    if check:
        return f"the directory has {before}, and version {done.newest} is needed; run: gateway migrate"
    return f"the directory is migrated: it had {before}, and has version {done.newest}"
