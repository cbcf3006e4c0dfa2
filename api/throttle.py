"""Lets each thing happen once in so many seconds, and says when something regular is due."""

import math
import threading
import time
from collections.abc import Callable, Hashable

from cachetools import TTLCache

# How many things are remembered; beyond them, those that were allowed first are forgotten.
REMEMBERED = 10_000


class Throttle:
    """Allows each thing once in so many `seconds`, in any number of threads."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._lock = threading.Lock()
        self._allowed: TTLCache[Hashable, None] = TTLCache(REMEMBERED, seconds, clock)

    def allow(self, thing: Hashable) -> bool:
        """Return whether this thing was not allowed within that time; if so, it is now."""
        with self._lock:
            if thing in self._allowed:
                return False
            self._allowed[thing] = None
            return True


class Interval:
    """Says once in so many `seconds` that something is due, first at once, in any number of threads."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._next = -math.inf

    def is_due(self) -> bool:
        """Return whether it is due; whoever is answered so does it."""
        if self._clock() < self._next:  # the answer to nearly every request, without the lock
            return False
        with self._lock:
            if self._clock() < self._next:
                return False
            self._next = self._clock() + self._seconds
            return True
