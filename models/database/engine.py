"""Options and event listeners of the engine, so that no write is lost and none waits for ever.

On SQLite a write transaction begins IMMEDIATE: a deferred one that reads first and writes later fails at once when
another one has written in between.
"""

import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

from sqlalchemy import Dialect, Engine, ExceptionContext, event, make_url
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from models.database import lock_waits, writer_queue
from models.database.errors import is_read_only
from models.database.file_lock import FairFileLock, FileLock, lock_of, writer_lock_of
from models.database.group_commit import group_short_writes
from models.database.lock_waits import bound_lock_waits
from models.database.reader_pool import give_reader_pool, reader_pool_of
from models.database.writer_queue import ServerWriterQueue, SqliteWriterQueue

# For what the process does by itself: it sends, and writes which reservations have expired.
SPARE_CONNECTIONS = 4
CONNECT_SECONDS = 3
# Options of libpq, in seconds, the last in milliseconds: a connection to a PostgreSQL host that no longer answers
# breaks after some 10 seconds. The defaults of Linux are 15 minutes for data sent, two hours for an idle connection.
KEEPALIVE = {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3, "tcp_user_timeout": 8000}
# Triggers update the search index. Since 3.44, SQLite declares FTS5 harmless; before, triggers may write to it only if
# the schema is trusted, which still forbids them whatever SQLite knows to be dangerous.
TRUSTED_SCHEMA = "ON" if sqlite3.sqlite_version_info < (3, 44) else "OFF"


def engine_options(url: str, threads: int) -> dict[str, Any]:
    """Return the options of create_engine for this URL: one connection a thread, and some to spare."""
    options: dict[str, Any] = {
        "pool_size": threads + SPARE_CONNECTIONS,
        "max_overflow": 0,
        "pool_timeout": 5,
        "hide_parameters": True,  # a failed statement is logged without its values, which may be hashes
    }
    if url.startswith("sqlite"):
        options["connect_args"] = {"check_same_thread": False}
        return options
    options |= {"pool_pre_ping": True, "pool_recycle": 1800}
    parts, limit = make_url(url), lock_waits.LOCK_SECONDS
    defaults: dict[str, Any] = {"connect_timeout": CONNECT_SECONDS}
    if url.startswith("postgresql"):
        defaults |= KEEPALIVE
        # Else the driver speaks as the database does, and reads bytes where that has no encoding (SQL_ASCII).
        defaults["client_encoding"] = "utf8"
        required = {"options": f"-c lock_timeout={limit}s -c timezone=UTC {parts.query.get('options', '')}"}
    else:
        options["isolation_level"] = "READ COMMITTED"
        if parts.password:
            defaults["password"] = parts.password.encode()  # a text would be Latin-1 to PyMySQL
        required = {
            "charset": "utf8mb4",
            "init_command": f"SET SESSION innodb_lock_wait_timeout={limit}, time_zone='+00:00', "
            "sql_mode='STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,NO_ZERO_DATE,NO_ZERO_IN_DATE'",
        }
    options["connect_args"] = {name: defaults[name] for name in defaults.keys() - parts.query.keys()} | required
    return options


def prepare_engine(engine: Engine, processes: int = 1) -> None:
    """Register the event listeners of the engine: for errors, connections and writers, and those for SQLite.

    Where several `processes` serve an SQLite database, their writers take turns by a lock of their own.
    """
    give_reader_pool(engine)
    event.listen(engine, "handle_error", _invalidate_read_only)
    threads = engine.pool.size() - SPARE_CONNECTIONS if isinstance(engine.pool, QueuePool) else 1
    if engine.dialect.name == "sqlite":
        file = Path(engine.url.database) if engine.url.database and engine.url.database != ":memory:" else None
        lock = FairFileLock(writer_lock_of(file)) if file and processes > 1 else None
        queue = SqliteWriterQueue(max(0, threads // 2 - 1), lock)
        queue.listen_to(engine)
        group_short_writes(engine, queue)
        if file:
            in_use = _InUse(file)
            event.listen(engine, "do_connect", in_use.hold)
            event.listen(engine, "engine_disposed", in_use.release)
        event.listen(engine, "connect", _open_sqlite)
    else:
        ServerWriterQueue((threads + 1) // 2).listen_to(engine)
        bound_lock_waits(engine)
    event.listen(engine, "do_connect", _connect)


def _connect(dialect: Dialect, _: object, args: Any, options: Any) -> Any:
    """Connect; an option that the driver does not understand is an InterfaceError, whatever the driver makes of it.

    PyMySQL raises a TypeError, an AttributeError or an OSError, psycopg a ProgrammingError.
    """
    dbapi: Any = dialect.loaded_dbapi
    try:
        return dialect.connect(*args, **options)
    except (AttributeError, LookupError, OSError, TypeError, ValueError, dbapi.ProgrammingError) as error:
        raise dbapi.InterfaceError(f"its driver does not understand the options: {error}") from error


def _invalidate_read_only(context: ExceptionContext) -> None:
    """Discard every pooled connection when one turns out to be read-only, and those that only read with them.

    It was opened to a primary that has become a standby, or to a file while it could not be written, and would stay
    read-only for as long as it is pooled.
    """
    if is_read_only(context.original_exception):
        context.is_disconnect = True
    if context.is_disconnect and context.engine is not None:
        reader_pool_of(context.engine).close_idle()


class _InUse:
    """The share that an engine has in the lock of its SQLite file, from its first connection until it is disposed.

    A restore, which puts another file in the place of this one, holds that lock alone.
    """

    def __init__(self, database: Path) -> None:
        self._lock = FileLock(lock_of(database))
        self._mutex = threading.Lock()

    def hold(self, *_: object) -> None:
        """Acquire the share, if it is not held; raises sqlite3.OperationalError during a restore."""
        if self._lock.is_held:
            return
        with self._mutex:
            try:
                acquired = self._lock.is_held or self._lock.acquire(exclusive=False, wait=writer_queue.WRITE_WAIT)
            except OSError as error:
                raise sqlite3.OperationalError(f"unable to open {error.filename}: {error.strerror}") from error
        if not acquired:
            raise sqlite3.OperationalError("it is being restored; try again when that has ended")

    def release(self, _: Engine) -> None:
        """Give the share back."""
        self._lock.close()


def _open_sqlite(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # the driver begins no transaction by itself; ours is the only BEGIN
    _use_wal(connection)
    for pragma in (
        "synchronous=FULL",
        "foreign_keys=ON",
        f"trusted_schema={TRUSTED_SCHEMA}",
        # The statement journal of a statement that fires triggers; in a file, it slows the statement by a fourth.
        "temp_store=MEMORY",
        f"busy_timeout={int(writer_queue.WRITE_WAIT * 1000)}",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch the file to WAL, in which readers and the writer do not block each other.

    When several connections do so with a new file at the same time, SQLite refuses all but one at once (SQLITE_BUSY),
    whatever their busy_timeout; so this retries for `WRITE_WAIT` seconds.
    """
    deadline = time.monotonic() + writer_queue.WRITE_WAIT
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                raise
        time.sleep(0.01)
