"""What is wrong in a file, in words that tell an operator what to write instead."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from gateway.config import shape, shape_login
from gateway.config.kinds import Table
from gateway.config.lines import Place

TABLES: dict[str, type[Table]] = {
    "": shape.File,
    "gateway": shape.GatewayTable,
    "admin": shape.AdminTable,
    "limits": shape.LimitsTable,
    "session": shape.SessionTable,
    "stepup": shape.StepupTable,
    "app": shape.AppTable,
    "headers": shape.HeadersTable,
    "timeouts": shape.TimeoutsTable,
    "route": shape.RouteTable,
    "login": shape_login.LoginTable,
    "success": shape_login.SuccessTable,
    "logout": shape_login.LogoutTable,
    "whoami": shape_login.WhoAmITable,
}
HEADINGS = {
    "gateway": "[gateway]",
    "admin": "[admin]",
    "limits": "[limits]",
    "session": "[session]",
    "stepup": "[stepup]",
    "app": "[[app]]",
    "headers": "[app.headers]",
    "timeouts": "[app.timeouts]",
    "route": "[[app.route]]",
    "login": "[app.login]",
    "success": "[app.login.success]",
    "logout": "[app.login.logout]",
    "whoami": "[app.login.whoami]",
}
EXAMPLES = {
    "gateway": "[gateway]",
    "app": "[[app]]",
    "public_url": 'public_url = "https://notes.example.com"',
    "secret": 'secret = "file:gateway.secret"',
    "name": 'name = "change-email"',
    "upstream": 'upstream = "http://127.0.0.1:9000"',
    "action": 'action = "Change your e-mail address"',
    "path": 'path = "/account/email"',
    "page": 'page = "/login"',
    "password": 'password = "pass"',
    "cookies": 'cookies = ["sessionid"]',
    "success": 'success = { cookie = "sessionid" }',
    "pattern": 'pattern = "Logged in as {user}</b>"',
}
BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


class Complaint(NamedTuple):
    """`text` says what is wrong with what stands at `place`."""

    place: Place
    text: str

    def __str__(self) -> str:
        return f"{dotted(self.place)}: {self.text}" if self.place else self.text


def complaints(error: ValidationError, data: dict[str, Any]) -> Iterator[Complaint]:
    """One for each thing that pydantic found in `data`."""
    for detail in error.errors(include_url=False):
        place = _place(detail, data)
        yield Complaint(place, _text(detail, place))


def settled(found: Complaint, said: dict[str, Any], full: dict[str, Any]) -> Complaint:
    """The same; about the key that names the preset, where it is about what the preset brought.

    `said` is the file's data as written, `full` with what presets bring.
    """
    inner: Any = full
    outer: Any = said
    for step in found.place:
        inner, outer = _inside(inner, step), _inside(outer, step)
        if inner is not None and outer is None:
            return _of_preset(found, full)
        if inner is None:
            break
    return found


def _inside(value: Any, step: str | int) -> Any:
    if isinstance(value, dict):
        return value.get(step)
    return value[step] if isinstance(value, list) and isinstance(step, int) and step < len(value) else None


def _of_preset(found: Complaint, full: dict[str, Any]) -> Complaint:
    top, (key, *rest) = found.place[:2], found.place[2:]
    app = full["app"][top[1]]
    where = dotted((key, *rest))
    if key == "route" and rest:
        where = f'route "{app["route"][rest[0]]["name"]}" {dotted(tuple(rest[1:]))}'.rstrip()
    return Complaint((*top, "preset"), f'in "{app["preset"]}", {where}: {found.text}')


def printable(line: str) -> str:
    """One line that no terminal takes for a command."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in line)


def dotted(place: Place) -> str:
    """app[0].route[2].max_age"""
    said = ""
    for step in place:
        if isinstance(step, int):
            said += f"[{step}]"
        else:
            said += ("." if said else "") + (step if BARE_KEY.fullmatch(step) else json.dumps(step))
    return said


def _place(detail: ErrorDetails, data: dict[str, Any]) -> Place:
    """Where in the file; pydantic also counts what a single value was wrapped in."""
    place: Place = ()
    inner: Any = data
    for step in detail["loc"]:
        if not isinstance(inner, dict if isinstance(step, str) else list):
            break
        place += (step,)
        inner = inner.get(step) if isinstance(inner, dict) else inner[int(step)]
    return place


def _text(detail: ErrorDetails, place: Place) -> str:
    found = _shown(detail["input"])
    match detail["type"]:
        case "missing":
            return f"is missing; write for example {EXAMPLES[str(place[-1])]}"
        case "extra_forbidden":
            return _unknown(place)
        case "value_error":
            if _is_secret(detail):
                found = "this"
            return f"{found} {detail['ctx']['error']}".lstrip()
        case "string_type":
            return f"{found} is not a string; put it in quotes"
        case "bool_type":
            return f"{found} is neither true nor false; write one of them, without quotes"
        case "list_type" if isinstance(detail["input"], dict) and place[-1] in ("app", "route"):
            return f"is a single table; write {HEADINGS[str(place[-1])]}, with two brackets"
        case "list_type":
            return f"{found} is not a list; write it in square brackets"
        case "int_type":
            return f"{found} is not a number; write it without quotes"
        case "model_type" if isinstance(detail["input"], list) and place[-1] in HEADINGS:
            return f"is a list of tables; write {HEADINGS[str(place[-1])]}, with one bracket on each side"
        case "model_type" | "dict_type":
            return f"{found} is not a table"
        case _:
            return f"{found}: {detail['msg']}"


def _unknown(place: Place) -> str:
    key = str(place[-1])
    table = next((step for step in reversed(place[:-1]) if isinstance(step, str)), "")
    known = _keys(table)
    near = difflib.get_close_matches(key, known, 1)
    if near:
        return f'unknown key "{key}"; did you mean "{near[0]}"?'
    if key in HEADINGS:
        return f'unknown key "{key}"; write {HEADINGS[key]}'
    homes = [heading for other, heading in HEADINGS.items() if key in _keys(other)]
    if homes:
        said = f"{', '.join(homes[:-1])} and {homes[-1]}" if len(homes) > 1 else homes[0]
        return f'unknown key "{key}"; it is a key of {said}'
    return f'unknown key "{key}"; known here: {", ".join(known)}'


def _keys(table: str) -> list[str]:
    return [field.alias or name for name, field in TABLES[table].model_fields.items()]


def _is_secret(detail: ErrorDetails) -> bool:
    """A literal in the place of a secret must not be repeated, nor an address with a password in it."""
    said = str(detail["input"])
    if detail["loc"][:2] == ("gateway", "secret"):
        return not said.startswith(("env:", "file:"))
    return detail["loc"][:2] in (("gateway", "state"), ("gateway", "directory")) and any(
        sign in said for sign in ("@", "?", "password")
    )


def _shown(value: object) -> str:
    """A value as the file has it, "" for a whole table."""
    if isinstance(value, dict):
        return ""
    said = json.dumps(value, ensure_ascii=False, default=str)
    return said if len(said) <= 80 else said[:77] + "…" + said[-1]
