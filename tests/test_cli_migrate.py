"""`gateway migrate`, as a deployment runs it before the gateways start."""

import io
import sqlite3
from contextlib import closing

import pytest

from gateway import cli
from tests.support.postgres import Postgres
from tests.support.processes import write_config

ROUTES = """
[[app]]
name = "notes"
upstream = "http://127.0.0.1:1"
"""


@pytest.fixture
def gateway(tmp_path, capsys, monkeypatch):
    """Runs a command beside a routes.toml; its exit status, and all that it printed."""
    write_config(tmp_path, 8000, ROUTES)
    monkeypatch.chdir(tmp_path)

    def run(*arguments, typed=""):
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        status = cli.main(arguments)
        out, err = capsys.readouterr()
        return status, out + err

    return run


def use(folder, address):
    file = folder / "routes.toml"
    file.write_text(file.read_text().replace("sqlite:gateway.db", address))


def test_a_sqlite_file_is_made_and_then_found_up_to_date(gateway, tmp_path):
    told = "the directory has no tables, and version 1 is needed; run: gateway migrate\n"
    assert gateway("migrate", "--check") == (1, told)
    assert not (tmp_path / "gateway.db").exists()
    assert gateway("migrate") == (0, "the directory is migrated: it had no tables, and has version 1\n")
    for arguments in ([], ["--check"]):
        assert gateway("migrate", *arguments) == (0, "the directory is up to date: version 1\n")


@pytest.mark.parametrize("arguments", [[], ["--check"]])
def test_a_file_of_a_newer_gateway_is_refused(gateway, tmp_path, arguments):
    gateway("migrate")
    with closing(sqlite3.connect(tmp_path / "gateway.db")) as db:
        db.execute("PRAGMA user_version = 2")
    status, told = gateway("migrate", *arguments)
    assert status == 1 and "made by a newer version of the gateway" in told


def test_a_database_is_migrated_once_and_then_serves_the_commands(gateway, tmp_path, postgresql: Postgres):
    use(tmp_path, postgresql.database())
    for command in (["users", "list"], ["migrate", "--check"]):
        status, told = gateway(*command)
        assert status == 1 and "run: gateway migrate" in told
    assert gateway("migrate") == (0, "the directory is migrated: it had no tables, and has version 1\n")
    for arguments in ([], ["--check"]):
        assert gateway("migrate", *arguments) == (0, "the directory is up to date: version 1\n")
    assert gateway("users", "add", "ada", "--password-stdin", typed="a long password\n")[0] == 0
    assert gateway("users", "list")[1].splitlines()[1].startswith("ada ")
    assert gateway("users", "delete", "ada") == (0, "ada is deleted; 0 sessions ended\n")


def test_a_database_that_is_not_there_is_said_to_be_missing_and_its_password_is_not(gateway, tmp_path, postgresql):
    (tmp_path / "address").write_text(postgresql.address("nowhere", user="postgres:hush"))
    use(tmp_path, "file:address")
    for command in (["migrate"], ["migrate", "--check"], ["users", "list"]):
        status, told = gateway(*command)
        assert status == 1 and 'database "nowhere" does not exist' in told
        assert "hush" not in told


def test_a_database_that_a_newer_gateway_migrated_is_left_alone(gateway, tmp_path, postgresql: Postgres):
    address = postgresql.database()
    use(tmp_path, address)
    gateway("migrate")
    name = address.rpartition("/")[2]
    postgresql.sql("UPDATE gateway_schema SET version = 3", name)
    for arguments in ([], ["--check"]):
        status, told = gateway("migrate", *arguments)
        assert (status, told) == (0, "the directory is of version 3; this gateway knows 1, and can go on with it\n")
    postgresql.sql("UPDATE gateway_schema SET oldest = 2", name)
    for arguments in ([], ["--check"]):
        status, told = gateway("migrate", *arguments)
        assert status == 1 and "made by a newer version of the gateway" in told
    assert postgresql.sql("SELECT version, oldest FROM gateway_schema", name) == "3|2"
