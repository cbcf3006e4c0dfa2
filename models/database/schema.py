"""The schema of the database: its revision, those that this version knows, and its migration to the newest."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from models.database.base import db
from models.database.writer_queue import WRITE
from models.refusals import LockTimeout
from settings import ROOT

MIGRATIONS = ROOT / "migrations"
# For how many seconds a start waits for another process that is changing the schema of the same database.
SCHEMA_WAIT = 60
SCHEMA_LOCK = 0x53746F636B  # "Stock" in ASCII: PostgreSQL identifies advisory locks by number


def is_current() -> bool:
    """Return whether the database has every migration, and no other; raises DBAPIError when it can't be read."""
    with db.engine.connect() as connection:
        return revisions(connection) == newest()


def encoding() -> str:
    """Return the encoding of the database as PostgreSQL names it; elsewhere the columns have theirs.

    Raises DBAPIError when the database can't be reached.
    """
    with db.engine.connect() as connection:
        if connection.dialect.name != "postgresql":
            return "UTF8"
        return str(connection.exec_driver_sql("SHOW server_encoding").scalar_one())


def revisions(connection: Connection) -> frozenset[str]:
    """Return the revisions that a database says it is at; none, if it was never migrated."""
    return frozenset(MigrationContext.configure(connection).get_current_heads())


def newest() -> frozenset[str]:
    """Return the revisions that this version brings a database to."""
    return frozenset(_script().get_heads())


def known() -> frozenset[str]:
    """Return the revisions that this version can bring up to date."""
    return frozenset(each.revision for each in _script().walk_revisions())


def is_modelled(name: str | None, type_: str, _: object) -> bool:
    """Return whether the models describe this object of the database; Alembic compares no other (`include_name`).

    They describe all but the search index, which on SQLite is several tables.
    """
    return type_ != "table" or name is None or not name.startswith("items_search")


@cache
def _script() -> ScriptDirectory:
    return ScriptDirectory(str(MIGRATIONS))


def migrate() -> None:
    """Run the migrations that the database lacks; write nothing if it lacks none.

    Raises CommandError for a database that a newer version has changed.
    """
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it logs every migration
    if not is_current():
        command.upgrade(alembic_config(), "head")


@contextmanager
def changing_schema() -> Iterator[Connection]:
    """Yield the connection of a write transaction during which no other process changes the schema of this database.

    SQLite has one writer anyway. On PostgreSQL an advisory lock ends with the transaction, on MariaDB, whose DDL
    commits implicitly, a named lock ends with the connection. Raises LockTimeout or DBAPIError after `SCHEMA_WAIT`
    seconds.
    """
    with db.engine.connect().execution_options(**{WRITE: SCHEMA_WAIT}) as connection, connection.begin():
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{SCHEMA_WAIT}s'")
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({SCHEMA_LOCK})")
        elif connection.dialect.name in ("mysql", "mariadb"):
            connection.detach()
            lock = f"SELECT GET_LOCK(CONCAT('stockroom ', MD5(DATABASE())), {SCHEMA_WAIT})"
            if connection.exec_driver_sql(lock).scalar() != 1:
                raise LockTimeout
        yield connection


def alembic_config() -> Config:
    """Return the configuration of Alembic's commands."""
    config = Config(str(MIGRATIONS / "alembic.ini"))
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config
