"""What a process does by itself: operations that are repeated in a thread of their own, and not in maintenance."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from api.services import services_of
from models.refusals import Refusal

log = logging.getLogger("stockroom")

# In seconds: how long the end of the service waits for what has begun.
STOP_SECONDS = 10.0


@contextmanager
def working(app: Flask) -> Iterator[bool]:
    """Give the application's context to the `with` block; it gets false where maintenance is on, and must not write.

    Whoever enables maintenance waits for the end of the block, as for a request.
    """
    flag = services_of(app).maintenance
    if flag.message() is not None:
        yield False
        return
    flag.requests.begin()
    try:
        if flag.message() is not None:
            yield False
            return
        with app.app_context():
            yield True
    finally:
        flag.requests.end()


@contextmanager
def repeating(
    name: str, operation: Callable[[], object], every: float, failed: str, begin: Callable[[], object]
) -> Iterator[None]:
    """Run an operation every so many seconds within the `with` block; one that has begun is ended before that is left.

    Its thread, of this name, calls `begin` first, as to go where the other threads run. Of failures that follow each
    other, as while the database is away, the first is logged, with the sentence `failed`.
    """
    stop = threading.Event()
    repeat = partial(_repeat, stop, operation, every, failed, begin)
    thread = threading.Thread(target=repeat, daemon=True, name=name)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(STOP_SECONDS)


def _repeat(
    stop: threading.Event, operation: Callable[[], object], every: float, failed: str, begin: Callable[[], object]
) -> None:
    begin()
    has_failed = False
    while not stop.wait(every):
        try:
            operation()
            has_failed = False
        except (SQLAlchemyError, Refusal, OSError, AssertionError) as error:
            if not has_failed:
                log.warning("%s: %s", failed, type(error).__name__, exc_info=isinstance(error, AssertionError))
            has_failed = True
