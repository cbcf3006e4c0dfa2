"""Counters of fixed windows, exact in the memory of one process; those of several are in `redis_counters`."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple, Protocol

# How many windows are kept in memory; beyond them, those that began first are dropped.
REMEMBERED = 100_000


class Count(NamedTuple):
    """How many were counted in a window, and in how many seconds it ends."""

    number: int
    seconds: float


class Counter(Protocol):
    """Counts by key, in windows of a fixed length."""

    def add(self, key: str, amount: int) -> Count:
        """Add `amount` to the window of this key and return its count; 0 only reads.

        A window begins with the first amount that is added to it.
        """


class MemoryCounter:
    """Counts in the memory of this process; no two threads get the same number."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        # The number and the end by key. All windows are equally long, so they are in the order of their ends.
        self._windows: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def add(self, key: str, amount: int) -> Count:
        with self._lock:
            now = self._clock()
            while self._windows and next(iter(self._windows.values()))[1] <= now:
                self._windows.popitem(last=False)
            number, end = self._windows.get(key, (0, now + self._seconds))
            if amount:
                self._windows[key] = number + amount, end
            if len(self._windows) > REMEMBERED:
                self._windows.popitem(last=False)
        # Adding to the clock and subtracting it again may give a little more than the length, as floats are rounded.
        return Count(number + amount, min(self._seconds, end - now))
