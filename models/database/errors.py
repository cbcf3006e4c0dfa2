"""What the drivers' errors mean: a broken constraint, a fault code, a database that can't be reached or written."""

from typing import Any

from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

# What drivers call operational although no retry will help, because the statement is at fault: in SQLite
# any mistake (1), in MariaDB and MySQL an ambiguous (1052) or unknown (1054) column, collations that don't
# go together (1267), an unknown function (1305), a value left out (1364), a broken CHECK (3819, 4025).
MISTAKES = {1, 1052, 1054, 1267, 1305, 1364, 3819, 4025}
READ_ONLY = "25006"  # PostgreSQL: a standby, or a database set read-only


def broken_constraint(error: IntegrityError) -> str:
    """The name of the constraint that refused a row, as our naming convention spells it."""
    orig: Any = error.orig
    if hasattr(orig, "diag"):  # psycopg
        return orig.diag.constraint_name or ""
    message = str(orig.args[-1])
    if message.startswith("UNIQUE constraint failed: "):  # SQLite names the columns
        return "uq_" + message.removeprefix("UNIQUE constraint failed: ").split(",")[0].replace(".", "_")
    return message.rstrip("'").rpartition("'")[2].rpartition(".")[2]  # … for key 'uq_items_sku_key'


def fault_codes(error: DBAPIError) -> set[Any]:
    """What the database calls the fault: an SQLSTATE, an errno, or both."""
    orig: Any = error.orig
    return {getattr(orig, "sqlstate", None), *orig.args[:1]}


def is_unavailable(error: Exception) -> bool:
    """Whether the database could not be reached, or could not write just now: locked, full, read-only."""
    if isinstance(error, PoolTimeout | InterfaceError):
        return True
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated or getattr(error.orig, "sqlstate", None) == READ_ONLY:
        return True
    return isinstance(error, OperationalError) and _number(error.orig) not in MISTAKES


def _number(error: BaseException | None) -> Any:
    """The number that SQLite or PyMySQL gives an error; PostgreSQL has none."""
    return getattr(error, "sqlite_errorcode", None) or next(iter(error.args if error else ()), None)
