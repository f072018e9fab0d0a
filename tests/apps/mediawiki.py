"""MediaWiki as Debian packages it, on PHP's own web server and SQLite. What it writes goes into a folder of the
test's; its code stays where the package put it."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.apps.forms import form, send
from tests.support.processes import Program, free_port, launch, wait_for
from tests.support.visitor import Visitor

CODE = Path("/usr/share/mediawiki")
PEDIA_PEOPLE = {"Ann Admin": "pedia admin pw1", "Bob": "pedia bob's pw 2"}
"""`Ann Admin` is a bureaucrat and an administrator, of the interface too; `Bob` is nobody in particular."""

SETTINGS = """
$wgServer = WebRequest::detectServer(false);
$wgJobRunRate = 0;
$wgMainCacheType = CACHE_DB;
$wgEnableEmail = true;
$wgEmailAuthentication = false;
$wgPingback = false;
$wgShowExceptionDetails = false;
"""


@dataclass
class MediaWiki:
    """One wiki with two people."""

    folder: Path
    port: int
    program: Program

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def sql(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        """On the wiki's own database."""
        with closing(sqlite3.connect(self.folder / "data/pedia.sqlite", timeout=10)) as database, database:
            rows = database.execute(statement, values).fetchall()
        return [tuple(each.decode() if isinstance(each, bytes) else each for each in row) for row in rows]

    def person(self, name: str) -> tuple[object, object, list[object]]:
        """Address, hash of the password, and groups, by the wiki's own tables."""
        [(id, email, password)] = self.sql(
            "select user_id, user_email, user_password from user where cast(user_name as text) = ?", name
        )
        groups = self.sql("select ug_group from user_groups where ug_user = ? order by ug_group", id)
        return email, password, [group for (group,) in groups]

    def add(self, name: str, password: str) -> None:
        """One more person."""
        _maintain(self.folder, "createAndPromote", name, password)

    def start(self) -> None:
        """Again, on the same port and data."""
        self.program = _serve(self.folder, self.port)


@contextmanager
def mediawiki(folder: Path) -> Iterator[MediaWiki]:
    """The wiki, installed, from when it shows its sign-in page until the end of the block."""
    if not (CODE / "api.php").exists():
        needed = "php-cli php-cgi php-sqlite3 mediawiki"
        raise RuntimeError(f"MediaWiki is needed: apt-get install --no-install-recommends {needed}")
    for name in ("data", "cache"):
        (folder / name).mkdir(parents=True)
    _install(folder)
    port = free_port()
    started = MediaWiki(folder, port, _serve(folder, port))
    try:
        yield started
    finally:
        started.program.stop()


def sign_in_to_pedia(visitor: Visitor, name: str, password: str) -> None:
    """With its own form; the page at hand is the answer to it."""
    login = form(visitor.get("/index.php?title=Special:UserLogin").text, "wpPassword")
    send(visitor, login, login.filled(wpName=name, wpPassword=password))


def _install(folder: Path) -> None:
    admin, *others = PEDIA_PEOPLE
    options = {
        "dbtype": "sqlite",
        "dbname": "pedia",
        "dbpath": folder / "data",
        "confpath": folder,
        "scriptpath": "",
        "pass": PEDIA_PEOPLE[admin],
    }
    _maintain(folder, "install", *(f"--{name}={value}" for name, value in options.items()), "Pedia", admin, settings="")
    with (folder / "LocalSettings.php").open("a") as settings:
        settings.write(SETTINGS + f"$wgCacheDirectory = '{folder / 'cache'}';\n")
    for name in others:
        _maintain(folder, "createAndPromote", name, PEDIA_PEOPLE[name])


def _maintain(folder: Path, script: str, *arguments: str, settings: str = "LocalSettings.php") -> None:
    path = CODE / f"maintenance/{script}.php"
    env = os.environ | _env(folder, settings)
    done = subprocess.run(["php", path, *arguments], env=env, capture_output=True, text=True, timeout=110)
    if done.returncode:
        raise RuntimeError(f"{script}:\n{done.stdout}{done.stderr}")


def _env(folder: Path, settings: str = "LocalSettings.php") -> dict[str, str]:
    return {"MW_CONFIG_FILE": str(folder / settings)} if settings else {}


def _serve(folder: Path, port: int) -> Program:
    options = {"opcache.enable_cli": 1, "display_errors": 0, "sendmail_path": f"cat >> {folder / 'mails'}"}
    php = ["php", *(f"-d{name}={value}" for name, value in options.items())]
    program = launch([*php, "-S", f"127.0.0.1:{port}", "-t", CODE], folder, env=_env(folder))
    wait_for(program, port, "/index.php?title=Special:UserLogin")
    return program
