"""Writes that no answer depends on: tried for a moment, and given up with a line in the log."""

import logging
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from models.database.base import db
from models.database.transactions import begin_write
from models.refusals import Refusal

log = logging.getLogger("stockroom")


def write_best_effort(what: str, operation: Callable[[], None], wait: float) -> None:
    """Do the deed in a transaction of its own; it may wait `wait` seconds for the writer's place (SQLite).

    A database that can't is no reason to refuse the request: the log says what was not recorded.
    """
    try:
        begin_write(wait)
        operation()
        db.session.commit()
    except (SQLAlchemyError, Refusal) as error:
        db.session.rollback()
        log.warning("%s was not recorded: %s", what, type(error).__name__)
