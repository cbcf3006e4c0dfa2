"""The HTTP server: waitress, with the deadlines, the error shape and the orderly stop that it lacks."""

import copy
import logging
import math
import select
import signal
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from wsgiref.types import WSGIApplication

from waitress import task, wasyncore
from waitress.adjustments import Adjustments

from server.affinity import pin_to
from server.connections import HEADER_BYTES, Channel, Listener, MakeErrorAnswer
from server.sockets import BACKLOG

log = logging.getLogger("stockroom")

# How many seconds a connection may be at each stage; at all but "receiving" and "lingering", without headway.
TIMEOUTS = {"idle": 30.0, "receiving": 15.0, "working": math.inf, "sending": 30.0, "lingering": 2.0}
DRAIN_SECONDS = 15.0
DRAIN_IDLE_SECONDS = 0.5  # a client that has just been answered may have its next request on the way
# At the connection limit, one that has been at such a stage for so many seconds makes room for a new one.
CROWDED_TIMEOUTS = {"idle": 1.0, "lingering": 1.0, "receiving": 5.0}
LOOK_SECONDS = 0.5  # also the time a stop may need to be noticed: on Windows, no signal ends a poll
CONNECTION_LIMIT = 500 if hasattr(select, "poll") else 400  # Windows has select() alone, for 512 sockets

FORWARDED = ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"]


def serve(server: "Server") -> None:
    """Serve until SIGTERM, Ctrl+C or Ctrl+Break; return when every request in progress has its response.

    That takes 15 seconds at most; a second signal ends it at once.
    """
    # It warns of every request that has to wait for a thread: thousands of lines a minute under load.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    with _stopped_by_signals(server):
        server.run()


@contextmanager
def _stopped_by_signals(server: "Server") -> Iterator[None]:
    earlier = {}
    if threading.current_thread() is threading.main_thread():
        for name in ("SIGTERM", "SIGINT", "SIGBREAK"):
            if hasattr(signal, name):
                signum = getattr(signal, name)
                earlier[signum] = signal.signal(signum, lambda *_: server.stop())
    try:
        yield
    finally:
        for signum, handler in earlier.items():
            signal.signal(signum, handler)


class _Dispatcher(task.ThreadedTaskDispatcher):  # type: ignore[misc] # waitress has no types
    """The threads that answer, all on one CPU."""

    def __init__(self, cpu: int | None) -> None:
        super().__init__()
        self._cpu = cpu

    def handler_thread(self, thread_no: int) -> None:
        pin_to(self._cpu)
        super().handler_thread(thread_no)


class Server:
    """Serves `app` on sockets that it will close: `run` it in one thread, `stop` it from any.

    A body, with the framing of its chunks, may have `max_body_bytes`, or what `larger_bodies` has for its path;
    what is longer is refused before it is read, and never spooled. `error_answer` makes the answer to a request that
    the application never sees. The headers X-Forwarded-For, -Proto and -Host count if they come from the address
    `trusted_proxy`. `patience` and `drain_seconds` are in seconds. All threads run on one `cpu`, if one is named.
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
            max_request_body_size=max_body_bytes + 1,  # waitress refuses what reaches it
            clear_untrusted_proxy_headers=True,
            ident=None,
            **proxy,
        )
        adjustments.error_answer = error_answer
        adjustments.of_path = {}
        for path, limit in (larger_bodies or {}).items():
            adjustments.of_path[path] = copy.copy(adjustments)
            adjustments.of_path[path].max_request_body_size = limit + 1
        self._threads = threads
        self._limit = connection_limit
        self._timeouts = timeouts
        self._drain_seconds = drain_seconds
        self._next_look = 0.0
        self._stops = 0
        self._lock = threading.RLock()  # a signal handler may interrupt the thread that holds it
        self._map: dict[int, Any] = {}
        self._cpu = cpu
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

    def run(self) -> None:
        """Serve until a stop is asked for, then answer what has begun to arrive and return."""
        pin_to(self._cpu)
        self._dispatcher.set_thread_count(self._threads)
        try:
            while not self._stops:
                self._turn(LOOK_SECONDS)
            self._drain()
        finally:
            self._close()

    def stop(self) -> None:
        """Ask for the stop, a second time for the end at once. Any thread or signal handler may."""
        with self._lock:
            self._stops += 1
            for listener in self._listeners[:1]:
                listener.pull_trigger()

    def _drain(self) -> None:
        deadline = time.monotonic() + self._drain_seconds
        self._timeouts = {**self._timeouts, "idle": DRAIN_IDLE_SECONDS}
        for listener in self._listeners:
            listener.stop_listening()
        wait = 0.0  # the first turn reads what has arrived before the look calls its connection idle
        while self._connections() or self._busy():
            if self._stops > 1 or time.monotonic() >= deadline:
                log.warning("stopped with %d connections still open", len(self._connections()))
                return
            self._next_look = 0.0
            self._turn(wait)
            wait = DRAIN_IDLE_SECONDS / 10

    def _turn(self, seconds: float) -> None:
        """Read and write what can be, waiting at most so long for it; then look after the connections.

        That comes after the poll, since a poll must not meet a closed socket or a new one of the same number.
        """
        wasyncore.loop(seconds, use_poll=True, map=self._map, count=1)
        now = time.monotonic()
        if now >= self._next_look or len(self._map) >= self._limit:
            self._next_look = now + LOOK_SECONDS
            self._look(now)

    def _look(self, now: float) -> None:
        """Close the connections that try the patience and, at the limit, the one to be missed least."""
        quiet = []
        for channel in self._connections():
            phase = channel.phase()
            if phase != channel.seen:
                channel.seen, channel.since = phase, now
            elif now - channel.since >= self._timeouts[phase[0]]:
                channel.handle_close()
            elif now - channel.since >= CROWDED_TIMEOUTS.get(phase[0], math.inf):
                quiet.append(channel)
        if quiet and len(self._map) >= self._limit:
            min(quiet, key=lambda channel: (channel.seen[0] == "receiving", channel.since)).handle_close()

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
