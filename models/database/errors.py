"""What the errors of the database drivers mean: a broken constraint, an error code, an unavailable database."""

import errno
import sqlite3
from typing import Any

from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

# Errors that drivers raise as OperationalError although no retry helps, because the statement is wrong: in SQLite
# SQLITE_ERROR (1), in MariaDB and MySQL an ambiguous (1052) or unknown (1054) column, collations that can't be mixed
# (1267), an unknown function (1305), a missing value (1364), a broken CHECK (3819, 4025).
STATEMENT_ERRORS = {1, 1052, 1054, 1267, 1305, 1364, 3819, 4025}
# The error codes of a read-only database: PostgreSQL (SQLSTATE), MariaDB (errno) and SQLite (primary code).
READ_ONLY = {"25006", 1290, 1792, 1836, sqlite3.SQLITE_READONLY}

# The disk of the temporary files is full: error numbers of the system, and primary codes of SQLite (full, input or
# output failed, can't be opened).
DISK_FULL = {errno.ENOSPC, errno.EDQUOT}
SQLITE_DISK_FULL = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}


def broken_constraint(error: IntegrityError) -> str:
    """Return the name of the constraint that a row broke, as our naming convention spells it; "" if unknown."""
    orig: Any = error.orig
    if hasattr(orig, "diag"):  # psycopg
        return orig.diag.constraint_name or ""
    message = str(orig.args[-1])
    if message.startswith("UNIQUE constraint failed: "):  # SQLite names the columns
        return "uq_" + message.removeprefix("UNIQUE constraint failed: ").split(",")[0].replace(".", "_")
    return message.rstrip("'").rpartition("'")[2].rpartition(".")[2]  # … for key 'uq_items_sku_key'


def error_codes(error: DBAPIError) -> set[Any]:
    """Return the codes that the database gave an error: an SQLSTATE, an errno, or both."""
    orig: Any = error.orig
    return {getattr(orig, "sqlstate", None), *orig.args[:1]}


def is_unavailable(error: Exception) -> bool:
    """Return whether the database could not be reached, or can't write for now: it is locked, full or read-only."""
    if isinstance(error, PoolTimeout | InterfaceError):
        return True
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated or getattr(error.orig, "sqlstate", None) in READ_ONLY:
        return True
    return isinstance(error, OperationalError) and _number(error.orig) not in STATEMENT_ERRORS


def is_read_only(error: Any) -> bool:
    """Return whether an error of a driver says that its database, or its file, can't be written."""
    codes = {getattr(error, "sqlstate", None), getattr(error, "sqlite_errorcode", 0) & 0xFF, *error.args[:1]}
    return not READ_ONLY.isdisjoint(codes)


def is_disk_full(error: Exception) -> bool:
    """Return whether a temporary file, or SQLite's private database in one, could not be written."""
    if isinstance(error, sqlite3.OperationalError):
        return getattr(error, "sqlite_errorcode", 0) & 0xFF in SQLITE_DISK_FULL
    return isinstance(error, OSError) and error.errno in DISK_FULL


def _number(error: BaseException | None) -> Any:
    """Return the number that SQLite or PyMySQL gives an error; PostgreSQL has none."""
    return getattr(error, "sqlite_errorcode", None) or next(iter(error.args if error else ()), None)
