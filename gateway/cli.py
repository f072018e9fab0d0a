"""The command line. Exit status 0, 1 (failed) or 2 (bad usage or configuration)."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from pkgutil import resolve_name

from gateway.config.apart import Reading
from gateway.config.report import Report
from gateway.config.watch import Watch
from gateway.errors import ConfigError, GatewayError

ELSEWHERE = ("cli_demo", "cli_explain", "cli_login", "cli_probe", "cli_people", "cli_migrate")
"""Other files with commands. Named, not imported: the process that serves carries none of them."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. The exit status."""
    said = sys.argv[1:] if argv is None else argv
    args = _parser(serves="serve" in said[:1]).parse_args(said)
    try:
        status: int = args.run(args)
        sys.stdout.flush()
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    except (GatewayError, ValueError) as error:
        print(f"gateway: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # whoever read has seen enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except EOFError:
        print("\ngateway: nothing was typed", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return status


def _serve(args: argparse.Namespace) -> int:
    watch = Watch(args.config.absolute()) if args.watch else None
    reading = Reading(args.config)
    serve = resolve_name("gateway.serve:serve")  # takes as long, meanwhile
    report = reading.report()
    for line in report.warnings:
        print(f"warning: {line}", file=sys.stderr)
    status: int = serve(args.config, report.good(), args.workers, watch=watch)
    return status


def _check(args: argparse.Namespace) -> int:
    report: Report = resolve_name("gateway.config.load:check")(args.config, env=os.environ)
    for line in report.problems:
        print(line)
    for line in report.warnings:
        print(f"warning: {line}", file=sys.stderr if args.show else None)
    if report.settings is None or report.source is None:
        return 2
    if args.show:
        lines = resolve_name("gateway.cli_show:shown")(args.config, report.settings, report.source)
        print("\n".join(lines))
        return 0
    routes = sum(len(app.routes) for app in report.settings.apps)
    print(f"{args.config}: good; {_count(len(report.settings.apps), 'app')}, {_count(routes, 'route')}")
    return 0


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _workers(text: str) -> int:
    if text not in map(str, range(1, 65)):
        raise argparse.ArgumentTypeError(f'"{text}" is not a number of processes; write 1 to 64')
    return int(text)


class _Version(argparse.Action):
    """Looked up when it is asked for: every other command starts without reading what is installed."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        print(f"gateway {metadata.version('stepup-gateway')}")
        parser.exit()


def _parser(*, serves: bool) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gateway", description="A reverse proxy that asks again before the sensitive things."
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print it")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    config = argparse.ArgumentParser(add_help=False)
    config.add_argument("--config", type=Path, default=Path("routes.toml"), metavar="F", help="default: routes.toml")

    command = commands.add_parser("serve", parents=[config], help="run it; SIGTERM drains, SIGHUP reads the file again")
    command.add_argument("--workers", type=_workers, default=1, metavar="N", help="processes, default: 1")
    command.add_argument("--watch", action="store_true", help="read the file again when it, or one it names, changes")
    command.set_defaults(run=_serve)

    command = commands.add_parser("check", parents=[config], help="say everything that is wrong with the file")
    command.add_argument("--show", action="store_true", help="print it as it works: presets written out, all defaults")
    command.set_defaults(run=_check)

    for name in () if serves else ELSEWHERE:
        resolve_name(f"gateway.{name}:add_to")(commands, config)
    return parser
