"""Counts failed sign-ins, so that a flood of them does not fill the audit log."""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

# How many failures of a network have entries of their own in a window, and how long that is, in seconds.
FIRST = 100
SECONDS = 60.0
# How many windows are kept; beyond them, the oldest ends early.
REMEMBERED = 10_000


class _Window:
    """The failures of one network: how many have entries, how many are only counted, and when the window ends."""

    def __init__(self, end: float) -> None:
        self.end = end
        self.entries = 0
        self.counted = 0


class FailedSignIns:
    """Counts the failures of each network, in any number of threads; a window begins with the first of them."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._windows: OrderedDict[str, _Window] = OrderedDict()  # all equally long, so in the order of their ends
        self._counted: list[tuple[str, int]] = []
        self._next_end = math.inf

    def add(self, network: str, *, refused: bool = False) -> bool:
        """Count a failure; return whether it is to have an entry of its own.

        Those have one that are among the first, and were not `refused` by a limit before anything was checked.
        """
        with self._lock:
            self._end_windows()
            window = self._windows.get(network)
            if window is None:
                window = self._windows[network] = _Window(self._clock() + SECONDS)
                self._next_end = min(self._next_end, window.end)
                if len(self._windows) > REMEMBERED:
                    self._end_oldest()
            if refused or window.entries >= FIRST:
                window.counted += 1
                return False
            window.entries += 1
            return True

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
        if window.counted:
            self._counted.append((network, window.counted))
        self._next_end = next(iter(self._windows.values())).end if self._windows else math.inf
