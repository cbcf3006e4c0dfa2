"""One call for several callers that ask for the same thing at the same time."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

Key = TypeVar("Key")
Result = TypeVar("Result")


class SingleFlight(Generic[Key, Result]):
    """Runs at most one call for each key at a time; callers that come meanwhile get the outcome of that call.

    Nothing is kept once a call has ended: the next caller starts a new one.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._running: dict[Key, Future[Result]] = {}

    def run(self, key: Key, call: Callable[[], Result]) -> Result:
        """Return what `call` returns, run in this thread, or what the call that runs for this key returns.

        Raises what the call raises.
        """
        future, is_new = self._join(key)
        if is_new:
            self._finish(key, future, call)
        return future.result()

    def start(self, key: Key, call: Callable[[], Result]) -> Future[Result]:
        """Return the future of the call that runs for this key; if there is none, run `call` in a thread of its own.

        The thread is a daemon: a call that never ends does not keep the process from ending.
        """
        future, is_new = self._join(key)
        if is_new:
            threading.Thread(target=self._finish, args=(key, future, call), daemon=True, name=self._name).start()
        return future

    def _join(self, key: Key) -> tuple[Future[Result], bool]:
        """Return the future for this key, and whether it is new: then the caller has to run the call."""
        with self._lock:
            running = self._running.get(key)
            if running is not None:
                return running, False
            future = self._running[key] = Future()
            return future, True

    def _finish(self, key: Key, future: Future[Result], call: Callable[[], Result]) -> None:
        try:
            result = call()
        except BaseException as error:
            self._leave(key)
            future.set_exception(error)
            raise
        self._leave(key)
        future.set_result(result)

    def _leave(self, key: Key) -> None:
        with self._lock:
            del self._running[key]
