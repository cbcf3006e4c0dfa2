"""Lets each thing happen once in so many seconds."""

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
