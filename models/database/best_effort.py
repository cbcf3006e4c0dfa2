"""Best-effort writes: no response depends on them, so one that fails is only logged."""

import logging
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from models.database.base import db
from models.database.transactions import begin_write
from models.refusals import Refusal

log = logging.getLogger("stockroom")


def write_best_effort(what: str, operation: Callable[[], None], wait: float) -> None:
    """Run `operation` in a transaction of its own, which waits at most `wait` seconds for the write lock (SQLite).

    A database error or a Refusal is no reason to fail the request: it is logged that `what` was not recorded.
    """
    try:
        begin_write(wait)
        operation()
        db.session.commit()
    except (SQLAlchemyError, Refusal) as error:
        db.session.rollback()
        log.warning("%s was not recorded: %s", what, type(error).__name__)
