"""The clock of the database, by which all processes agree on what has expired, whatever their own clocks say."""

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from models.database.column_types import UtcTime
from models.database.reading import PreparedQuery


class DatabaseNow(FunctionElement[datetime]):
    """The current time in an SQL statement; on SQLite, which is part of this process, to the millisecond."""

    type = UtcTime()
    inherit_cache = True


class StatementNow(DatabaseNow):
    """The time at which a statement began: the same wherever it stands in one, so that indexes are searched by it."""

    inherit_cache = True


@compiles(DatabaseNow)
def _default(*_: Any, **__: Any) -> str:
    return "UTC_TIMESTAMP(6)"


@compiles(DatabaseNow, "postgresql")
def _postgresql(*_: Any, **__: Any) -> str:
    return "clock_timestamp()"


@compiles(StatementNow, "postgresql")
def _of_statement(*_: Any, **__: Any) -> str:
    return "statement_timestamp()"


@compiles(DatabaseNow, "sqlite")
def _sqlite(*_: Any, **__: Any) -> str:
    return "strftime('%Y-%m-%d %H:%M:%f000', 'now')"


def database_now() -> datetime:
    """Return the current time of the database."""
    [row] = _NOW.rows()
    at: datetime = row.at
    return at


_NOW = PreparedQuery(select(DatabaseNow().label("at")))
