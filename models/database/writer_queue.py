"""The queue of the writers of one process, so that those who wait for a lock leave threads for readers.

On SQLite, where several processes serve, whoever is first in its process then waits for the turn of its process.

A write transaction is marked with the execution option `WRITE`.
"""

import math
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

from sqlalchemy import Connection, Engine, event
from sqlalchemy.pool import ConnectionPoolEntry, ManagesConnection

from models.database.file_lock import FairFileLock
from models.refusals import LockTimeout

# Execution option of a connection: for how many seconds this write may wait for its turn.
WRITE = "stockroom_write"
# In seconds. On SQLite once for the writers of this process and once for those of another: less than five in all.
WRITE_WAIT = 2.0
# After so many seconds without any progress the queue is stalled: on SQLite another program has locked the file (its
# BEGIN lasts too long) or one of our writes is a long one; elsewhere all our writers wait for locks of others. Then
# only some threads go on waiting and the other writers get a LockTimeout at once, so that threads are left for readers.
STALLED_BEGIN = 0.1
STALLED_WRITE = 1.0
STALLED_SERVER = 0.5
LOOK_AGAIN = 0.1


class _WriterQueue:
    """The queue for `turns`, which is acquired and released as locks are; `max_waiting` may wait in a stalled one."""

    def __init__(self, turns: "threading.Lock | threading.Semaphore", max_waiting: int) -> None:
        self._turns = turns
        self._waiting = threading.Semaphore(max_waiting)
        self._mutex = threading.Lock()  # for the attributes below
        self._writers = 0
        self._was_slow = False  # whether the last turn to end was a long one
        self._stalled_from = math.inf  # by time.monotonic()

    def listen_to(self, engine: Engine) -> None:
        """Let the write transactions of this engine take turns."""
        event.listen(engine, "begin", self.begin)
        for end in ("checkin", "detach"):
            event.listen(engine, end, self.release)

    def begin(self, connection: Connection) -> None:
        """Begin a transaction, a write when it is its turn; raises LockTimeout."""
        raise NotImplementedError

    def take_turn(self, wait: float, stalled_after: float) -> float:
        """Wait for a turn, at most `wait` seconds; return when it began, by time.monotonic(). Raises LockTimeout."""
        if not self._acquire(wait):
            raise LockTimeout
        with self._mutex:
            if self._writers == 0 or not self._was_slow:
                self.progress(stalled_after)
            self._writers += 1
        return time.monotonic()

    def end_turn(self, since: float) -> None:
        """End a turn that began then.

        The end of a long turn is no progress: where all wait for the same lock, one gives up after the other.
        """
        with self._mutex:
            self._writers -= 1
            self._was_slow = time.monotonic() - since > STALLED_SERVER
            if not self._was_slow:
                self.progress(STALLED_SERVER)
        self._turns.release()

    def progress(self, stalled_after: float) -> None:
        """Note that a writer got on; without another one, the queue is stalled after so many seconds."""
        self._stalled_from = time.monotonic() + stalled_after

    def _acquire(self, wait: float) -> bool:
        """Acquire a turn within `wait` seconds; return whether it was acquired."""
        deadline = time.monotonic() + wait
        while True:
            left = deadline - (now := time.monotonic())
            is_stalled = now >= self._stalled_from
            if self._turns.acquire(timeout=0.0 if is_stalled else max(0.0, min(left, LOOK_AGAIN))):
                return True
            if is_stalled:
                break
            if left <= LOOK_AGAIN:
                return False
        if not self._waiting.acquire(blocking=False):
            return False
        try:
            return self._turns.acquire(timeout=max(0.0, deadline - time.monotonic()))
        finally:
            self._waiting.release()

    def release(self, _: object, record: ConnectionPoolEntry) -> None:
        """End the turn whose connection is back in the pool: its transaction has ended."""
        since = _connection_state(record).pop("writing_since", None)
        if since is not None:
            self.end_turn(since)


class SqliteWriterQueue(_WriterQueue):
    """One writer at a time: a lock, on which waiting is fair and cheap.

    SQLite's own busy wait sleeps ever longer and lets newcomers pass. So the writers of several processes have a lock
    in common, `processes`; who writes without it, as SQLite itself allows, only makes them wait longer.
    """

    def __init__(self, max_waiting: int, processes: FairFileLock | None = None) -> None:
        super().__init__(threading.Lock(), max_waiting)
        self._processes = processes

    def take_turn(self, wait: float, stalled_after: float, is_needed: Callable[[], bool] | None = None) -> float:
        """Wait for a turn as others do, and then for that of this process unless it `is_needed` no more."""
        if self._processes is None:
            return super().take_turn(wait, stalled_after)
        deadline = time.monotonic() + wait
        since = super().take_turn(wait, STALLED_WRITE)
        if is_needed is None or is_needed():
            acquired = True
            with suppress(OSError):  # without the file, SQLite's own lock still keeps the writers apart
                acquired = self._processes.acquire(deadline - time.monotonic())
            if not acquired:
                self.end_turn(since)
                raise LockTimeout
            self.progress(stalled_after)
        return since

    def end_turn(self, since: float) -> None:
        if self._processes is not None:
            self._processes.release()
        super().end_turn(since)

    def begin(self, connection: Connection) -> None:
        """Begin a transaction, a write with the lock acquired; raises LockTimeout."""
        wait = connection.get_execution_options().get(WRITE)
        if wait is None:
            connection.exec_driver_sql("BEGIN DEFERRED")
            return
        _connection_state(connection.connection)["writing_since"] = self.take_turn(wait, STALLED_BEGIN)
        if connection.info.get("busy_timeout", WRITE_WAIT) != wait:
            connection.exec_driver_sql(f"PRAGMA busy_timeout={int(wait * 1000)}")
            connection.info["busy_timeout"] = wait
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        self.progress(STALLED_WRITE)


class ServerWriterQueue(_WriterQueue):
    """As many writers at a time as leave threads for readers while all of them wait for locks in the database."""

    def __init__(self, writers: int) -> None:
        super().__init__(threading.Semaphore(writers), max_waiting=0)

    def begin(self, connection: Connection) -> None:
        """Wait for the turn of a write; raises LockTimeout. The driver itself begins the transaction."""
        wait = connection.get_execution_options().get(WRITE)
        if wait is not None:
            _connection_state(connection.connection)["writing_since"] = self.take_turn(wait, STALLED_SERVER)


def _connection_state(connection: ManagesConnection) -> dict[str, Any]:
    """Return our data about a pooled connection; unlike `info`, it outlives an invalidation."""
    return cast(dict[str, Any], connection.record_info)
