"""The rules of the house, walked: gateway/ is rooms on floors, and imports point down only."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

HOUSE = Path(__file__).parents[1] / "gateway"
FLOORS = [
    {"errors", "policy", "processes", "sql", "timing"},
    {"config", "sqlite", "postgresql"},
    {"stores", "directory", "verifiers", "identity", "audit", "metrics"},
    {"flows"},
    {"edge"},
    {"assembly"},
    {"app"},
    {"serve"},
    {"cli"},
    {"__main__"},
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
APART = "demo"
"""Bundled, but no part of the house: neither side imports the other."""

PURE = {
    *("__future__", "collections", "collections.abc", "dataclasses", "decimal", "enum", "fractions", "functools"),
    *("binascii", "base64", "hashlib", "hmac", "ipaddress", "itertools", "json", "math", "operator", "re", "string"),
    *("struct", "types", "typing", "unicodedata", "urllib.parse", "datetime", "email.utils", "html"),
}
"""What policy/ may import of the standard library: modules that only compute."""

LONGEST = 300
FORBIDDEN = re.compile(r"\bTODO\b|\bFIXME\b|\bXXX\b|NotImplementedError|/work/|\.\./shared|/root/")


class Import(NamedTuple):
    importer: str
    line: int
    imported: str
    in_function: bool

    def __str__(self) -> str:
        return f"{self.importer}, line {self.line}: imports {self.imported}"


def module(file: Path, house: Path) -> str:
    parts = file.relative_to(house.parent).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def room(name: str) -> str:
    """`gateway.edge.pages.confirm` is in the room edge, `gateway.cli_demo` in cli, `gateway` itself in none."""
    return re.sub("^cli_.*", "cli", name.removeprefix("gateway").lstrip(".").split(".")[0])


def walk(node: ast.AST, in_function: bool = False) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """Every import below a node, and whether it stands in a function."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, in_function
        yield from walk(child, in_function or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda))


def imports(house: Path) -> list[Import]:
    """Every import of every file, each name taken for the module it is, or is in."""
    files = sorted(house.rglob("*.py"))
    modules = {module(file, house) for file in files}
    found = []
    for file in files:
        for node, in_function in walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                whole = [f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names]
                names = [name if name in modules else name.rpartition(".")[0] for name in whole]
            found += [Import(module(file, house), node.lineno, name, in_function) for name in names]
    return found


def faults(house: Path) -> list[str]:
    """Every arrow that should not be there."""
    found = []
    arrows: dict[str, set[str]] = {}
    for arrow in imports(house):
        inner = arrow.imported == "gateway" or arrow.imported.startswith("gateway.")
        here, there = room(arrow.importer), room(arrow.imported)
        if arrow.in_function:
            found.append(f"in a function: {arrow}")
        if arrow.imported.startswith("."):
            found.append(f"relative: {arrow}")
        if here == "policy" and not (inner or arrow.imported in PURE):
            found.append(f"not pure: {arrow}")
        if inner:
            arrows.setdefault(arrow.importer, set()).add(arrow.imported)
        if inner and here != there:
            if APART in (here, there):
                found.append(f"apart: {arrow}")
            elif here not in FLOOR or there not in FLOOR:
                found.append(f"no floor: {arrow}")
            elif (here, there) != ("policy", "errors") and FLOOR[there] >= FLOOR[here]:
                found.append(f"not down: {arrow}")
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as circle:
        found.append(f"a circle: {' -> '.join(circle.args[1])}")
    return found


def test_imports_point_down_in_the_whole_house() -> None:
    assert faults(HOUSE) == []


@pytest.mark.parametrize(
    ("files", "fault"),
    [
        ({"policy/a.py": "import re\nfrom gateway import errors"}, None),
        ({"flows/a.py": "from gateway.stores.base import State"}, None),
        ({"cli_demo.py": "from gateway.serve import serve"}, None),
        ({"stores/a.py": "import gateway.flows.hold"}, "not down"),
        ({"stores/a.py": "from gateway import directory"}, "not down"),
        ({"errors.py": "import gateway.policy.facts"}, "not down"),
        ({"flows/a.py": "def f():\n    import json"}, "in a function"),
        ({"flows/a.py": "class A:\n    async def f(self):\n        from json import loads"}, "in a function"),
        ({"flows/a.py": "from . import hold"}, "relative"),
        ({"flows/a.py": "import gateway.flows.b", "flows/b.py": "from gateway.flows import a"}, "a circle"),
        ({"policy/a.py": "import time"}, "not pure"),
        ({"policy/a.py": "from asyncio import sleep"}, "not pure"),
        ({"policy/a.py": "import httpx"}, "not pure"),
        ({"utils/a.py": "import gateway.errors"}, "no floor"),
        ({"demo/a.py": "import gateway.errors"}, "apart"),
        ({"app.py": "import gateway.demo.notes"}, "apart"),
    ],
)
def test_a_fault_is_found(tmp_path: Path, files: dict[str, str], fault: str | None) -> None:
    house = tmp_path / "gateway"
    rooms = ["policy", "stores", "directory", "flows", "demo", "utils"]
    for name in ["__init__.py", "errors.py", "app.py", *(f"{name}/__init__.py" for name in rooms)]:
        (house / name).parent.mkdir(parents=True, exist_ok=True)
        (house / name).touch()
    for name, text in files.items():
        (house / name).write_text(text)
    assert [line.split(":")[0] for line in faults(house)] == ([] if fault is None else [fault])


def test_no_file_is_too_long_to_be_read_in_one_go() -> None:
    lengths = {str(file.relative_to(HOUSE)): len(file.read_text().splitlines()) for file in HOUSE.rglob("*.py")}
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


def test_nothing_is_left_for_later_and_no_path_of_one_machine_is_named() -> None:
    texts = [file for file in HOUSE.rglob("*") if file.suffix in {".py", ".html", ".css", ".js", ".po", ".svg"}]
    assert [str(file) for file in texts if FORBIDDEN.search(file.read_text())] == []
