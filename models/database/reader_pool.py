"""The pool of connections on which SQLite's driver executes queries without SQLAlchemy, and the count of failures."""

import logging
import sqlite3
import threading
import time
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

from sqlalchemy import Engine, event

log = logging.getLogger("stockroom")

# Failures are logged at most once in so many seconds; each of them is counted.
LOGGED_EVERY = 60.0
# Execution option of an engine: its reader pool.
READERS = "stockroom_readers"


class ReaderPoolState(NamedTuple):
    """The state of a reader pool: how many connections are open and in use, and how many queries have failed."""

    open: int
    in_use: int
    failures: int


class ReaderPool:
    """The connections of an SQLite engine that execute one query at a time: as many as were in use at once so far.

    They come from the engine's pool and are never returned to it, because that costs more than the statement.
    """

    def __init__(self, engine: Engine) -> None:
        self.dialect = engine.dialect
        self.errors = sqlite3.Error
        self._engine = engine
        self._idle: list[sqlite3.Connection] = []
        self._lock = threading.Lock()  # for the attributes below, which rarely change
        self._open = 0
        self._failures = 0
        self._logged_at = float("-inf")

    def fetch_all(self, statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Return all rows of a statement; raises one of the `errors`."""
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._connect()
        try:
            found = connection.execute(statement, values).fetchall()
        except BaseException:
            self._close(connection)
            raise
        self._idle.append(connection)
        return found

    def record_failure(self, error: sqlite3.Error) -> None:
        """Count a query that failed; log it, but at most once in `LOGGED_EVERY` seconds."""
        now = time.monotonic()
        with self._lock:
            self._failures += 1
            is_logged = now - self._logged_at >= LOGGED_EVERY
            if is_logged:
                self._logged_at = now
        if is_logged:
            log.warning("SQLite's driver failed to read, so SQLAlchemy reads instead: %r", error)

    def state(self) -> ReaderPoolState:
        """Return the current state of the pool."""
        with self._lock:
            return ReaderPoolState(self._open, max(0, self._open - len(self._idle)), self._failures)

    def close_idle(self, _: Engine | None = None) -> None:
        """Close the connections that are idle."""
        while self._idle:
            self._close(self._idle.pop())

    def _connect(self) -> sqlite3.Connection:
        pooled = self._engine.raw_connection()
        connection = cast(sqlite3.Connection, pooled.dbapi_connection)
        pooled.detach()
        with self._lock:
            self._open += 1
        return connection

    def _close(self, connection: sqlite3.Connection) -> None:
        with self._lock:
            self._open -= 1
        connection.close()


def give_reader_pool(engine: Engine) -> None:
    """Give an engine a reader pool."""
    pool = ReaderPool(engine)
    engine.update_execution_options(**{READERS: pool})
    event.listen(engine, "engine_disposed", pool.close_idle)


def reader_pool_of(engine: Engine) -> ReaderPool | None:
    """Return the reader pool of an engine; None if it has none."""
    pool: ReaderPool | None = engine.get_execution_options().get(READERS)
    return pool
