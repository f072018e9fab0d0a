"""A PostgreSQL of the tests' own, from Debian's package `postgresql`: on a free loopback port, in a folder in /tmp.

It cannot be run by root: then it is the system's user `postgres` who does.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from tests.support.processes import free_port

WITHIN = 30.0
FAST = ("fsync=off", "full_page_writes=off", "shared_buffers=64MB", "max_connections=120")
ACCESS = """
hostssl all careful 127.0.0.1/32 scram-sha-256
host all careful all reject
host all all 127.0.0.1/32 trust
"""
"""Who is called `careful` comes by TLS, and with a password."""

BOUNCER = """
[databases]
{name} = host=127.0.0.1 port={server} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 3
ignore_startup_parameters = statement_timeout, idle_in_transaction_session_timeout
"""
ADMIN = "postgres"
numbers = count(1)


def program(name: str) -> Path:
    """The newest there is; Debian keeps them off the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: float(path.parts[4]))
    if found:
        return found[-1]
    on_path = shutil.which(name)
    if on_path is None:
        raise RuntimeError(f"no {name}: on Debian, apt-get install postgresql")
    return Path(on_path)


def _as_postgres(command: Sequence[str | Path]) -> list[str]:
    words = [str(word) for word in command]
    return words if os.getuid() else ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *words]


def _run(*command: str | Path, **more: str) -> str:
    done = subprocess.run(
        _as_postgres(command), capture_output=True, text=True, timeout=60, cwd="/", env={**os.environ, **more}
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {done.stdout}{done.stderr}")
    return done.stdout


class Postgres:
    """One server. It is started by `start`, and can be stopped, killed and paused like a real one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def new(cls, folder: Path) -> Postgres:
        """With an empty cluster in `folder`, not yet started."""
        made = cls(folder)
        _run(program("initdb"), "-D", folder, "-U", ADMIN, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        (folder / "pg_hba.conf").write_text(ACCESS)
        return made

    def address(self, database: str, *, user: str = ADMIN) -> str:
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Return when it takes connections."""
        options = [word for setting in FAST for word in ("-c", setting)]
        command = [program("postgres"), "-D", self.folder, "-h", "127.0.0.1", "-p", str(self.port), "-k", "", *options]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                _as_postgres(command), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True
            )
        try:
            _wait(self._process, self.port, self.folder / "log")
        except RuntimeError:
            self.stop()
            raise

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """SIGINT: connections are ended in order. SIGQUIT: as in a crash."""
        if self._process is None:
            return
        self._process.send_signal(number)
        try:
            self._process.wait(WITHIN)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(WITHIN)
        self._process = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def crash(self) -> None:
        """And come back."""
        self.stop(signal.SIGQUIT)
        self.start()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """It is not there."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """It takes connections, as the kernel does for it, and says nothing."""
        assert self._process is not None
        pids = [self._process.pid, *_children(self._process.pid)]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    def demote(self) -> None:
        """From the next start on it is a standby, until it is promoted."""
        (self.folder / "standby.signal").touch()

    def sql(self, statement: str, database: str = ADMIN, **settings: str) -> str:
        """What psql prints for it, without headings. `settings` are the session's."""
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        command = [program("psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", statement, self.address(database)]
        return _run(*command, PGOPTIONS=options).strip()

    def database(self) -> str:
        """A new and empty one; its address."""
        name = f"gateway_{next(numbers)}"
        # From 15 on the default writes everything twice, which takes longer where nothing is to survive anyway.
        copied = "STRATEGY file_copy" if int(self.sql("SHOW server_version_num")) >= 150000 else ""
        self.sql(f"CREATE DATABASE {name} {copied}")
        return self.address(name)


@contextmanager
def pgbouncer(server: Postgres, address: str) -> Iterator[str]:
    """A pooler before one database, in transaction mode, with fewer connections than a gateway makes; its address."""
    name, port = address.rpartition("/")[2], free_port()
    with folder() as made:
        (made / "ini").write_text(BOUNCER.format(name=name, port=port, server=server.port))
        command = _as_postgres(["/usr/sbin/pgbouncer", made / "ini"])
        with (made / "log").open("wb") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/")
        try:
            _wait(process, port, made / "log")
            yield f"postgresql://{ADMIN}@127.0.0.1:{port}/{name}"
        finally:
            process.terminate()
            process.wait(WITHIN)


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Until it takes connections. Raises RuntimeError."""
    deadline = time.monotonic() + WITHIN
    ready = [program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port), "-d", ADMIN, "-U", ADMIN]
    while subprocess.run(ready, check=False).returncode:
        if time.monotonic() > deadline or process.poll() is not None:
            raise RuntimeError(f"{process.args!r} did not start:\n{log.read_text()}")
        time.sleep(0.02)


def _children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@contextmanager
def folder() -> Iterator[Path]:
    """One that the server's user can reach, as they cannot pytest's own."""
    made = Path(tempfile.mkdtemp(prefix="gateway-postgres-", dir="/tmp"))
    if not os.getuid():
        owner = pwd.getpwnam("postgres")
        os.chown(made, owner.pw_uid, owner.pw_gid)
    try:
        yield made
    finally:
        shutil.rmtree(made)


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A server, running until the end of the block."""
    with folder() as made:
        server = Postgres.new(made)
        server.start()
        try:
            yield server
        finally:
            server.stop(signal.SIGQUIT)  # nothing of it is needed any more
