"""Lets each thing happen once in so many seconds."""

import time
from collections import OrderedDict
from collections.abc import Hashable

REMEMBERED = 10_000


class Throttle:
    """Lets each thing pass once in so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._passed: OrderedDict[Hashable, float] = OrderedDict()

    def allow(self, thing: Hashable) -> bool:
        """Whether this thing has not passed within that time; if so, it has now."""
        moment = time.monotonic()
        if moment - self._passed.get(thing, float("-inf")) < self._seconds:
            return False
        self._passed[thing] = moment
        self._passed.move_to_end(thing)
        if len(self._passed) > REMEMBERED:
            self._passed.popitem(last=False)
        return True
