"""Who is let in to PostgreSQL and who is believed to be it, with what rights, and through whom."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import certifi
import pytest

from gateway.directory.base import Directory
from gateway.directory.postgresql import migrate, open_directory
from gateway.errors import StoreError
from gateway.policy.credentials import Credentials
from tests.directory.deeds import ADA, CODES, PASSKEY, PASSWORD, TOTP, fill
from tests.edge.test_upstream import certificate
from tests.support.postgres import Postgres, pgbouncer

__all__ = ["certificate"]

ALL = "SELECT, INSERT, UPDATE, DELETE"


@asynccontextmanager
async def opened(address: str) -> AsyncIterator[Directory]:
    directory = open_directory(address)
    try:
        yield directory
    finally:
        await directory.life.close()


@pytest.fixture
def careful(postgresql: Postgres, address: str, certificate: Path) -> Iterator[str]:
    """The address of one who comes by TLS and with a password, without its options."""
    name = address.rpartition("/")[2]
    pem = postgresql.folder / "pem"
    shutil.copyfile(certificate, pem)
    shutil.chown(pem, postgresql.folder.owner())
    pem.chmod(0o600)
    for setting in (f"ssl_cert_file = '{pem}'", f"ssl_key_file = '{pem}'", "ssl = on"):
        postgresql.sql(f"ALTER SYSTEM SET {setting}")
    postgresql.sql("SELECT pg_reload_conf()")
    until = time.monotonic() + 15
    while postgresql.sql("SHOW ssl") == "off":
        assert time.monotonic() < until
    postgresql.sql("CREATE ROLE careful LOGIN PASSWORD 'open sesame'")
    postgresql.sql(f"GRANT {ALL} ON ALL TABLES IN SCHEMA public TO careful", name)
    yield f"postgresql://careful:open%20sesame@localhost:{postgresql.port}/{name}"
    postgresql.sql("ALTER SYSTEM RESET ssl")
    postgresql.sql("SELECT pg_reload_conf()")
    postgresql.sql("DROP OWNED BY careful", name)
    postgresql.sql("DROP ROLE careful")


async def test_a_server_is_proved_and_a_role_needs_no_right_to_change_tables(careful: str, certificate: Path) -> None:
    async with opened(f"{careful}?sslmode=verify-full&sslrootcert={certificate}") as directory:
        await fill(directory)
        assert await directory.credentials.of("ada") == Credentials("ada", PASSWORD, (TOTP,), (PASSKEY,), CODES)
        assert await directory.people.delete("ada")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("localhost", "127.0.0.1"), "CERTIFICATE_VERIFY_FAILED"),
        (("sslrootcert=", f"sslrootcert={certifi.where()}&application_name="), "CERTIFICATE_VERIFY_FAILED"),
        (("verify-full", "disable"), "InvalidAuthorizationSpecificationError"),
        (("open%20sesame", "sesame%20open"), "InvalidPasswordError"),
    ],
)
async def test_without_the_right_certificate_and_password_there_is_no_directory(
    careful: str, certificate: Path, change: tuple[str, str], told: str
) -> None:
    address = f"{careful}?sslmode=verify-full&sslrootcert={certificate}".replace(*change)
    async with opened(address) as directory:
        with pytest.raises(StoreError, match=told) as found:
            await directory.life.ping()
    assert "sesame" not in str(found.value)


async def test_through_pgbouncer_a_code_works_once_and_codes_are_replaced_as_one(
    postgresql: Postgres, address: str
) -> None:
    with pgbouncer(postgresql, address) as pooled:
        assert (await migrate(pooled, dry=False)).found == 1
        async with opened(pooled) as directory:
            await directory.people.add(ADA)
            await asyncio.gather(*(many(directory, number) for number in range(12)))
            has = await directory.credentials.of("ada")
    assert [each.last_step for each in has.totps] == [1] * 12
    assert len({each.hash[:2] for each in has.recovery_codes}) == 1 and len(has.recovery_codes) == 3


async def many(directory: Directory, number: int) -> None:
    """What would go wrong if one transaction were served by two connections."""
    credentials, id = directory.credentials, f"{number:02}"
    assert await credentials.add("ada", replace(TOTP, id=id))
    used = await asyncio.gather(*(credentials.advance("ada", id, 1, 1) for _ in range(3)))
    assert used.count(True) == 1
    await credentials.replace_recovery_codes("ada", tuple(replace(CODES[0], hash=f"{id}{n}") for n in range(3)))
