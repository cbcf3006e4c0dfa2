"""One connection of the server: receiving requests, sending responses, closing."""

import logging
import socket
from typing import Any

from waitress import wasyncore
from waitress.channel import ClientDisconnected, HTTPChannel
from waitress.server import TcpWSGIServer

from server.balance import Balance
from server.requests import Request
from server.responses import ErrorTask, Task

log = logging.getLogger("stockroom")

# How much of a body must arrive within the timeout for "receiving": some 70 kB/s, so slow links may send large files.
PROGRESS_BYTES = 1024 * 1024
# How much of a refused request is read and thrown away before the connection is closed.
LINGER_BYTES = 64 * 1024 * 1024
# How much of its responses a connection may have unsent, in temporary files, before the thread that makes them waits.
# It is less for each connection when all of them together have very much unsent.
UNSENT_BYTES, UNSENT_BYTES_CROWDED, UNSENT_BYTES_IN_ALL = 64 * 1024 * 1024, 1024 * 1024, 1024 * 1024 * 1024
WAIT_SECONDS = 0.5  # how often a thread that waits looks again


class Channel(HTTPChannel):  # type: ignore[misc] # waitress has no types
    """One connection."""

    task_class = Task
    error_task_class = ErrorTask

    close_when_flushed: bool
    lingering = False
    discarded = 0
    last_state: tuple[str, object] = ("new", None)
    since = 0.0

    def parser_class(self, adj: Any) -> Request:
        """Return the parser of the next request."""
        return Request(adj, self.addr[0])

    def state(self) -> tuple[str, object]:
        """Return the stage of the connection, as in TIMEOUTS, and a value that changes with its progress."""
        if self.lingering:
            return "lingering", None
        if self.total_outbufs_len:
            return "sending", self.last_activity
        if self.requests:
            return "working", None
        if self.request is not None:
            return "receiving", (self.request, self.request.body_bytes_received // PROGRESS_BYTES)
        return "idle", self.last_activity

    def on_last_request(self) -> bool:
        """Return whether nothing has arrived after the request that is being answered."""
        with self.requests_lock:
            return len(self.requests) <= 1 and self.request is None

    def send_continue(self) -> None:
        """Ask for the body (100 Continue), but not where there is none or it is refused already, as waitress would."""
        if self.request.completed:
            self.request.expect_continue = False
        else:
            super().send_continue()

    def write_soon(self, data: bytes) -> int:
        """Take a part of a response to be sent; wait before that if the client is far behind.

        Only so many threads wait: for one more, the response ends here, and the connection with it.
        """
        if self._is_behind():
            if not self.adj.waiting.acquire(blocking=False):
                log.warning("cut off %s: too many clients read slowly", self.addr[0])
                raise ClientDisconnected
            try:
                with self.outbuf_lock:
                    while self.connected and self._is_behind():
                        self.server.pull_trigger()
                        self.outbuf_lock.wait(WAIT_SECONDS)
            finally:
                self.adj.waiting.release()
        return super().write_soon(data)  # type: ignore[no-any-return]

    def _is_behind(self) -> bool:
        """Return whether too much of the responses is unsent."""
        unsent = int(self.total_outbufs_len)
        if unsent <= UNSENT_BYTES_CROWDED:
            return False
        of_all = sum(int(each.total_outbufs_len) for each in list(self.server.active_channels.values()))
        return unsent > UNSENT_BYTES or of_all > UNSENT_BYTES_IN_ALL

    def _flush_outbufs_below_high_watermark(self) -> None:
        """Do not wait, as waitress would for less, and between the requests of a pipeline: `write_soon` does."""

    def received(self, data: bytes) -> bool:
        if not self.lingering:
            return super().received(data)  # type: ignore[no-any-return]
        self.discarded += len(data)
        if self.discarded > LINGER_BYTES:
            self.handle_close()
        return False

    def handle_write(self) -> None:
        """Send; after the last response go on reading for a while, so that a client that still sends can read it.

        Closing with unread bytes resets the connection, and the client may lose the response (RFC 9112 section 9.6).
        """
        if not self.close_when_flushed or self.will_close:
            super().handle_write()
            return
        self._flush_exception(self._flush_some_if_lockable)
        if self.connected and not self.total_outbufs_len:
            self.lingering = True
            self.close_when_flushed = False
            try:
                self.socket.shutdown(socket.SHUT_WR)
            except OSError:
                self.handle_close()

    def handle_close(self) -> None:
        """Close the connection; the loop, which calls this, must go on whatever fails here."""
        number = self._fileno
        try:
            super().handle_close()
        except Exception:
            log.exception("closing the connection of %s failed", self.addr[0])
            self._map.pop(number, None)  # or the loop would come here again and again
            if self.socket is not None:
                self.socket.close()
        if self.request is not None:
            self.request.close()  # a part of a body may be in a temporary file


class Listener(TcpWSGIServer):  # type: ignore[misc] # waitress has no types
    """One listening socket and the connections that it accepted."""

    channel_class = Channel
    stopping = False
    accepted: socket.socket | None = None  # the last one
    balance: Balance | None = None  # where other processes listen on the socket too

    def set_reuse_addr(self) -> None:
        """Leave the socket as it was bound: on Windows, no other program may share the port."""

    def readable(self) -> bool:
        is_open = bool(super().readable())
        if self.balance is None:
            return is_open
        self.balance.update(len(self._map))
        return is_open and not self.balance.seconds_left()

    def accept(self) -> Any:
        found = super().accept()
        self.accepted = found[0] if found else None
        return found

    def handle_accept(self) -> None:
        """Accept a connection; one that fails at once must not end the listening, and is closed."""
        if self.balance and not self.stopping and self.balance.leaves_next(len(self._map)):
            return
        try:
            super().handle_accept()
        except Exception:
            log.exception("a connection could not be accepted")
            if self.accepted is not None:
                self.accepted.close()

    def stop_listening(self) -> None:
        """Stop listening, after accepting the connections in the backlog: their clients are connected already."""
        self.stopping = True
        connections = -1
        while connections < len(self._map) < self.adj.connection_limit:
            connections = len(self._map)
            self.handle_accept()
        wasyncore.dispatcher.close(self)  # not the trigger too, which the threads still use
