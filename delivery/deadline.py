"""The deadline of one delivery: every wait is a part of the time that is left, and ends when it is stopped."""

import selectors
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

# The longest wait, in seconds, before it is asked whether the delivery is to be stopped.
SLICE = 0.1
# select() takes no file descriptor above 1023, so poll() where there is one; on Windows select() takes any socket.
SELECTOR: type[selectors.BaseSelector] = getattr(selectors, "PollSelector", selectors.SelectSelector)


class Stopped(Exception):
    """The delivery was stopped, because the service ends."""


class Turn:
    """What one delivery at a time has while it computes, and leaves to others while it waits for its receiver.

    So however many deliveries there are, those who answer requests share the interpreter with one of them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    @contextmanager
    def left(self) -> Iterator[None]:
        """Leave the turn to others within the `with` block."""
        self._lock.release()
        try:
            yield
        finally:
            self._lock.acquire()


class Deadline:
    """The end of one delivery, by the monotonic clock; while that waits, others have its `turn`, if it has one."""

    def __init__(self, seconds: float, stopped: threading.Event, turn: Turn | None = None) -> None:
        self._end = time.monotonic() + seconds
        self._turn = turn
        self.stopped = stopped

    def remaining(self) -> float:
        """Return the seconds that are left; raises TimeoutError when there are none, and Stopped."""
        if self.stopped.is_set():
            raise Stopped
        seconds = self._end - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("the time of this delivery is over")
        return seconds

    def slice(self) -> float:
        """Return how long to wait before asking again; raises as `remaining` does."""
        return min(self.remaining(), SLICE)

    def share(self, parts: int) -> "Deadline":
        """Return the deadline of the first of several attempts that share what is left evenly."""
        return Deadline(self.remaining() / parts, self.stopped, self._turn)

    def waiting(self) -> AbstractContextManager[None]:
        """Return a context in which others have the turn."""
        return self._turn.left() if self._turn else nullcontext()

    def wait(self, sock: socket.socket, event: int) -> None:
        """Wait until the socket is readable or writable, as `event` of `selectors` says; raises as `remaining` does."""
        with SELECTOR() as selector, self.waiting():
            selector.register(sock, event)
            while not selector.select(self.slice()):
                pass
