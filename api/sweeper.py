"""The sweeper: a thread of a serving process that writes, every few seconds, which reservations have expired."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from flask import Flask

from api.background import repeating, working
from models.stock.reservation_expiry import expire_due

# In seconds.
EVERY = 3.0


def sweeping(app: Flask, begin: Callable[[], object] = lambda: None) -> AbstractContextManager[None]:
    """Run the sweeper within the `with` block, in a thread that calls `begin` first."""
    return repeating("sweeper", lambda: sweep(app), EVERY, "the end of reservations was not recorded", begin)


def sweep(app: Flask) -> int:
    """Write which reservations have expired, unless maintenance is on; return how many these were."""
    with working(app) as may_work:
        return expire_due() if may_work else 0
