"""Short writes: operations of a few statements, which on SQLite do without the session and are committed in groups.

SQLite has one writer at a time, so short writes wait in its queue. Whoever gets the turn executes all of them that
wait, each in a savepoint and in the context of its own request, and commits once. Each request goes on after that
commit and never before, a refused one too: its refusal may rest on what another one of the group has written. What
fails in its savepoint fails alone. Where the transaction fails, as on a full disk, each is executed again by itself, in
a transaction of the session.

The servers of the other databases group commits themselves: there, a short write is a transaction of the session.
"""

import sqlite3
import threading
from collections.abc import Callable
from contextvars import copy_context
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar, cast
from weakref import WeakKeyDictionary, ref

from sqlalchemy import Engine, event
from sqlalchemy.exc import DBAPIError

from models.database import writer_queue
from models.database.base import db
from models.database.current_write import (
    AFTER_COMMIT,
    BEFORE_COMMIT,
    CURRENT,
    CurrentWrite,
    DriverConnection,
    savepoint,
)
from models.database.errors import is_read_only
from models.database.transactions import is_writing, transactional
from models.database.writer_queue import SqliteWriterQueue
from models.refusals import LockTimeout

P = ParamSpec("P")
R = TypeVar("R")

MAX_GROUP = 64


def short_write(operation: Callable[P, R]) -> Callable[P, R]:
    """Make `operation` run in one write transaction, as `transactional` does; on SQLite as a short write.

    It works on `write_connection()` and through prepared queries only, and not on the session. It may run twice.
    """
    in_session = transactional(operation)

    @wraps(operation)
    def in_group(*args: P.args, **kwargs: P.kwargs) -> R:
        if CURRENT.get() is not None:
            return operation(*args, **kwargs)
        group = group_commit_of(db.engine)
        if group is None or is_writing():
            return in_session(*args, **kwargs)
        if db.session.registry.has():
            db.session.rollback()  # what was only read before, as in authentication
        write = group.run(partial(operation, *args, **kwargs))
        return in_session(*args, **kwargs) if write.is_lost else cast(R, write.outcome())

    return in_group


class _ShortWrite:
    """A short write and its outcome."""

    def __init__(self, operation: Callable[[], Any]) -> None:
        self._operation = operation
        self._context = copy_context()
        self.current: CurrentWrite | None = None
        self.result: Any = None
        self.error: BaseException | None = None
        self.is_done = False
        self.is_lost = False  # its transaction was rolled back, for no reason of its own
        self.done = threading.Lock()
        self.done.acquire()

    def execute(self, connection: DriverConnection, *, alone: bool) -> None:
        """Run the operation on this connection, which is in a transaction; in a savepoint unless it is alone in it."""
        self.current, self.error = CurrentWrite(connection), None
        self._context.run(self._execute, self.current, alone)

    def _execute(self, current: CurrentWrite, alone: bool) -> None:
        CURRENT.set(current)
        if alone:
            self._run(current)
        else:
            with savepoint():
                self._run(current)

    def _run(self, current: CurrentWrite) -> None:
        self.result = self._operation()
        for function in BEFORE_COMMIT:
            function(current.info)

    def end(self) -> None:
        """Let the request go on."""
        self.is_done = True
        self.done.release()

    def outcome(self) -> Any:
        """Return what the operation returned, or raise what it raised."""
        if self.error is not None:
            raise self.error
        if self.current is not None:
            for function in AFTER_COMMIT:
                function(self.current.info)
        return self.result


class _TransactionLost(Exception):
    """The whole transaction was rolled back."""


class GroupCommit:
    """The short writes of one SQLite engine."""

    def __init__(self, engine: Engine, queue: SqliteWriterQueue) -> None:
        self._engine = ref(engine)  # which has this group
        self._queue = queue
        self._mutex = threading.Lock()
        self._waiting: list[_ShortWrite] = []  # only with the mutex
        self._connection: DriverConnection | None = None  # only in one's turn

    def run(self, operation: Callable[[], Any]) -> _ShortWrite:
        """Return the short write of this operation once it is committed, refused or lost; raises LockTimeout."""
        write = _ShortWrite(operation)
        with self._mutex:
            self._waiting.append(write)
        try:
            since = self._queue.take_turn(
                writer_queue.WRITE_WAIT, writer_queue.STALLED_BEGIN, lambda: not write.is_done
            )
        except LockTimeout:
            if self._withdraw(write):
                raise
            write.done.acquire()  # whoever has the turn is executing it
            return write
        try:
            if not write.is_done:
                self._execute_waiting()
        finally:
            self._queue.end_turn(since)
        return write

    def waiting(self) -> int:
        """Return how many short writes wait for a turn that executes them."""
        with self._mutex:
            return len(self._waiting)

    def close(self, _: Engine | None = None) -> None:
        """Close the connection; the next write opens another one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.driver.close()

    def _withdraw(self, write: _ShortWrite) -> bool:
        """Withdraw a write that nobody has begun to execute; return whether that was possible."""
        with self._mutex:
            if write not in self._waiting:
                return False
            self._waiting.remove(write)
            return True

    def _execute_waiting(self) -> None:
        with self._mutex:
            writes = self._waiting[:MAX_GROUP]
            del self._waiting[:MAX_GROUP]
        try:
            self._execute(writes)
        except BaseException as error:  # noqa: BLE001 - each of these requests has failed, and raises it
            for write in writes:
                write.error = write.error or error
        finally:
            for write in writes:
                write.end()

    def _execute(self, writes: list[_ShortWrite]) -> None:
        try:
            self._commit(writes)
        except _TransactionLost:
            for write in writes:
                write.is_lost = True

    def _commit(self, writes: list[_ShortWrite]) -> None:
        """Execute some writes in one transaction; raises _TransactionLost if it was not committed."""
        connection = self._connection = self._connection or self._connect()
        alone = len(writes) == 1
        try:
            self._begin(connection)
            for write in writes:
                try:
                    write.execute(connection, alone=alone)
                except BaseException as error:
                    write.error = error
                    if connection.has_failed or not connection.driver.in_transaction:
                        raise _TransactionLost from error
                    if alone:
                        return
            try:
                connection.exec_driver_sql("COMMIT")
            except DBAPIError as error:
                raise _TransactionLost from error
        finally:
            if connection.driver.in_transaction:
                connection.exec_driver_sql("ROLLBACK")
            if connection.has_failed:
                self.close()

    def _begin(self, connection: DriverConnection) -> None:
        """Begin the transaction; raises _TransactionLost where a connection can't write that was opened before."""
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        except DBAPIError as error:
            if is_read_only(error.orig):
                raise _TransactionLost from error
            raise
        self._queue.progress(writer_queue.STALLED_WRITE)

    def _connect(self) -> DriverConnection:
        engine = cast(Engine, self._engine())
        pooled = engine.raw_connection()
        driver = cast(sqlite3.Connection, pooled.dbapi_connection)
        pooled.detach()
        return DriverConnection(driver, engine.dialect)


_groups: WeakKeyDictionary[Engine, GroupCommit] = WeakKeyDictionary()


def group_short_writes(engine: Engine, queue: SqliteWriterQueue) -> None:
    """Let the short writes of this engine be committed in groups, in turn with its other writes."""
    _groups[engine] = group = GroupCommit(engine, queue)
    event.listen(engine, "engine_disposed", group.close)


def group_commit_of(engine: Engine) -> GroupCommit | None:
    """Return what commits the short writes of an engine in groups; None but on SQLite."""
    return _groups.get(engine)
