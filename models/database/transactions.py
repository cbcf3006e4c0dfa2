"""One write is one transaction: begun as a writer, committed whole or not at all."""

import functools
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from sqlalchemy.exc import DBAPIError, IntegrityError

from models.database.base import db
from models.database.engine import WRITE, WRITE_WAIT
from models.database.errors import broken_constraint, fault_codes
from models.refusals import LockTimeout, Refusal

P = ParamSpec("P")
R = TypeVar("R")

ATTEMPTS = 5
# Serialization failure and deadlock, in PostgreSQL's words (SQLSTATE) and in MariaDB's (errno), whose deadlock
# takes the savepoints along: rolling back to one then fails with 1305, and that is what is raised.
RETRIED = {"40001", "40P01", 1213, 1305}
_WRITING = "stockroom_writing"


class OutcomeUnknown(Refusal):
    """The connection broke while the change was being committed: the database may have made it or not."""

    def __init__(self) -> None:
        super().__init__(
            "unavailable",
            "The connection to the database broke during the commit; the change may have been made. "
            "Retry with the same Idempotency-Key, or look before you repeat it.",
        )


class RetryTransaction(Exception):
    """Another transaction got there first; the deed is to be run again on what it left."""


def begin_write(wait: float = WRITE_WAIT) -> None:
    """Begin the write transaction; what was only read before, for the sign-in say, is let go first.

    Raises Busy when the writer's place is not free within `wait` seconds (SQLite).
    """
    session = db.session()
    session.rollback()
    session.connection(execution_options={WRITE: wait})


def transactional(operation: Callable[P, R]) -> Callable[P, R]:
    """Run `deed` in one write transaction: commit when it returns, roll back when it raises.

    A deadlock or a serialization failure undoes the whole transaction, and Overtaken asks for it:
    it is tried again, up to five times in all, after a short random pause. Inside another deed's
    transaction it joins that one.
    """

    @functools.wraps(operation)
    def in_transaction(*args: P.args, **kwargs: P.kwargs) -> R:
        notes = db.session.info
        if _WRITING in notes:
            return operation(*args, **kwargs)
        notes[_WRITING] = True
        try:
            return attempts(*args, **kwargs)
        finally:
            del notes[_WRITING]

    def attempts(*args: P.args, **kwargs: P.kwargs) -> R:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                begin_write()
                result = operation(*args, **kwargs)
                _commit()
                return result
            except DBAPIError as error:
                db.session.rollback()
                if attempt == ATTEMPTS or RETRIED.isdisjoint(fault_codes(error)):
                    raise
            except RetryTransaction:
                db.session.rollback()
                if attempt == ATTEMPTS:
                    raise LockTimeout from None
            except BaseException:
                db.session.rollback()
                raise
            time.sleep(random.uniform(0.0, 0.02) * attempt)  # noqa: S311 - spreads rivals, guards nothing
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
    """Let go what the request has read, at its end; a connection that broke meanwhile takes back no answer."""
    try:
        db.session.remove()
    except DBAPIError:  # the pool has dropped the connection, and with it what was not committed
        db.session.registry.clear()


@contextmanager
def refusing_duplicates(**refusals: Refusal) -> Iterator[None]:
    """Flush, and explain a broken unique constraint by the refusal that carries its name.

    `refusing_duplicates(uq_items_sku_key=Refusal(…))`; the rule itself lives in the database.
    """
    try:
        yield
        db.session.flush()
    except IntegrityError as error:
        refusal = refusals.get(broken_constraint(error))
        if refusal is None:
            raise
        raise refusal from error
