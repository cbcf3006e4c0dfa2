"""The idempotency keys of the requests that are running in this process."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from models.idempotency import InProgress


class InFlight:
    """The keys of the requests that are running in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: set[tuple[int, str]] = set()

    @contextmanager
    def claimed(self, user_id: int, key: str) -> Iterator[None]:
        """Hold the key; raise InProgress where another request holds it."""
        with self._lock:
            if (user_id, key) in self._keys:
                raise InProgress
            self._keys.add((user_id, key))
        try:
            yield
        finally:
            with self._lock:
                self._keys.remove((user_id, key))
