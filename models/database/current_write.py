"""The write transaction that is under way: the session's, or a short write, which has SQLite's driver to itself.

`models.database.group_commit` explains short writes. What runs in both takes its connection from here.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

from sqlalchemy import Dialect, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from models.database.base import db

Info = dict[Any, Any]


class WriteConnection(Protocol):
    """What statements at the driver's level need of a connection."""

    @property
    def dialect(self) -> Dialect: ...

    def exec_driver_sql(self, statement: str, parameters: Any = None, /) -> Any: ...


class DriverConnection:
    """A connection of SQLite's driver, whose errors are those of SQLAlchemy."""

    def __init__(self, connection: sqlite3.Connection, dialect: Dialect) -> None:
        self.driver = connection
        self.dialect = dialect
        self.has_failed = False  # in another way than by a broken constraint

    def exec_driver_sql(self, statement: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """Execute a statement, for each of several rows if `parameters` is a list; raises DBAPIError."""
        try:
            if isinstance(parameters, list):
                return self.driver.executemany(statement, parameters)
            return self.driver.execute(statement, parameters)
        except sqlite3.Error as error:
            self.has_failed |= not isinstance(error, sqlite3.IntegrityError)
            raise DBAPIError.instance(
                statement, None, error, sqlite3.Error, hide_parameters=True, dialect=self.dialect
            ) from error

    def fetch_all(self, statement: str, parameters: Any) -> list[tuple[Any, ...]]:
        """Return all rows of a statement; raises DBAPIError."""
        return self.exec_driver_sql(statement, tuple(parameters)).fetchall()


class CurrentWrite:
    """A short write while it is executed; `info` is what its operation remembers until the commit."""

    __slots__ = ("connection", "info")

    def __init__(self, connection: DriverConnection) -> None:
        self.connection = connection
        self.info: Info = {}


CURRENT: ContextVar[CurrentWrite | None] = ContextVar("stockroom_short_write", default=None)
# What is called with the `info` of a write, of the session or a short one: in its transaction, before the commit, and
# after it, in the request.
BEFORE_COMMIT: list[Callable[[Info], None]] = []
AFTER_COMMIT: list[Callable[[Info], None]] = []


@event.listens_for(db.session, "before_commit")
def _before_commit(session: Session) -> None:
    if session.in_nested_transaction():  # a savepoint is released; the transaction goes on
        return
    session.flush()
    for function in BEFORE_COMMIT:
        function(session.info)


@event.listens_for(db.session, "after_commit")
def _after_commit(session: Session) -> None:
    for function in AFTER_COMMIT:
        function(session.info)


def write_connection() -> WriteConnection:
    """Return the connection of the write transaction."""
    current = CURRENT.get()
    return db.session.connection() if current is None else current.connection


def write_info() -> Info:
    """Return what is remembered until the write transaction ends."""
    current = CURRENT.get()
    return db.session.info if current is None else current.info


def savepoint() -> AbstractContextManager[Any]:
    """Return a context that rolls back what was written in it when it raises."""
    current = CURRENT.get()
    return db.session.begin_nested() if current is None else _savepoint(current)


@contextmanager
def _savepoint(current: CurrentWrite) -> Iterator[None]:
    execute = current.connection.exec_driver_sql
    execute("SAVEPOINT operation")
    try:
        yield
    except BaseException:
        current.info.clear()
        if current.connection.driver.in_transaction:
            execute("ROLLBACK TO operation")
            execute("RELEASE operation")
        raise
    execute("RELEASE operation")
