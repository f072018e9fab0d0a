"""`gateway explain METHOD URL`: which routes match, what they ask for, and why."""

from __future__ import annotations

import argparse
import json
import os
from typing import Any

from gateway.config.load import load
from gateway.flows.explain import Criterion, Explanation, Verdict, explain, plain, request_of, required


def add_to(commands: Any, config: argparse.ArgumentParser) -> None:
    """Its place on the command line."""
    command = commands.add_parser("explain", parents=[config], help="which routes a request matches, and why")
    command.add_argument("method", metavar="METHOD")
    command.add_argument("url", metavar="URL", help="or only the path, if there is one app")
    command.add_argument("--form", type=_pair("="), nargs="+", action="extend", default=[], metavar="k=v")
    command.add_argument("--header", type=_pair(":"), action="append", default=[], metavar="'N: v'")
    command.add_argument("--json", action="store_true", help="for programs")
    command.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """The command."""
    app, request, body = request_of(args.method, args.url, args.form, args.header, load(args.config, env=os.environ))
    found = explain(app, request, body)
    print(json.dumps(_as_json(found), indent=2) if args.json else "\n".join(_as_text(found)))
    return 0


def _pair(sign: str) -> Any:
    def parse(text: str) -> tuple[str, str]:
        name, found, value = text.partition(sign)
        if not name.strip() or not found:
            raise argparse.ArgumentTypeError(f'"{text}" has no "{sign}"; write name{sign}value')
        return name.strip(), value.strip() if sign == ":" else value

    return parse


def _as_text(found: Explanation) -> list[str]:
    said = [f"{found.request.method} {found.request.target.decode()}  on app {found.app.name} ({found.app.origin})"]
    if found.readings != (plain(found.request),):
        said += ["may be read as", *(f"    {each}" for each in found.readings)]
    if found.methods != (found.request.method,):
        said.append(f"is judged as {' and '.join(found.methods)}")
    said += [found.part] if found.part else []
    hits = [each for each in found.verdicts if each.matches]
    near = [each for each in found.verdicts if each.near]
    said += ["", "Routes that match" if hits else "No route matches: it is not sensitive"]
    for verdict in hits:
        said += _verdict(verdict)
        said.append(f"      asks for   {required(verdict.route.requirement)}")
    if near:
        said += ["", "Routes that match in part"]
        for verdict in near:
            said += _verdict(verdict)
    login = found.app.login
    said += ["", "Somebody who"]
    for who, text in (VISITORS if login is None else VISITORS_OF_APP).items():
        said.append(f"  {text:<34} {found.outcomes[who]}")
    if login is not None and hits:
        said += ["", f"A proof counts only together with the app's own cookies: {', '.join(login.cookies)}"]
    return said


VISITORS = {
    "anonymous": "has not signed in",
    "stale": "is signed in, proof too old",
    "fresh": "is signed in, proved just now",
}
VISITORS_OF_APP = {
    "anonymous": "has not signed in to the app",
    "unseen": "signed in unseen by the gateway",
    "stale": "is signed in, proof too old",
    "fresh": "is signed in, proved just now",
}


def _verdict(verdict: Verdict) -> list[str]:
    mode = "  (report mode)" if verdict.route.report else ""
    width = max(len(each.key) for each in verdict.criteria)
    return [f"  {verdict.route.name}: {verdict.route.action}{mode}", *(_line(each, width) for each in verdict.criteria)]


def _line(criterion: Criterion, width: int) -> str:
    return f"    {'✓' if criterion.holds else '✗'} {criterion.key:<{width}}  {criterion.said}"


def _as_json(found: Explanation) -> dict[str, Any]:
    return {
        "app": found.app.name,
        "method": found.request.method,
        "target": found.request.target.decode(),
        "readings": found.readings,
        "methods": found.methods,
        "public": found.public,
        "signin": found.app.signin,
        "part": found.part,
        "routes": [
            {
                "name": each.route.name,
                "matches": each.matches,
                "mode": "report" if each.route.report else "enforce",
                "requirement": required(each.route.requirement),
                "criteria": [{"key": one.key, "holds": one.holds, "said": one.said} for one in each.criteria],
            }
            for each in found.verdicts
        ],
        "outcomes": dict(found.outcomes),
    }
