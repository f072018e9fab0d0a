"""Redmine as Debian packages it, on Puma and SQLite. What it writes goes into a folder of the test's, with a copy of
its code: Rails keeps both together."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.apps.forms import form, send
from tests.support.processes import Program, free_port, launch, wait_for
from tests.support.visitor import Visitor

CODE = Path("/usr/share/redmine")
GEMS = Path("/usr/share/rubygems-integration/all/specifications")
VERSION = re.compile(r"bundler-([\d.]+)\.gemspec")
TRACKER_PEOPLE = {"admin": "tracker admin pw1", "bob": "tracker bob's pw 2"}
"""`admin` may do everything, `bob` has an account. Their addresses are NAME@example.test."""

API_KEYS = {"admin": "ad" * 20, "bob": "b0" * 20}
DATABASE = "production:\n  adapter: sqlite3\n  database: {}\n  timeout: 10000\n"
GEMFILE = 'gem "sqlite3"\ngem "puma"\n'
SETUP = """
require File.expand_path("config/environment")
ActiveRecord::Migration.verbose = false
ActiveRecord::Base.connection.execute("PRAGMA synchronous=OFF")
ActiveRecord::Base.connection.migration_context.migrate
Rails.application.eager_load!
ObjectSpace.each_object(Class).each { |each| each.reset_column_information if each < ActiveRecord::Base }
{ rest_api_enabled: "1", autologin: "7", login_required: "0" }.each { |name, value| Setting[name] = value }
JSON.parse(ENV.fetch("PEOPLE")).each do |login, password, key|
  user = User.find_by_login(login) || User.new
  user.login = login
  user.firstname, user.lastname, user.mail = login.capitalize, "Example", "#{login}@example.test"
  user.admin, user.language, user.must_change_passwd = login == "admin", "en", false
  user.password = user.password_confirmation = password
  user.save!
  Token.create!(user: user, action: "api").update_columns(value: key)
end
Project.create!(name: "Garden", identifier: "garden")
"""


@dataclass
class Redmine:
    """One tracker, with two people and one project, `garden`."""

    folder: Path
    port: int
    program: Program

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def sql(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        """On the tracker's own database."""
        with closing(sqlite3.connect(self.folder / "redmine.sqlite", timeout=10)) as database, database:
            return database.execute(statement, values).fetchall()

    def person(self, login: str) -> tuple[object, object, object] | None:
        """Address, last name, and hash of the password, by the tracker's own tables; None for nobody."""
        joined = "users left join email_addresses on user_id = users.id and is_default"
        rows = self.sql(f"select address, lastname, hashed_password from {joined} where login = ?", login)
        return (rows[0][0], rows[0][1], rows[0][2]) if rows else None

    def seen(self, line: str) -> int:
        """How often it was asked for that: a method and an address, in quotes, as it logs them."""
        return (self.folder / "site/instances/default/log/production.log").read_text().count(f"Started {line} for ")

    def start(self) -> None:
        """Again, on the same port and data."""
        self.program = _serve(self.folder, self.port)


@contextmanager
def redmine(folder: Path) -> Iterator[Redmine]:
    """The tracker, installed, from when it shows its sign-in page until the end of the block."""
    if not (CODE / "config.ru").exists() or shutil.which("puma") is None:
        needed = "redmine redmine-sqlite puma dbconfig-no-thanks"
        raise RuntimeError(f"Redmine is needed: apt-get install --no-install-recommends {needed}")
    _write(folder)
    port = free_port()
    started = Redmine(folder, port, _serve(folder, port))
    try:
        yield started
    finally:
        started.program.stop()


def sign_in_to_tracker(visitor: Visitor, login: str, password: str = "", **more: str) -> None:
    """With its own form; `password` is theirs unless another is given."""
    page = form(visitor.get("/login").text, "username")
    send(visitor, page, page.filled(username=login, password=password or TRACKER_PEOPLE[login], **more))


def _write(folder: Path) -> None:
    site = folder / "site"
    kept_out = shutil.ignore_patterns("instances", "Gemfile.lock", "database.yml", "test", "extra", "public")
    shutil.copytree(CODE, site, symlinks=True, ignore=kept_out)
    (site / "public").symlink_to(CODE / "public")
    (site / "config/additional_environment.rb").write_text("config.public_file_server.enabled = true\n")
    own = site / "instances/default"
    for name in ("config", "log", "files", "tmp", "public/plugin_assets"):
        (own / name).mkdir(parents=True)
    (site / "Gemfile.local").write_text(GEMFILE)
    (own / "config/database.yml").write_text(DATABASE.format(folder / "redmine.sqlite"))
    (own / "config/secret_key.txt").write_text(os.urandom(32).hex())
    (folder / "setup.rb").write_text(SETUP)
    people = [[login, password, API_KEYS[login]] for login, password in TRACKER_PEOPLE.items()]
    env = os.environ | _env() | {"PEOPLE": json.dumps(people)}
    made = subprocess.run(["ruby", folder / "setup.rb"], cwd=site, env=env, capture_output=True, text=True, timeout=110)
    if made.returncode:
        raise RuntimeError(f"Redmine was not installed:\n{made.stdout}{made.stderr}")


def _env() -> dict[str, str]:
    """Debian's own Bundler finds the gems that Debian installs; a newer one inside Ruby's library may not."""
    found = [VERSION.search(each.name) for each in GEMS.glob("bundler-*.gemspec")]
    chosen = {"BUNDLER_VERSION": each[1] for each in found if each}  # noqa: B035  # there is one
    return {"RAILS_ENV": "production", "SCHEMA": "/dev/null", **chosen}


def _serve(folder: Path, port: int) -> Program:
    puma = ["puma", "--dir", folder / "site", "--bind", f"tcp://127.0.0.1:{port}", "--threads", "1:4"]
    program = launch([*puma, "config.ru"], folder, env=_env())
    wait_for(program, port, "/login")
    return program
