"""phpMyAdmin as Debian packages it, on PHP's own web server, before a MariaDB. What it writes goes into a folder of the
test's; its code stays where the package put it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.apps.forms import form, send
from tests.apps.mariadb import HOST, MariaDB
from tests.support.processes import Program, free_port, launch, wait_for
from tests.support.visitor import Visitor

CODE = Path("/usr/share/phpmyadmin")
DESK_PEOPLE = {"dora": "desk admin pw1", "bob": "desk bob's pw 2"}
"""`dora` may do everything on the server, `bob` with the database of the name."""

TOKEN = re.compile(r'token:"([^"]*)"')
CONFIG = """<?php
$cfg['blowfish_secret'] = '{secret}';
$cfg['Servers'][1] = ['auth_type' => 'cookie', 'host' => '{host}', 'port' => '{port}', 'AllowNoPassword' => false];
$cfg['TempDir'] = '{folder}/tmp';
$cfg['VersionCheck'] = false;
$cfg['SendErrorReports'] = 'never';
"""
VENDOR = re.compile(r"'configFile' => '[^']*'")


@dataclass
class PhpMyAdmin:
    """One desk before one server; both people have a database of their own there, `dora` and `bob`, with `plants`."""

    folder: Path
    port: int
    program: Program
    database: MariaDB

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def tables(self, owner: str) -> list[str]:
        """Of the database of that name."""
        return [row[0] for row in self.database.sql(f"show tables from {owner}")]

    def plants(self, owner: str) -> list[str]:
        """Names in that table."""
        return [row[0] for row in self.database.sql("select name from plants order by id", database=owner)]

    def users(self) -> list[str]:
        """Everybody the server knows."""
        return sorted({row[0] for row in self.database.sql("select user from mysql.user")})

    def start(self) -> None:
        """Again, on the same port and data."""
        self.program = _serve(self.folder, self.port)


@contextmanager
def phpmyadmin(folder: Path, database: MariaDB) -> Iterator[PhpMyAdmin]:
    """The desk, from when it shows its sign-in page until the end of the block."""
    if not (CODE / "index.php").exists():
        needed = "php-cgi php-mysql phpmyadmin dbconfig-no-thanks"
        raise RuntimeError(f"phpMyAdmin is needed: apt-get install --no-install-recommends {needed}")
    _write(folder, database)
    _people(database)
    port = free_port()
    started = PhpMyAdmin(folder, port, _serve(folder, port), database)
    try:
        yield started
    finally:
        started.program.stop()
        for name in DESK_PEOPLE:
            database.sql(f"drop database if exists {name}; drop user if exists {name}@'{HOST}'")


def sign_in_to_desk(visitor: Visitor, name: str, password: str = "") -> None:
    """With its own form; `password` is theirs unless another is given."""
    page = form(visitor.get("/index.php?route=/").text, "pma_username")
    send(visitor, page, page.filled(pma_username=name, pma_password=password or DESK_PEOPLE[name], server="1"))


def token_of(visitor: Visitor) -> str:
    """What its own check of forms wants of this visitor."""
    found = TOKEN.search(visitor.get("/index.php?route=/git-revision").text)
    assert found is not None
    return found[1]


def _people(database: MariaDB) -> None:
    for name, password in DESK_PEOPLE.items():
        quoted = password.replace("'", "''")
        what = "all on *.*" if name == "dora" else f"all on {name}.*"
        database.sql(f"create database {name}; create user {name}@'{HOST}' identified by '{quoted}'")
        database.sql(f"grant {what} to {name}@'{HOST}'" + (" with grant option" if name == "dora" else ""))
        database.sql("create table plants (id int primary key auto_increment, name varchar(40))", database=name)
        database.sql("insert into plants (name) values ('fern'), ('moss'), ('ivy')", database=name)


def _write(folder: Path, database: MariaDB) -> None:
    for name in ("tmp", "sessions", "site/libraries"):
        (folder / name).mkdir(parents=True)
    site = folder / "site"
    # Where its configuration lies is written in one file of its code; all others are links to those of the package.
    for place in (".", "libraries"):
        for each in (CODE / place).iterdir():
            if each.name not in {"libraries", "vendor_config.php"}:
                (site / place / each.name).symlink_to(each)
    vendor, found = VENDOR.subn(
        f"'configFile' => '{folder}/config.inc.php'", (CODE / "libraries/vendor_config.php").read_text()
    )
    if found != 1:
        raise RuntimeError("this phpMyAdmin keeps the place of its configuration elsewhere")
    (site / "libraries/vendor_config.php").write_text(vendor)
    (folder / "config.inc.php").write_text(
        CONFIG.format(secret=os.urandom(16).hex(), host=HOST, port=database.port, folder=folder)
    )
    # Scripts are found through links: where they are served, and not where they lie, is where their settings are.
    (folder / "prepend.php").write_text(f"<?php define('ROOT_PATH', '{site}/');")


def _serve(folder: Path, port: int) -> Program:
    settings = {
        "auto_prepend_file": folder / "prepend.php",
        "session.save_path": folder / "sessions",
        "opcache.enable_cli": 1,
        "display_errors": 0,
    }
    php = ["php", *(f"-d{name}={value}" for name, value in settings.items())]
    program = launch([*php, "-S", f"{HOST}:{port}", "-t", folder / "site"], folder)
    wait_for(program, port, "/index.php")
    return program
