"""How long one operation may wait for locks of PostgreSQL or MariaDB in all.

Both limit each wait, and an operation has several: those of its statements, and those of its retries. So after a wait
the next statements are given less.
"""

import time
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.pool import ConnectionPoolEntry

# For how many seconds a statement may wait for a lock, and how few are left to it after others have waited. PostgreSQL
# lets it wait twice for one row: in the queue of those who want it, then for the transaction that has it.
LOCK_SECONDS = 2
LEAST_SECONDS = {"postgresql": 0.5, "mysql": 1, "mariadb": 1}
# A statement that took longer than this has waited, in seconds.
WAITED = 0.5
# Execution option of a connection: the LockWaits of the operation.
LOCK_WAITS = "stockroom_lock_waits"
SHORTEN = {
    "postgresql": "SET LOCAL lock_timeout = '{:.3f}s'",
    "mysql": "SET SESSION innodb_lock_wait_timeout = {:.0f}",
    "mariadb": "SET SESSION innodb_lock_wait_timeout = {:.0f}",
}


class LockWaits:
    """The seconds that the statements of one operation have waited, those of its retries included."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._began: float | None = None
        self._is_to_be_set = False

    @property
    def are_used_up(self) -> bool:
        """Whether the operation has waited as long as it may."""
        return self._seconds >= LOCK_SECONDS

    def begin_attempt(self) -> None:
        """Begin a transaction, in which the database has its usual limit."""
        self.end_statement()
        self._is_to_be_set = self._seconds > 0

    def limit(self) -> float | None:
        """Return the seconds that the next statement may wait, 0 for the least, if they are fewer than before."""
        if not self._is_to_be_set:
            return None
        self._is_to_be_set = False
        return max(0.0, LOCK_SECONDS - self._seconds)

    def begin_statement(self) -> None:
        """Begin to measure."""
        self._began = time.monotonic()

    def end_statement(self) -> None:
        """Add what the statement has waited, if it has; a failed one is added when the next attempt begins."""
        took = time.monotonic() - self._began if self._began is not None else 0.0
        self._began = None
        if took > WAITED:
            self._seconds += took
            self._is_to_be_set = True


def bound_lock_waits(engine: Engine) -> None:
    """Shorten the waits of the statements of each operation that has LockWaits."""
    event.listen(engine, "before_cursor_execute", _before)
    event.listen(engine, "after_cursor_execute", _after)
    if engine.dialect.name != "postgresql":  # whose SET LOCAL ends with the transaction
        event.listen(engine, "checkin", _restore_limit)


def _before(connection: Connection, cursor: Any, *_: object) -> None:
    waits: LockWaits | None = connection.get_execution_options().get(LOCK_WAITS)
    if waits is None:
        return
    seconds = waits.limit()
    if seconds is not None:
        name = connection.dialect.name
        cursor.execute(SHORTEN[name].format(max(seconds, LEAST_SECONDS[name])))
        connection.info[LOCK_WAITS] = seconds
    waits.begin_statement()


def _after(connection: Connection, *_: object) -> None:
    waits: LockWaits | None = connection.get_execution_options().get(LOCK_WAITS)
    if waits is not None:
        waits.end_statement()


def _restore_limit(connection: Any, record: ConnectionPoolEntry) -> None:
    if connection is not None and record.info.pop(LOCK_WAITS, None) is not None:
        with connection.cursor() as cursor:
            cursor.execute(SHORTEN["mysql"].format(LOCK_SECONDS))
