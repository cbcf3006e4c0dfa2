"""Several processes that serve on the same sockets: a parent starts them, and again when they end, and stops them.

Each is an interpreter of its own, started as on Windows, where nothing forks. A pipe from each says when it is ready.
When the parent closes its end, or ends itself in whatever way, the process knows that it has to stop: none is left
behind.
"""

import logging
import multiprocessing
import signal
import socket
import threading
import time
from collections.abc import Callable, MutableSequence, Sequence
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any, NamedTuple

from server.balance import NOT_RUNNING
from server.server import DRAIN_SECONDS, Server, serve, stopped_by_signals

log = logging.getLogger("stockroom")

# How many seconds after its end a process is started again: twice as many each time, until it has run for a while.
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
A_WHILE = 60.0
CHECK_SECONDS = 0.1
STOP_SECONDS = DRAIN_SECONDS + 5.0
READY = b"ready"
SPAWN = multiprocessing.get_context("spawn")


class Share(NamedTuple):
    """What one of the processes gets of its parent: its number, from 0, the sockets, and its end of the pipe.

    The processes have an array in common, of how many connections each has.
    """

    number: int
    sockets: Sequence[socket.socket]
    pipe: Connection
    connections: MutableSequence[int]

    def is_orphan(self) -> bool:
        """Return whether the parent has ended before this process."""
        parent = multiprocessing.parent_process()
        return parent is None or not parent.is_alive()


Main = Callable[[Share], None]


def serve_share(server: Server, share: Share) -> None:
    """Serve as one of several processes, until the parent says so or ends, or a signal comes; as `serve` does.

    Ctrl+C comes to all processes of a terminal, and to each once more from the parent; that is one stop.
    """
    stop = partial(server.stop, again=False)
    threading.Thread(target=_stop_with_parent, args=(share.pipe, stop), daemon=True, name="parent").start()
    with suppress(OSError):  # the parent has closed its end by now
        share.pipe.send_bytes(READY)
    serve(server, stop)


def _stop_with_parent(pipe: Connection, stop: Callable[[], None]) -> None:
    with suppress(EOFError, OSError):
        pipe.recv_bytes()  # the parent sends nothing: this ends with its end of the pipe
    stop()


class Processes:
    """Keeps `count` processes running `main`, a function of a module, on sockets that are listening.

    The first one starts alone: what it can't do, the others can't do either.
    """

    def __init__(self, main: Main, sockets: Sequence[socket.socket], count: int) -> None:
        self._sockets = sockets
        connections = SPAWN.RawArray("i", [NOT_RUNNING] * count)
        self._children = [_Child(main, number, sockets, connections) for number in range(count)]
        self._stops = 0

    def run(self, when_ready: Callable[[], None]) -> int:
        """Run until SIGTERM, Ctrl+C or Ctrl+Break, and return the exit status; call `when_ready` once the first serves.

        The requests in progress get their responses, as in `serve`; a second signal ends all at once.
        The status is 1 if the first process ends before it is ready.
        """
        with stopped_by_signals(self._count_stop):
            try:
                if not self._first_serves():
                    return 0 if self._stops else 1
                when_ready()
                while not self._stops:
                    for child in self._children:
                        child.keep_running()
                    time.sleep(CHECK_SECONDS)
            finally:
                self._stop()
        return 0

    def _count_stop(self) -> None:
        self._stops += 1  # no more than that: a signal handler may interrupt whatever holds a lock

    def _first_serves(self) -> bool:
        first = self._children[0]
        first.keep_running()
        while not self._stops and first.is_running():
            if first.serves():
                return True
            time.sleep(CHECK_SECONDS)
        return False

    def _stop(self) -> None:
        """Stop the processes; whatever is connected by now is answered by them."""
        for each in self._sockets:
            each.close()
        for child in self._children:
            child.request_stop()
        deadline = time.monotonic() + STOP_SECONDS
        while any(child.is_running() for child in self._children):
            if self._stops > 1 or time.monotonic() >= deadline:
                log.warning("the processes that have not ended yet are killed")
                for child in self._children:
                    child.kill()
                return
            time.sleep(CHECK_SECONDS)


class _Child:
    """One of the processes: started when it is due, and due again some time after it has ended."""

    def __init__(
        self, main: Main, number: int, sockets: Sequence[socket.socket], connections: MutableSequence[int]
    ) -> None:
        self._main = main
        self._number = number
        self._sockets = sockets
        self._connections = connections
        self._process: SpawnProcess | None = None
        self._pipe: Any = None
        self._is_ready = False
        self._due = self._started = float("-inf")
        self._pause = FIRST_PAUSE

    def keep_running(self) -> None:
        """Start the process if it is due; note that it serves, or has ended."""
        if self._process is None:
            if time.monotonic() >= self._due:
                try:
                    self._start()
                except OSError as error:  # there is no memory for it, or no more processes are allowed
                    self._start_later(f"can't be started: {error}")
        elif self._process.is_alive():
            self.serves()
        else:
            if time.monotonic() - self._started >= A_WHILE:
                self._pause = FIRST_PAUSE
            self._start_later(f"(pid {self._process.pid}) has ended with status {self._process.exitcode}")

    def is_running(self) -> bool:
        """Return whether the process runs."""
        return self._process is not None and self._process.is_alive()

    def serves(self) -> bool:
        """Return whether the process, which runs, has said that it serves."""
        if self._process is not None and not self._is_ready:
            with suppress(EOFError, OSError):
                self._is_ready = self._pipe.poll() and self._pipe.recv_bytes() == READY
            if self._is_ready:
                log.info("process %d serves (pid %s)", self._number + 1, self._process.pid)
        return self._is_ready

    def request_stop(self) -> None:
        """Let the process answer what it has begun, and end."""
        if self._pipe is not None:
            self._pipe.close()

    def kill(self) -> None:
        """End the process at once, if it runs."""
        if self._process is not None:
            self._process.kill()
            self._process.join()

    def _start_later(self, why: str) -> None:
        log.warning("process %d %s; it is started again in %.1f s", self._number + 1, why, self._pause)
        self._pipe.close()
        self._connections[self._number] = NOT_RUNNING
        self._process, self._due = None, time.monotonic() + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def _start(self) -> None:
        self._pipe, theirs = SPAWN.Pipe()
        share = Share(self._number, self._sockets, theirs, self._connections)
        self._process = SPAWN.Process(target=self._main, args=(share,), name=f"stockroom {self._number + 1}")
        earlier = signal.signal(signal.SIGINT, signal.SIG_IGN)  # on POSIX, it is so there until `serve`
        try:
            self._process.start()
        finally:
            signal.signal(signal.SIGINT, earlier)
            theirs.close()  # or this process would keep the pipe open when that one has ended
        self._started, self._is_ready = time.monotonic(), False
