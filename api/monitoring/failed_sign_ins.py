"""Counts failed sign-ins, so that a flood of them does not fill the audit log."""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

# How many failures of a network have entries of their own in a window, and how long that is, in seconds.
FIRST = 10
SECONDS = 60.0
# How many windows are kept; beyond them, the oldest ends early.
REMEMBERED = 10_000


class _Window:
    """The failures of one network: their number, and when the window ends."""

    def __init__(self, end: float) -> None:
        self.end = end
        self.number = 0


class FailedSignIns:
    """Counts the failures of each network, in any number of threads; a window begins with the first of them."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._windows: OrderedDict[str, _Window] = OrderedDict()  # all equally long, so in the order of their ends
        self._counted: list[tuple[str, int]] = []
        self._next_end = math.inf

    def add(self, network: str) -> bool:
        """Count a failure; return whether it is to have an entry of its own, as it is one of the first."""
        with self._lock:
            self._end_windows()
            window = self._windows.get(network)
            if window is None:
                window = self._windows[network] = _Window(self._clock() + SECONDS)
                self._next_end = min(self._next_end, window.end)
                if len(self._windows) > REMEMBERED:
                    self._end_oldest()
            window.number += 1
            return window.number <= FIRST

    def counted(self) -> list[tuple[str, int]]:
        """Return, once, the networks whose windows have ended, with the failures that have no entry of their own."""
        if not self._counted and self._clock() < self._next_end:
            return []
        with self._lock:
            self._end_windows()
            counted, self._counted = self._counted, []
            return counted

    def _end_windows(self) -> None:
        now = self._clock()
        while self._windows and next(iter(self._windows.values())).end <= now:
            self._end_oldest()

    def _end_oldest(self) -> None:
        network, window = self._windows.popitem(last=False)
        if window.number > FIRST:
            self._counted.append((network, window.number - FIRST))
        self._next_end = next(iter(self._windows.values())).end if self._windows else math.inf
