"""The HTTP server: waitress, with the timeouts, the error format and the graceful stop that it lacks."""

import copy
import logging
import math
import select
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from wsgiref.types import WSGIApplication

from waitress import task, wasyncore
from waitress.adjustments import Adjustments

from server.affinity import pin_to
from server.balance import Balance
from server.bodies import StoredBodies
from server.connections import Channel, Listener
from server.requests import HEADER_BYTES
from server.responses import MakeErrorAnswer
from server.sockets import BACKLOG

log = logging.getLogger("stockroom")

# How many seconds a connection may be at each stage; at all but "receiving" and "lingering", progress restarts them.
TIMEOUTS = {"idle": 30.0, "receiving": 15.0, "working": math.inf, "sending": 30.0, "lingering": 2.0}
DRAIN_SECONDS = 15.0
DRAIN_IDLE_SECONDS = 0.5  # the next request of a client may be on its way
# At the connection limit, one that has been at such a stage for so many seconds is closed for a new one.
CROWDED_TIMEOUTS = {"idle": 1.0, "lingering": 1.0, "receiving": 5.0}
# How many of the largest bodies may be stored at a time.
BODIES_OF_CLIENT, BODIES_IN_ALL = 2, 4
CHECK_SECONDS = 0.5  # also how long a stop may take to be noticed: on Windows, no signal ends a poll
CONNECTION_LIMIT = 500 if hasattr(select, "poll") else 400  # Windows has select() alone, for 512 sockets

FORWARDED = ["x-forwarded-proto", "x-forwarded-host"]


def serve(server: "Server", stop: Callable[[], None] | None = None) -> None:
    """Serve until SIGTERM, Ctrl+C or Ctrl+Break; return when every request in progress has its response.

    That takes 15 seconds at most; a second signal ends it at once, unless signals are to call another `stop`.
    """
    # It logs every request that waits for a thread: thousands of lines a minute under load.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    with stopped_by_signals(stop or server.stop):
        server.run()


@contextmanager
def stopped_by_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Let SIGTERM, Ctrl+C and Ctrl+Break call `stop` within the `with` block."""
    earlier = {}
    if threading.current_thread() is threading.main_thread():
        for name in ("SIGTERM", "SIGINT", "SIGBREAK"):
            if hasattr(signal, name):
                signum = getattr(signal, name)
                earlier[signum] = signal.signal(signum, lambda *_: stop())
    try:
        yield
    finally:
        for signum, handler in earlier.items():
            signal.signal(signum, handler)


class _Dispatcher(task.ThreadedTaskDispatcher):  # type: ignore[misc] # waitress has no types
    """The threads that serve, all on one CPU."""

    def __init__(self, cpu: int | None) -> None:
        super().__init__()
        self._cpu = cpu

    def handler_thread(self, thread_no: int) -> None:
        pin_to(self._cpu)
        super().handler_thread(thread_no)


class Server:
    """Serves `app` on `sockets`, which it closes at the end: `run` it in one thread, `stop` it from any.

    A body, with the framing of its chunks, may have `max_body_bytes`, or with a credential what `larger_bodies` has for
    its path; a longer one is refused before it is read or stored. `error_answer` makes the response to a request that
    never reaches the application. X-Forwarded-Proto and -Host are used if the client's address is
    `trusted_proxy`. `timeouts` and `drain_seconds` are in seconds. All threads run on one `cpu`, if one is given; at
    most half of them wait for clients that read slowly. `balance` is for sockets that other processes serve too.
    """

    def __init__(
        self,
        app: WSGIApplication,
        sockets: Sequence[socket.socket],
        *,
        threads: int,
        max_body_bytes: int,
        error_answer: MakeErrorAnswer,
        larger_bodies: Mapping[str, int] | None = None,
        trusted_proxy: str | None = None,
        cpu: int | None = None,
        balance: Balance | None = None,
        connection_limit: int = CONNECTION_LIMIT,
        timeouts: Mapping[str, float] = TIMEOUTS,
        drain_seconds: float = DRAIN_SECONDS,
    ) -> None:
        proxy = {"trusted_proxy": trusted_proxy, "trusted_proxy_headers": FORWARDED} if trusted_proxy else {}
        adjustments = Adjustments(
            sockets=sockets,
            backlog=BACKLOG,
            connection_limit=connection_limit,
            max_request_header_size=HEADER_BYTES,
            max_request_body_size=max_body_bytes + 1,  # waitress refuses bodies of this size already
            clear_untrusted_proxy_headers=False,  # the application reads X-Forwarded-For itself
            ident=None,
            **proxy,
        )
        adjustments.error_answer = error_answer
        adjustments.waiting = threading.BoundedSemaphore(max(1, threads // 2))  # of threads, for slow readers
        largest = max([max_body_bytes, *(larger_bodies or {}).values()])
        adjustments.bodies = StoredBodies(BODIES_OF_CLIENT * largest, BODIES_IN_ALL * largest)
        adjustments.small_body_bytes = max_body_bytes
        adjustments.of_path = {}
        for path, limit in (larger_bodies or {}).items():
            adjustments.of_path[path] = copy.copy(adjustments)
            adjustments.of_path[path].max_request_body_size = limit + 1
        self._threads = threads
        self._limit = connection_limit
        self._timeouts = timeouts
        self._drain_seconds = drain_seconds
        self._next_check = 0.0
        self._stops = 0
        self._lock = threading.RLock()  # a signal handler may interrupt the thread that holds it
        self._map: dict[int, Any] = {}
        self._cpu = cpu
        self._balance = balance
        self._dispatcher = _Dispatcher(cpu)
        self._listeners = [
            Listener(
                app,
                self._map,
                _sock=each,
                dispatcher=self._dispatcher,
                adj=adjustments,
                sockinfo=(each.family, each.type, each.proto, each.getsockname()),
                bind_socket=False,
            )
            for each in sockets
        ]
        for listener in self._listeners:
            listener.balance = balance

    def run(self) -> None:
        """Serve until a stop is requested, then answer the requests that have begun to arrive, and return."""
        pin_to(self._cpu)
        self._dispatcher.set_thread_count(self._threads)
        try:
            while not self._stops:
                self._poll(CHECK_SECONDS)
            self._drain()
        finally:
            self._close()

    def stop(self, *, again: bool = True) -> None:
        """Request a graceful stop, the second time an immediate one; safe in any thread and in signal handlers.

        Without `again`, a second time changes nothing.
        """
        with self._lock:
            self._stops += again or not self._stops
            for listener in self._listeners[:1]:
                listener.pull_trigger()

    def _drain(self) -> None:
        deadline = time.monotonic() + self._drain_seconds
        self._timeouts = {**self._timeouts, "idle": DRAIN_IDLE_SECONDS}
        for listener in self._listeners:
            listener.stop_listening()
        wait = 0.0  # the first poll reads what has arrived, before the check finds its connection idle
        while self._connections() or self._busy():
            if self._stops > 1 or time.monotonic() >= deadline:
                log.warning("stopped with %d connections still open", len(self._connections()))
                return
            self._next_check = 0.0
            self._poll(wait)
            wait = DRAIN_IDLE_SECONDS / 10

    def _poll(self, seconds: float) -> None:
        """Read and write what is ready, waiting at most `seconds` for it; then check the connections.

        They are closed after the poll: a poll must not meet a closed socket, nor a new one of the same number.
        """
        if self._balance and (left := self._balance.seconds_left()):
            seconds = min(seconds, left)
        began = time.monotonic()
        wasyncore.loop(seconds, use_poll=True, map=self._map, count=1)
        now = time.monotonic()
        if now >= self._next_check or len(self._map) >= self._limit:
            self._next_check = now + CHECK_SECONDS
            self._check(began, now)

    def _check(self, began: float, now: float) -> None:
        """Close the connections that timed out and, at the limit, one more: the longest quiet, an idle one first.

        They timed out before the last poll `began`: what has come since, if the machine stalled, may not be read yet.
        """
        quiet = []
        for channel in self._connections():
            state = channel.state()
            if state != channel.last_state:
                channel.last_state, channel.since = state, now
            elif began - channel.since >= self._timeouts[state[0]]:
                channel.handle_close()
            elif began - channel.since >= CROWDED_TIMEOUTS.get(state[0], math.inf):
                quiet.append(channel)
        if quiet and len(self._map) >= self._limit:
            min(quiet, key=lambda channel: (channel.last_state[0] == "receiving", channel.since)).handle_close()

    def _connections(self) -> list[Channel]:
        return [each for each in list(self._map.values()) if isinstance(each, Channel)]

    def _busy(self) -> bool:
        return bool(self._dispatcher.active_count or self._dispatcher.queue)

    def _close(self) -> None:
        for channel in self._connections():
            channel.handle_close()
        self._dispatcher.shutdown(timeout=0 if self._busy() else 1)
        with self._lock:
            while self._listeners:
                self._listeners.pop().close()
