"""The connections on which SQLite's driver reads by itself, and what becomes known when it fails."""

import logging
import sqlite3
import threading
import time
from collections.abc import Sequence
from typing import Any, NamedTuple, cast
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, event

log = logging.getLogger("stockroom")

# How often a failure is logged at most, in seconds; each is counted.
LOGGED_EVERY = 60.0


class ReaderPoolState(NamedTuple):
    """What a reader pool has: connections that are open, those of them in use, and how many reads have failed."""

    open: int
    in_use: int
    failures: int


class ReaderPool:
    """The connections of an SQLite engine that only ever read one statement at a time: as many as read at once so far.

    They come from the engine's pool and never go back to it, as that costs more than the statement.
    """

    def __init__(self) -> None:
        self._idle: list[sqlite3.Connection] = []
        self._lock = threading.Lock()  # for the numbers below, which change seldom
        self._open = 0
        self._failures = 0
        self._logged_at = float("-inf")

    def fetch_all(self, engine: Engine, statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Return all rows of a statement; raises sqlite3.Error."""
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._connect(engine)
        try:
            found = connection.execute(statement, values).fetchall()
        except BaseException:
            self._close(connection)
            raise
        self._idle.append(connection)
        return found

    def record_failure(self, error: sqlite3.Error) -> None:
        """Count a read that failed; log it, but not more than once a minute."""
        now = time.monotonic()
        with self._lock:
            self._failures += 1
            is_due = now - self._logged_at >= LOGGED_EVERY
            if is_due:
                self._logged_at = now
        if is_due:
            log.warning("SQLite's driver failed to read, so SQLAlchemy reads instead: %r", error)

    def state(self) -> ReaderPoolState:
        """Return what the pool has now."""
        with self._lock:
            return ReaderPoolState(self._open, max(0, self._open - len(self._idle)), self._failures)

    def close_idle(self, _: Engine) -> None:
        """Close the connections that are idle."""
        while self._idle:
            self._close(self._idle.pop())

    def _connect(self, engine: Engine) -> sqlite3.Connection:
        event.listen(engine, "engine_disposed", self.close_idle)  # once, however often it is asked for
        pooled = engine.raw_connection()
        connection = cast(sqlite3.Connection, pooled.dbapi_connection)
        pooled.detach()
        with self._lock:
            self._open += 1
        return connection

    def _close(self, connection: sqlite3.Connection) -> None:
        with self._lock:
            self._open -= 1
        connection.close()


_reader_pools: WeakKeyDictionary[Engine, ReaderPool] = WeakKeyDictionary()


def reader_pool_of(engine: Engine) -> ReaderPool:
    """Return the reader pool of an engine; that of a database other than SQLite stays empty."""
    return _reader_pools.get(engine) or _reader_pools.setdefault(engine, ReaderPool())
