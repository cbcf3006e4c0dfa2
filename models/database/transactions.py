"""Write transactions: committed as a whole or not at all, and retried after a conflict."""

import functools
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from sqlalchemy.exc import DBAPIError, IntegrityError

from models.database import writer_queue
from models.database.base import db
from models.database.errors import broken_constraint, error_codes
from models.database.lock_waits import LOCK_WAITS, LockWaits
from models.database.writer_queue import WRITE
from models.refusals import LockTimeout, Refusal

P = ParamSpec("P")
R = TypeVar("R")

ATTEMPTS = 5
# Serialization failure and deadlock: the codes of PostgreSQL (SQLSTATE) and MariaDB (errno). A deadlock on MariaDB also
# discards the savepoints: rolling back to one then fails with 1305, and that is what is raised.
RETRIED = {"40001", "40P01", 1213, 1305}
_WRITING = "stockroom_writing"


class OutcomeUnknown(Refusal):
    """The connection broke during the commit: the change may have been made or not."""

    def __init__(self) -> None:
        super().__init__(
            "unavailable",
            "The connection to the database broke during the commit; the change may have been made. "
            "Retry with the same Idempotency-Key, or look before you repeat it.",
        )


class RetryTransaction(Exception):
    """A concurrent transaction made a conflicting change; the operation must run again on the result."""


def begin_write(wait: float | None = None, lock_waits: LockWaits | None = None) -> None:
    """Begin the write transaction of the session, after rolling back what was only read before, as in authentication.

    Raises LockTimeout when it is not its turn within `wait` seconds, by default `WRITE_WAIT`; on SQLite that includes
    the write lock.
    """
    session = db.session()
    session.rollback()
    lock_waits = lock_waits or LockWaits()
    lock_waits.begin_attempt()
    wait = writer_queue.WRITE_WAIT if wait is None else wait
    session.connection(execution_options={WRITE: wait, LOCK_WAITS: lock_waits})


def is_writing() -> bool:
    """Return whether the session is in a write transaction of an operation."""
    return bool(db.session.registry.has()) and _WRITING in db.session.info


def transactional(operation: Callable[P, R]) -> Callable[P, R]:
    """Make `operation` run in one write transaction: commit when it returns, roll back when it raises.

    After a deadlock, a serialization failure or RetryTransaction the whole transaction is rolled back and tried again,
    up to five times in all, after a short random pause, unless it has waited for locks too long; then the error is
    raised, for RetryTransaction a LockTimeout.
    Inside the transaction of another operation it joins that one.
    """

    @functools.wraps(operation)
    def in_transaction(*args: P.args, **kwargs: P.kwargs) -> R:
        info = db.session.info
        if _WRITING in info:
            return operation(*args, **kwargs)
        info[_WRITING] = True
        try:
            return retrying(*args, **kwargs)
        finally:
            del info[_WRITING]

    def retrying(*args: P.args, **kwargs: P.kwargs) -> R:
        lock_waits = LockWaits()
        for attempt in range(1, ATTEMPTS + 1):
            try:
                begin_write(lock_waits=lock_waits)
                result = operation(*args, **kwargs)
                _commit()
                return result
            except DBAPIError as error:
                db.session.rollback()
                lock_waits.end_statement()
                if attempt == ATTEMPTS or lock_waits.are_used_up or RETRIED.isdisjoint(error_codes(error)):
                    raise
            except RetryTransaction:
                db.session.rollback()
                if attempt == ATTEMPTS:
                    raise LockTimeout from None
            except BaseException:
                db.session.rollback()
                raise
            time.sleep(random.uniform(0.0, 0.02) * attempt)  # noqa: S311 - spreads concurrent retries, protects no secret
        raise AssertionError("the last attempt returns or raises")

    return in_transaction


def _commit() -> None:
    try:
        db.session.commit()
    except DBAPIError as error:
        if error.connection_invalidated:
            raise OutcomeUnknown from error
        raise


def end_session(_: BaseException | None = None) -> None:
    """Remove the session, if there is one, at the end of a request; a broken connection fails no response."""
    if not db.session.registry.has():
        return
    try:
        db.session.remove()
    except DBAPIError:  # the pool has discarded the connection, and what was not committed with it
        db.session.registry.clear()


@contextmanager
def refusing_duplicates(**refusals: Refusal) -> Iterator[None]:
    """Raise the refusal named like the unique constraint that a row broke, which was written in the block.

    Example: `with refusing_duplicates(uq_items_sku_key=Refusal(…)): …`. The rule itself is the database's.
    """
    try:
        yield
    except IntegrityError as error:
        refusal = refusals.get(broken_constraint(error))
        if refusal is None:
            raise
        raise refusal from error
