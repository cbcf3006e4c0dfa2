"""The connections of deliveries, for httpcore: to addresses that were checked, and within one deadline.

httpcore hands a timeout to each single wait; here none counts, but what is left of the deadline does.
"""

import selectors
import socket
import ssl
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, TypeVar

import httpcore

from delivery.addresses import Endpoint, resolve
from delivery.deadline import SELECTOR, Deadline
from urls import IpNetwork

T = TypeVar("T")


class Exchange:
    """One request with its answer: what its connection may do, and what has come of it so far."""

    def __init__(self, deadline: Deadline, allowed: Sequence[IpNetwork], encrypted: bool) -> None:
        self.deadline = deadline
        self.allowed = allowed
        self.encrypted = encrypted
        self.has_connected = False
        self.has_received = False


class CheckedNetwork(httpcore.NetworkBackend):
    """Connects to the addresses that a host has now, if each is permitted. `exchange` is set before each request."""

    exchange: Exchange

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> "Stream":
        """Connect to one address after the other, each with its share of the time that is left; raises OSError."""
        exchange = self.exchange
        exchange.has_connected = True
        remaining = exchange.deadline.remaining()
        with exchange.deadline.waiting():
            endpoints = resolve(
                host, port, exchange.allowed, remaining, exchange.deadline.stopped, encrypted=exchange.encrypted
            )
        for left in range(len(endpoints), 1, -1):
            try:
                return Stream(_connect(endpoints[-left], exchange.deadline.share(left)), self)
            except OSError:
                exchange.deadline.remaining()
        return Stream(_connect(endpoints[-1], exchange.deadline), self)


def _connect(endpoint: Endpoint, deadline: Deadline) -> socket.socket:
    sock = socket.socket(endpoint.family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            sock.connect(endpoint.sockaddr)
        except BlockingIOError:
            deadline.wait(sock, selectors.EVENT_WRITE)
            if code := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                raise OSError(code, "cannot connect") from None
    except BaseException:
        sock.close()
        raise
    return sock


class Stream(httpcore.NetworkStream):
    """One connection. It outlives its first exchange, so each wait asks for the deadline of the present one."""

    def __init__(self, sock: socket.socket, network: CheckedNetwork) -> None:
        self._sock = sock
        self._network = network

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return what has come, at least one byte; nothing where the other side has closed."""
        received = self._complete(partial(self._sock.recv, max_bytes), selectors.EVENT_READ)
        if received:
            self._network.exchange.has_received = True
        return received

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of it; raises httpcore.WriteError where the other side has closed, which may have answered yet."""
        rest = memoryview(buffer)
        try:
            while rest:
                rest = rest[self._complete(partial(self._sock.send, rest), selectors.EVENT_WRITE) :]
        except (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError) as error:
            raise httpcore.WriteError(error) from error

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> "Stream":
        """Encrypt this connection, if the other side proves to be the host of the URL; raises ssl.SSLError."""
        try:
            sock = ssl_context.wrap_socket(self._sock, server_hostname=server_hostname, do_handshake_on_connect=False)
            self._sock = sock
            self._complete(sock.do_handshake, selectors.EVENT_READ)
        except BaseException:
            self.close()
            raise
        return self

    def close(self) -> None:
        """Close the connection at once."""
        self._sock.close()

    def get_extra_info(self, info: str) -> Any:
        """Return what httpcore asks for: whether something has come on an idle connection, as its end."""
        if info != "is_readable":
            return None
        with SELECTOR() as selector:
            selector.register(self._sock, selectors.EVENT_READ)
            return bool(selector.select(0))

    def _complete(self, operation: Callable[[], T], event: int) -> T:
        """Try an operation of the socket until it is done, each time when the socket is ready for it."""
        deadline = self._network.exchange.deadline
        while True:
            deadline.remaining()
            try:
                return operation()
            except ssl.SSLWantReadError:
                deadline.wait(self._sock, selectors.EVENT_READ)
            except ssl.SSLWantWriteError:
                deadline.wait(self._sock, selectors.EVENT_WRITE)
            except BlockingIOError:
                deadline.wait(self._sock, event)
