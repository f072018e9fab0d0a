"""Django as `django-admin startproject` makes it, settings untouched, with its admin site and its own server."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.apps.forms import form, send
from tests.support.processes import Program, free_port, launch, wait_for
from tests.support.visitor import Visitor

OFFICE_PASSWORD = "office-admin-pw1"
LOGGED = re.compile(r'"(\S+ \S+) HTTP/1\.[01]" \d{3}')


@dataclass
class Office:
    """One project. Its superuser is `admin`; tests add people of their own to it."""

    folder: Path
    port: int
    program: Program

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def sql(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        """On Django's own database."""
        with closing(sqlite3.connect(self.folder / "db.sqlite3", timeout=10)) as database, database:
            return database.execute(statement, values).fetchall()

    def add(self, name: str) -> int:
        """A person without rights or password; the id."""
        self.sql(
            "insert into auth_user (username, password, email, first_name, last_name, is_superuser, is_staff,"
            " is_active, date_joined) values (?, '!', ?, '', '', 0, 0, 1, '2026-01-01')",
            name,
            f"{name}@example.test",
        )
        [(id,)] = self.sql("select id from auth_user where username = ?", name)
        assert isinstance(id, int)
        return id

    def staff(self, name: str, password: str, **rest: str) -> int:
        """A person who may sign in to the admin site; `rest` are more columns. The id."""
        id = self.add(name)
        key = base64.b64encode(hashlib.pbkdf2_hmac("sha256", password.encode(), b"salt", 1)).decode()
        columns = {"password": f"pbkdf2_sha256$1$salt${key}", "is_staff": "1", **rest}
        for column, value in columns.items():
            self.sql(f"update auth_user set {column} = ? where id = ?", value, id)
        return id

    def person(self, id: int) -> tuple[object, ...]:
        """Email and whether staff."""
        [found] = self.sql("select email, is_staff from auth_user where id = ?", id)
        return found

    def posts(self, target: str) -> int:
        """How many POSTs to `target` it has answered, from the log of its server."""
        return LOGGED.findall(self.program.output()).count(f"POST {target}")

    def start(self) -> None:
        """Again, on the same port and database."""
        self.program = _serve(self.folder, self.port)
        wait_for(self.program, self.port, "/admin/login/")


@contextmanager
def office(folder: Path) -> Iterator[Office]:
    """The project, made and served until the end of the block."""
    if importlib.util.find_spec("django") is None:
        raise RuntimeError("Django is needed: pip install 'django>=5.2'")
    folder.mkdir()
    superuser = {"USERNAME": "admin", "EMAIL": "admin@example.test", "PASSWORD": OFFICE_PASSWORD}
    env = os.environ | {f"DJANGO_SUPERUSER_{key}": value for key, value in superuser.items()}
    for arguments in (
        ["-m", "django", "startproject", "office", "."],
        ["manage.py", "migrate", "-v0"],
        ["manage.py", "createsuperuser", "--noinput", "-v0"],
    ):
        subprocess.run([sys.executable, *arguments], cwd=folder, env=env, check=True, timeout=60)
    port = free_port()
    made = Office(folder, port, _serve(folder, port))
    try:
        wait_for(made.program, port, "/admin/login/")
        yield made
    finally:
        made.program.stop()


def _serve(folder: Path, port: int) -> Program:
    return launch([sys.executable, "manage.py", "runserver", "--noreload", f"127.0.0.1:{port}"], folder)


def sign_in(visitor: Visitor, name: str, password: str) -> None:
    """To the gateway as that person, and to the admin site as its superuser, with the form of each."""
    visitor.sign_in(name, password)
    sign_in_to_django(visitor)


def sign_in_to_django(visitor: Visitor) -> None:
    """As its superuser."""
    login = form(visitor.get("/admin/").text, "username")
    send(visitor, login, login.filled(username="admin", password=OFFICE_PASSWORD))
    assert "Site administration" in visitor.page.text
