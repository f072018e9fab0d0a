"""DokuWiki as Debian packages it, on PHP's own web server. What it writes goes into a folder of the test's."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.apps.forms import form, send
from tests.support.processes import Program, free_port, launch, wait_for
from tests.support.visitor import Visitor

CODE = Path("/usr/share/dokuwiki")
SHIPPED = Path("/etc/dokuwiki")
WIKI_PASSWORD = "wiki-admin-pw1"
BEN_PASSWORD = "wiki-ben-pw1"
DATA = ("attic", "cache", "index", "locks", "log", "media", "media_attic", "media_meta", "meta", "pages", "tmp")
LOCAL = """<?php
$conf['useacl'] = 1;
$conf['superuser'] = '@admin';
$conf['savedir'] = '{data}';
"""
PAGES = {"start": "The start page.", "profile": "A page that is named like an action."}
LOGGED = re.compile(r"\[\d{3}\]: (\S+ \S+)")


@dataclass
class DokuWiki:
    """One wiki. Its people are the wiki's own administrator, `admin`, and `ben`."""

    folder: Path
    port: int
    program: Program

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def emails(self) -> dict[str, str]:
        """The address of each of the wiki's people, by name, from its own file."""
        lines = [line for line in (self.folder / "conf/users.auth.php").read_text().splitlines() if ":" in line]
        return {fields[0]: fields[3] for fields in (line.split(":") for line in lines)}

    def seen(self) -> list[str]:
        """Method and target of every request its present process has answered, from the log of its web server."""
        return LOGGED.findall(self.program.output())

    def start(self) -> None:
        """Again, on the same port and data."""
        self.program = _serve(self.folder, self.port)
        wait_for(self.program, self.port, "/doku.php")


@contextmanager
def dokuwiki(folder: Path) -> Iterator[DokuWiki]:
    """The wiki, from when it shows its start page until the end of the block."""
    missing = [what for what in ("php", "php-cgi") if shutil.which(what) is None]
    if missing or not (CODE / "doku.php").exists():
        raise RuntimeError(
            "DokuWiki and PHP are needed: apt-get install --no-install-recommends php-cli php8.2-cgi php-xml dokuwiki"
        )
    _write(folder)
    port = free_port()
    made = DokuWiki(folder, port, _serve(folder, port))
    try:
        wait_for(made.program, port, "/doku.php")
        yield made
    finally:
        made.program.stop()


def _serve(folder: Path, port: int) -> Program:
    settings = {"auto_prepend_file": folder / "prepend.php", "session.save_path": folder / "data/tmp"}
    php = ["php", *(f"-d{name}={value}" for name, value in settings.items()), "-ddisplay_errors=0"]
    return launch([*php, "-S", f"127.0.0.1:{port}", "-t", CODE], folder)


def sign_in(visitor: Visitor, password: str) -> None:
    """To the gateway as alice, and to the wiki as its administrator, with the form of each."""
    visitor.sign_in("alice", password)
    sign_in_to_wiki(visitor, "admin", WIKI_PASSWORD)


def sign_in_to_wiki(visitor: Visitor, name: str, password: str) -> None:
    """With the wiki's own form, to be remembered."""
    login = form(visitor.get("/doku.php?id=start&do=login").text, "u")
    send(visitor, login, login.filled(u=name, p=password, r="1"))
    assert "Logged in as" in visitor.page.text


def _write(folder: Path) -> None:
    conf, data = folder / "conf", folder / "data"
    shutil.copytree(SHIPPED, conf, symlinks=True)
    for name in DATA:
        (data / name).mkdir(parents=True)
    for name, text in PAGES.items():
        (data / "pages" / f"{name}.txt").write_text(text)
    for name in ("acl.auth.php", "users.auth.php"):
        (conf / name).unlink()
    admin, ben = (hashlib.md5(password.encode()).hexdigest() for password in (WIKI_PASSWORD, BEN_PASSWORD))
    (conf / "users.auth.php").write_text(
        f"admin:{admin}:Ann Admin:ann@example.test:admin,user\nben:{ben}:admin:ben@example.test:user\n"
    )
    (conf / "acl.auth.php").write_text("*\t@ALL\t8\n")
    (conf / "local.php").write_text(LOCAL.format(data=data))
    (folder / "prepend.php").write_text(f"<?php define('DOKU_CONF', '{conf}/');")
