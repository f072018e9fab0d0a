"""One request, each byte as written: what a preset's table says of it, and what the app itself does with it."""

from __future__ import annotations

import http.client
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from gateway.config.load import load
from gateway.config.settings import App
from gateway.policy.facts import Request
from gateway.policy.routes import RouteTable
from gateway.policy.target import readings
from tests.support.processes import write_config

PAGE = Path(__file__).parents[2] / "docs/presets.md"
BLOCK = re.compile(r"```toml\n(.*?)```", re.DOTALL)
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b"


@dataclass(frozen=True)
class Sent:
    method: str
    target: str
    body: bytes = b""
    kind: str = ""
    headers: dict[str, str] = field(default_factory=dict, hash=False)

    def __str__(self) -> str:
        said = [self.method, self.target, self.kind[:15], self.body.decode()[:60], *self.headers.values()]
        return " ".join(each for each in said if each)


@dataclass(frozen=True)
class Got:
    status: int
    location: str
    text: str


def get(target: str, **headers: str) -> Sent:
    return Sent("GET", target, headers=headers)


def post(target: str, body: str = "", kind: str = FORM, **headers: str) -> Sent:
    return Sent("POST", target, body.encode(), kind, headers)


def part(name: str, value: str) -> str:
    return f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n--b--\r\n'


def app_of(preset: str, folder: Path, *more: str) -> App:
    """The app as a preset describes it; `more` are lines of its table."""
    lines = "\n".join(more)
    write_config(
        folder, 8000, f'[[app]]\nname = "app"\nupstream = "http://127.0.0.1:9000"\npreset = "{preset}"\n{lines}\n'
    )
    return load(folder / "routes.toml", env=os.environ).apps[0]


def documented(heading: str) -> str:
    """The lines that the documentation has for an installation of that app that is not the usual one."""
    section = PAGE.read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    [block] = BLOCK.findall(section)
    return str(block)


def matched(table: RouteTable, sent: Sent) -> set[str]:
    """Names of the routes that this request has to satisfy."""
    path, _, query = sent.target.encode().partition(b"?")
    fields = {**{name.replace("_", "-"): value for name, value in sent.headers.items()}}
    if sent.body:
        fields |= {"content-length": str(len(sent.body)), "content-type": sent.kind}
    headers = tuple((name.lower().encode(), value.encode()) for name, value in fields.items())
    request = Request(sent.method, sent.target.encode(), path, query, headers, "localhost", "192.0.2.1", "id", 0.0)
    match = table.match(request, readings(path))
    return {route.name for route in table.settle(match, request, sent.body)}


@dataclass(frozen=True)
class Wire:
    """One person's requests, straight to an app: no library puts a target in order first."""

    port: int
    cookies: str

    def send(self, sent: Sent) -> Got:
        headers = {"Host": f"127.0.0.1:{self.port}", "Cookie": self.cookies}
        headers |= {name.replace("_", "-"): value for name, value in sent.headers.items()}
        headers |= {"Content-Type": sent.kind} if sent.kind else {}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(sent.method, sent.target, body=sent.body or None, headers=headers)
            answer = connection.getresponse()
            return Got(answer.status, answer.headers.get("Location", ""), answer.read().decode(errors="replace"))
        finally:
            connection.close()
