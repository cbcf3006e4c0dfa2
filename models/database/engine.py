"""How each database is opened, so that a count is neither lost nor held up for ever.

A transaction that writes says so with the execution option `WRITE`: on SQLite it then queues for
the one writer's place and begins IMMEDIATE, because a deferred one that reads first and writes
later is refused at once when another has written in between.
"""

import math
import sqlite3
import threading
import time
from typing import Any

from sqlalchemy import Connection, Engine, ExceptionContext, event
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from models.refusals import LockTimeout

# Execution option of a connection: how many seconds this write may wait for its place.
WRITE = "stockroom_write"
# Half for the queue inside the process, half for a writer in another: within five seconds in all.
WRITE_WAIT = 2.0
# After so many seconds the queue stands still: somebody else's program has the lock, or a write of ours is a long one.
# Then only a few go on waiting and the others are told to come back, so that threads are left for those who read.
LOCKED_OUT = 0.1
LONG_WRITE = 1.0
SPARE_CONNECTIONS = 2
CONNECT_SECONDS = 3
LOCK_SECONDS = 4
# A PostgreSQL host that vanished without a word is given up after some 10 seconds; the system's default is a quarter
# of an hour, and two. (libpq; in seconds, the last in milliseconds)
VANISHED = {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3, "tcp_user_timeout": 8000}
# Triggers keep the index of the search. Since 3.44, SQLite says of it that it does no harm; before, triggers may write
# to it only if the schema is trusted, which still forbids them whatever SQLite knows to be dangerous.
TRUSTED_SCHEMA = "ON" if sqlite3.sqlite_version_info < (3, 44) else "OFF"
# How PostgreSQL (SQLSTATE), MariaDB (errno) and SQLite (its primary code) say that nothing can be written.
READ_ONLY = {"25006", 1290, 1792, 1836, sqlite3.SQLITE_READONLY}


def engine_options(url: str, threads: int) -> dict[str, Any]:
    """What Flask-SQLAlchemy passes to create_engine: one connection a thread, and two to spare."""
    options: dict[str, Any] = {
        "pool_size": threads + SPARE_CONNECTIONS,
        "max_overflow": 0,
        "pool_timeout": 5,
        "hide_parameters": True,  # the log shows a failed statement, never the hashes it was to store
    }
    if url.startswith("sqlite"):
        options["connect_args"] = {"check_same_thread": False}
        return options
    options |= {"pool_pre_ping": True, "pool_recycle": 1800}
    if url.startswith("postgresql"):
        options["connect_args"] = {
            "connect_timeout": CONNECT_SECONDS,
            "options": f"-c lock_timeout={LOCK_SECONDS}s -c timezone=UTC",
            **VANISHED,
        }
    else:
        options["isolation_level"] = "READ COMMITTED"
        options["connect_args"] = {
            "connect_timeout": CONNECT_SECONDS,
            "charset": "utf8mb4",
            "init_command": f"SET SESSION innodb_lock_wait_timeout={LOCK_SECONDS}, time_zone='+00:00', "
            "sql_mode='STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,NO_ZERO_DATE,NO_ZERO_IN_DATE'",
        }
    return options


def prepare_engine(engine: Engine) -> None:
    """Hang our listeners on the engine: that of a read-only database, and those of SQLite."""
    event.listen(engine, "handle_error", _leave_read_only)
    if engine.dialect.name != "sqlite":
        return
    event.listen(engine, "connect", _open_sqlite)
    threads = engine.pool.size() - SPARE_CONNECTIONS if isinstance(engine.pool, QueuePool) else 1
    queue = _WriterQueue(seats=max(0, threads // 2 - 1))
    event.listen(engine, "begin", queue.begin)
    event.listen(engine, "checkin", queue.leave)


def _leave_read_only(context: ExceptionContext) -> None:
    """Open every connection anew when one turns out to be read-only: it reached a primary that has become a standby,
    or a file while it could not be written, and would stay read-only for as long as it is kept."""
    error: Any = context.original_exception
    codes = {getattr(error, "sqlstate", None), getattr(error, "sqlite_errorcode", 0) & 0xFF, *error.args[:1]}
    if not READ_ONLY.isdisjoint(codes):
        context.is_disconnect = True


def _open_sqlite(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # no hidden BEGIN of the driver: ours is the only one
    _use_wal(connection)
    for pragma in (
        "synchronous=FULL",
        "foreign_keys=ON",
        f"trusted_schema={TRUSTED_SCHEMA}",
        # What a statement that fires triggers may have to undo is kept for it; in a file, that slows it by a fourth.
        "temp_store=MEMORY",
        f"busy_timeout={int(WRITE_WAIT * 1000)}",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _use_wal(connection: sqlite3.Connection) -> None:
    """Let readers and the writer leave each other alone. Of several who ask that of a new file at the same moment,
    SQLite refuses all but one at once, however long they would wait."""
    deadline = time.monotonic() + WRITE_WAIT
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                raise
        time.sleep(0.01)


class _WriterQueue:
    """The writers of one process wait for each other here, where waiting is fair and cheap;
    SQLite's own busy wait sleeps ever longer and lets newcomers pass."""

    def __init__(self, seats: int) -> None:
        self.place = threading.Lock()
        self.seats = threading.Semaphore(seats)  # for those who wait while the queue stands still
        self.stands_still_from = math.inf

    def begin(self, connection: Connection) -> None:
        wait = connection.get_execution_options().get(WRITE)
        if wait is None:
            connection.exec_driver_sql("BEGIN DEFERRED")
            return
        if not self._take_place(wait):
            raise LockTimeout
        _notes(connection.connection)["writing"] = True
        self.stands_still_from = time.monotonic() + LOCKED_OUT
        if connection.info.get("busy_timeout", WRITE_WAIT) != wait:
            connection.exec_driver_sql(f"PRAGMA busy_timeout={int(wait * 1000)}")
            connection.info["busy_timeout"] = wait
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        self.stands_still_from = time.monotonic() + LONG_WRITE

    def _take_place(self, wait: float) -> bool:
        deadline = time.monotonic() + wait
        while (now := time.monotonic()) < self.stands_still_from or not self.place.locked():
            if self.place.acquire(timeout=max(0.0, min(deadline - now, LOCKED_OUT))):
                return True
            if deadline - now <= LOCKED_OUT:
                return False
        if not self.seats.acquire(blocking=False):
            return False
        try:
            return self.place.acquire(timeout=max(0.0, deadline - now))
        finally:
            self.seats.release()

    def leave(self, _: Any, record: ConnectionPoolEntry) -> None:
        """The connection is back in the pool, its transaction ended: the next writer may go."""
        if _notes(record).pop("writing", False):
            self.stands_still_from = math.inf
            self.place.release()


def _notes(connection: Any) -> dict[str, Any]:
    """What we keep about a pooled connection; unlike `info`, it outlives an invalidation."""
    notes: dict[str, Any] = connection.record_info
    return notes
