"""Which of the processes that listen on the same sockets accepts a connection: the one that has the fewest.

The system wakes all of them, and the first to come would take nearly all connections of a client that opens many; since
they are kept alive, it would serve them alone from then on.
"""

import time
from collections.abc import MutableSequence

# What a process that does not run has in the place of a count.
NOT_RUNNING = 2**31 - 1
# How long a connection is left to a process that has fewer, in seconds: it may be busy, or may have stopped.
LEFT_SECONDS = 0.01


class Balance:
    """How many connections each process has, in memory that they share, seen by the process of this `number`."""

    def __init__(self, counts: MutableSequence[int], number: int) -> None:
        self._counts = counts
        self._number = number
        self._left_until = 0.0

    def update(self, connections: int) -> None:
        """Share how many connections this process has."""
        self._counts[self._number] = connections

    def leaves_next(self, connections: int) -> bool:
        """Return whether this process, having so many connections, leaves the one that waits to others for a moment."""
        now = time.monotonic()
        if connections <= min(self._counts) or self._left_until <= now < self._left_until + LEFT_SECONDS:
            self._left_until = 0.0  # the moment is over, or there is no need for one
            return False
        if now >= self._left_until:
            self._left_until = now + LEFT_SECONDS
        return True

    def seconds_left(self) -> float:
        """Return how much longer it is left to others; 0 if it is not."""
        return max(0.0, self._left_until - time.monotonic()) if self._left_until else 0.0
