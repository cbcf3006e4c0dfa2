"""Writes beside a request: tried for a moment, and let go, because no answer depends on them."""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

from sqlalchemy.exc import SQLAlchemyError

from models.database.base import db
from models.database.transactions import begin_write
from models.refusals import Refusal

log = logging.getLogger("stockroom")

REMEMBERED = 10_000


def aside(what: str, deed: Callable[[], None], wait: float) -> None:
    """Do the deed in a transaction of its own; it may wait `wait` seconds for the writer's place (SQLite).

    A database that can't is no reason to refuse the request: the log says what was not recorded.
    """
    try:
        begin_write(wait)
        deed()
        db.session.commit()
    except (SQLAlchemyError, Refusal) as error:
        db.session.rollback()
        log.warning("%s was not recorded: %s", what, type(error).__name__)


class Seldom:
    """Lets each thing pass once in so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._passed: OrderedDict[Hashable, float] = OrderedDict()

    def lets(self, thing: Hashable) -> bool:
        """Whether this thing has not passed within that time; if so, it has now."""
        moment = time.monotonic()
        if moment - self._passed.get(thing, float("-inf")) < self._seconds:
            return False
        self._passed[thing] = moment
        self._passed.move_to_end(thing)
        if len(self._passed) > REMEMBERED:
            self._passed.popitem(last=False)
        return True
