"""How much of large bodies is stored at a time: of each client, and in all."""

import threading
from collections import Counter

from waitress.utilities import Error

from server.requests import TooManyRequests, Unavailable


class StoredBodies:
    """The bytes that the bodies under way have beyond what every body may have, by client."""

    def __init__(self, per_client: int, in_all: int) -> None:
        self._per_client = per_client
        self._in_all = in_all
        self._lock = threading.Lock()
        self._of_client: Counter[str] = Counter()

    def add(self, client: str, count: int) -> Error | None:
        """Add bytes of a client; return the error to refuse its body with, if they are too many."""
        with self._lock:
            self._of_client[client] += count
            if self._of_client[client] > self._per_client:
                return TooManyRequests("This client sends too many large bodies at a time; nothing was changed")
            if self._of_client.total() > self._in_all:
                return Unavailable("Too many large bodies are being sent; nothing was changed")
        return None

    def remove(self, client: str, count: int) -> None:
        """Remove bytes of a client."""
        with self._lock:
            self._of_client[client] -= count
            if self._of_client[client] <= 0:
                del self._of_client[client]
