"""The sweeper: a thread of a serving process that writes, every few seconds, which reservations have expired."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from api.services import services_of
from models.refusals import Refusal
from models.stock.reservation_expiry import expire_due

log = logging.getLogger("stockroom")

# In seconds: how often it looks, and how long the end of the service waits for it.
EVERY = 3.0
STOP_SECONDS = 10.0


@contextmanager
def sweeping(app: Flask, begin: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Run the sweeper within the `with` block; what it has begun is ended before the block is left.

    Its thread calls `begin` first, as to go where the other threads run.
    """
    stop = threading.Event()
    thread = threading.Thread(target=_sweep_until, args=(stop, app, begin), daemon=True, name="sweeper")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(STOP_SECONDS)


def _sweep_until(stop: threading.Event, app: Flask, begin: Callable[[], object]) -> None:
    """Sweep again and again; of failures that follow each other, as while the database is away, log the first."""
    begin()
    has_failed = False
    while not stop.wait(EVERY):
        try:
            sweep(app)
            has_failed = False
        except (SQLAlchemyError, Refusal, OSError, AssertionError) as error:
            if not has_failed:
                is_defect = isinstance(error, AssertionError)
                log.warning("the end of reservations was not recorded: %s", type(error).__name__, exc_info=is_defect)
            has_failed = True


def sweep(app: Flask) -> int:
    """Write which reservations have expired, unless maintenance is on; return how many these were."""
    flag = services_of(app).maintenance
    if flag.message() is not None:
        return 0
    flag.requests.begin()  # whoever enables maintenance waits for it as for a request
    try:
        if flag.message() is not None:
            return 0
        with app.app_context():
            return expire_due()
    finally:
        flag.requests.end()
