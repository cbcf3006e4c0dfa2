"""A connection to a mail server that ends at a time, however slowly the server answers or takes what it is sent."""

import binascii
import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from email.message import EmailMessage
from typing import Any, NamedTuple

from delivery.rendering import one_line
from urls import SmtpServer

# How many bytes are sent, or read, within one timeout.
PIECE = 16_384
# The longest line of an answer, in bytes (RFC 5321 section 4.5.3.1.5 has 512), and how many lines there may be.
LONGEST_LINE, MOST_LINES = 2048, 1000
# In seconds: how long a wait for an answer takes before it is asked whether the service ends.
SLICE = 0.25
# In seconds: how long the end of the talk may take, when the server has the mail.
GOODBYE = 2.0
# How many characters of what a server says are shown.
SHOWN = 300


class Stopped(OSError):
    """The service ends."""


class NoStartTls(smtplib.SMTPException):
    """The server does not offer to encrypt the connection."""


class Accepted(NamedTuple):
    """What the server said to a mail that it took, and what to each recipient that it refused."""

    answer: str
    refused: dict[str, str]


class Connection(smtplib.SMTP):
    """A connection that ends at a time, however slowly the server answers or takes what it is sent.

    The timeouts of smtplib are those of one read or write: a server that sends a byte now and then is never late.
    """

    def __init__(self, server: SmtpServer, ends_at: float, stopped: threading.Event) -> None:
        super().__init__(local_hostname="localhost", timeout=ends_at - time.monotonic())  # which does not connect
        self.server = server
        self.last_answer = ""
        self.stopped = stopped
        self._ends_at = ends_at

    def open(self) -> None:
        """Connect, protect the connection as the settings say, and sign in."""
        host, port, security, username, password = self.server
        self._host = host  # which STARTTLS checks
        code, greeting = self.connect(host, port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, greeting)
        self.local_hostname = _own_name(self._socket())
        self.ehlo_or_helo_if_needed()
        if security == "starttls":
            if not self.has_extn("starttls"):
                raise NoStartTls
            self.starttls(context=ssl.create_default_context())
            self.ehlo_or_helo_if_needed()
        if username is not None and password is not None:
            self._sign_in(username, password)

    def hand_over(self, message: EmailMessage, sender: str, recipients: Sequence[str]) -> Accepted:
        """Send the mail, and end the talk; what the server says to the end does not matter any more."""
        refused = self.send_message(message, sender, list(recipients))
        accepted = self.last_answer
        self._ends_at = min(self._ends_at, time.monotonic() + GOODBYE)
        with suppress(OSError):  # as smtplib's own errors are
            self.quit()
        return Accepted(accepted, {address: as_text(*answer) for address, answer in refused.items()})

    def _sign_in(self, username: str, password: str) -> None:
        """Sign in by PLAIN (RFC 4616) or LOGIN, in UTF-8; smtplib knows ASCII only."""
        offered = self.esmtp_features.get("auth", "").upper().split()
        if "PLAIN" in offered or "LOGIN" not in offered:
            code, answer = self.docmd("AUTH", f"PLAIN {as_base64(plain(username, password))}")
        else:
            code, answer = self.docmd("AUTH", "LOGIN")
            for word in (username, password):
                if code == 334:
                    code, answer = self.docmd(as_base64(word))
        if code not in (235, 503):  # 503: it knows who we are
            raise smtplib.SMTPAuthenticationError(code, answer)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        """Connect to the first address of the host that answers; each gets its part of the time."""
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        failed: OSError | None = None
        for number, (family, kind, protocol, _, address) in enumerate(found):
            connected = socket.socket(family, kind, protocol)
            try:
                connected.settimeout(self._left() / (len(found) - number))
                connected.connect(address)
                connected.settimeout(self._left())
                if self.server.security == "tls":
                    return ssl.create_default_context().wrap_socket(connected, server_hostname=host)
                return connected
            except OSError as error:
                connected.close()
                failed = error
                if isinstance(error, ssl.SSLError):
                    break  # the same server at another address would have the same certificate
        raise failed or OSError(f"{host} has no address")

    def getreply(self) -> tuple[int, bytes]:
        """Read an answer, until the deadline."""
        if self.file is None:
            self.file = _Lines(self._socket(), self._left)
        code, answer = super().getreply()
        self._socket().settimeout(max(0.01, self._ends_at - time.monotonic()))  # for a handshake that follows
        self.last_answer = as_text(code, answer)
        return code, answer

    def send(self, s: Any) -> None:
        """Send text or bytes, until the deadline; of TLS, `sendall` has a timeout for each record."""
        content = memoryview(s.encode(self.command_encoding) if isinstance(s, str) else s)
        for start in range(0, len(content), PIECE):
            try:
                self._socket().settimeout(self._left())
                self._socket().sendall(content[start : start + PIECE])
            except OSError as error:
                self.close()
                raise smtplib.SMTPServerDisconnected(f"Connection unexpectedly closed: {error}") from error

    def is_late(self) -> bool:
        """Return whether the deadline has passed."""
        return time.monotonic() >= self._ends_at - 0.01

    def _left(self) -> float:
        if self.stopped.is_set():
            raise Stopped("the service ends")
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError("the deadline has passed")
        return left

    def _socket(self) -> socket.socket:
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("please run connect() first")
        return self.sock


class _Lines:
    """The lines that a server sends, as smtplib reads them from a file."""

    def __init__(self, connected: socket.socket, left: Callable[[], float]) -> None:
        self._connected = connected
        self._left = left
        self._read = bytearray()
        self._lines = 0

    def readline(self, limit: int) -> bytes:
        """Return the next line with its end; what there is of it where the server ends the connection."""
        self._lines += 1
        if self._lines > MOST_LINES:
            raise OSError(f"more than {MOST_LINES} lines of answers")
        while b"\n" not in self._read and len(self._read) < LONGEST_LINE:
            self._connected.settimeout(min(SLICE, self._left()))
            try:
                received = self._connected.recv(PIECE)
            except TimeoutError:
                continue
            if not received:
                break
            self._read += received
        end = self._read.find(b"\n", 0, limit) + 1 or min(len(self._read), limit)
        line = bytes(self._read[:end])
        del self._read[:end]
        return line

    def close(self) -> None:
        """Do nothing: the socket is closed by whoever has opened it."""


def as_text(code: int, answer: Any) -> str:
    """Return an answer of a server as one line."""
    words = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else str(answer)
    return one_line(f"{code} {words}", SHOWN)


def plain(username: str, password: str) -> str:
    """Return what PLAIN sends of a user (RFC 4616)."""
    return f"\0{username}\0{password}"


def as_base64(text: str) -> str:
    """Return a text in UTF-8 and base64, on one line."""
    return binascii.b2a_base64(text.encode(), newline=False).decode("ascii")


def _own_name(connected: socket.socket) -> str:
    """Return by which name this machine introduces itself: its address (RFC 5321 section 4.1.3).

    To look up its name could take as long as it likes, and many names are none that a server takes.
    """
    address = str(connected.getsockname()[0]).partition("%")[0]
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"
