"""The pool of connections on which the driver executes queries without SQLAlchemy, and the count of failures."""

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, cast
from weakref import ref

from sqlalchemy import Engine, event

log = logging.getLogger("stockroom")

# Failures are logged at most once in so many seconds; each of them is counted.
LOGGED_EVERY = 60.0
# After how many seconds a connection to a server is replaced, as in the pool of the engine.
RECYCLE = 1800.0
# For how many seconds after a failure SQLAlchemy alone reads from a server: it may be away, and who asks waits already.
REST = 5.0
# Execution option of an engine: its reader pool.
READERS = "stockroom_readers"

Values = Sequence[Any] | Mapping[str, Any]


class ReaderPoolState(NamedTuple):
    """The state of a reader pool: how many connections are open and in use, and how many queries have failed."""

    open: int
    in_use: int
    failures: int


class ReaderPool:
    """The connections of an engine that execute one query at a time: as many as were in use at once so far.

    They come from the engine's pool and are never returned to it, because that costs more than the statement: a ping
    before it, and on a server a BEGIN and a ROLLBACK around it.
    """

    def __init__(self, engine: Engine) -> None:
        self.dialect = engine.dialect
        self.errors: type[Exception] = engine.dialect.loaded_dbapi.Error
        self._engine = ref(engine)  # which has this pool: in a circle, neither would be closed when the process ends
        self._is_server = engine.dialect.name != "sqlite"
        self._idle: list[tuple[Any, float]] = []  # with the time until which each may be used
        self._rests_until = float("-inf")
        self._lock = threading.Lock()  # for the attributes below, which rarely change
        self._open = 0
        self._failures = 0
        self._logged_at = float("-inf")

    def is_resting(self) -> bool:
        """Return whether the driver is not to be asked, because a query has just failed."""
        return time.monotonic() < self._rests_until

    def fetch_all(self, statement: str, values: Values) -> Sequence[tuple[Any, ...]]:
        """Return all rows of a statement; raises one of the `errors`."""
        connection, until = self._take()
        try:
            cursor = connection.cursor()
            cursor.execute(statement, values)
            found: Sequence[tuple[Any, ...]] = cursor.fetchall()
        except BaseException:
            self._close(connection)
            raise
        self._idle.append((connection, until))
        return found

    def record_failure(self, error: Exception) -> None:
        """Count a query that failed; log it, but at most once in `LOGGED_EVERY` seconds."""
        now = time.monotonic()
        with self._lock:
            self._failures += 1
            is_logged = now - self._logged_at >= LOGGED_EVERY
            if is_logged:
                self._logged_at = now
        if is_logged:
            log.warning("the database driver failed to read, so SQLAlchemy reads instead: %r", error)
        if self._is_server:  # whatever broke one connection may have broken the others
            self._rests_until = now + REST
            self.close_idle()

    def state(self) -> ReaderPoolState:
        """Return the current state of the pool."""
        with self._lock:
            return ReaderPoolState(self._open, max(0, self._open - len(self._idle)), self._failures)

    def close_idle(self, _: Engine | None = None) -> None:
        """Close the connections that are idle."""
        while self._idle:
            self._close(self._idle.pop()[0])

    def _take(self) -> tuple[Any, float]:
        """Return a connection, with the time until which it may be used."""
        while True:
            try:
                connection, until = self._idle.pop()
            except IndexError:
                return self._connect()
            if not self._is_server or time.monotonic() < until:
                return connection, until
            self._close(connection)

    def _connect(self) -> tuple[Any, float]:
        engine = cast(Engine, self._engine())
        pooled = engine.raw_connection()
        connection: Any = pooled.dbapi_connection
        pooled.detach()
        with self._lock:
            self._open += 1
        self.dialect.set_isolation_level(connection, "AUTOCOMMIT")
        return connection, time.monotonic() + RECYCLE

    def _close(self, connection: Any) -> None:
        with self._lock:
            self._open -= 1
        with suppress(self.errors):  # a broken connection to a server
            connection.close()


def give_reader_pool(engine: Engine) -> None:
    """Give an engine a reader pool."""
    pool = ReaderPool(engine)
    engine.update_execution_options(**{READERS: pool})
    event.listen(engine, "engine_disposed", pool.close_idle)


def reader_pool_of(engine: Engine) -> ReaderPool:
    """Return the reader pool of an engine that has one."""
    pool: ReaderPool = engine.get_execution_options()[READERS]
    return pool
