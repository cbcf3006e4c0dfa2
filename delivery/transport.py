"""One delivery: a POST to a receiver, and its answer, all within one deadline."""

import errno
import functools
import math
import re
import socket
import ssl
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpcore

from delivery.addresses import AddressNotAllowed
from delivery.connections import CheckedNetwork, Exchange
from delivery.deadline import Deadline, Stopped, Turn
from settings import VERSION
from urls import IpNetwork

ANSWER_BYTES = 64 * 1024
# How long an idle connection is kept for the next delivery, in seconds.
KEEP_ALIVE = 30.0
# What a delivery may end with; programming errors, as a header with a line break, are none of these.
FAILURES = (OSError, Stopped, AddressNotAllowed, httpcore.RemoteProtocolError)


@dataclass(frozen=True)
class Answer:
    """What a receiver answered."""

    status: int
    retry_after_seconds: int | None


class DeliveryFailed(Exception):
    """There is no whole answer; `code` says why in one word for programs, the message in a sentence for people."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


@functools.cache
def _system_trust() -> ssl.SSLContext:
    """Return what trusts the certification authorities that the system trusts; it is read once."""
    return ssl.create_default_context()


class Transport:
    """Sends to one receiver, one delivery at a time, and keeps the connection for the next one.

    `tls` says whose certificates count; without it the system does. While it waits, others have the `turn`.
    """

    def __init__(self, tls: ssl.SSLContext | None = None, turn: Turn | None = None) -> None:
        self._turn = turn
        self._busy = threading.Lock()
        self._stopped = threading.Event()
        self._network = CheckedNetwork()
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls or _system_trust(),
            max_connections=1,
            keepalive_expiry=KEEP_ALIVE,
            network_backend=self._network,
        )

    def post(
        self,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        allowed: Sequence[IpNetwork],
        deadline_seconds: float = 10.0,
    ) -> Answer:
        """Send this to a URL in its normal form and return the answer, whatever its status; raises DeliveryFailed.

        A redirect is an answer as any other, and a proxy of the environment is not asked.
        """
        with self._busy:
            exchange = Exchange(
                Deadline(deadline_seconds, self._stopped, self._turn), allowed, url.startswith("https:")
            )
            self._network.exchange = exchange
            try:
                try:
                    return self._send(url, headers, body)
                except (httpcore.RemoteProtocolError, ConnectionError):
                    # The receiver closed the kept connection while it was taken up again. At worst it has the delivery
                    # twice, with the same id.
                    if exchange.has_connected or exchange.has_received:
                        raise
                    return self._send(url, headers, body)
            except FAILURES as error:
                raise _failed(error, exchange, deadline_seconds) from error

    def _send(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        parts = urlsplit(url)
        target = httpcore.URL(
            scheme=parts.scheme,
            host=parts.hostname or "",
            port=parts.port,
            target=f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}",
        )
        sent = [("Host", parts.netloc), ("User-Agent", f"Stockroom/{VERSION}"), *headers.items()]
        with self._pool.stream("POST", target, headers=sent, content=body) as answer:
            received = 0
            for part in answer.iter_stream():
                received += len(part)
                if received >= ANSWER_BYTES:
                    break  # and the connection is closed, for nobody reads the rest
            retry_after = next((value for name, value in answer.headers if name.lower() == b"retry-after"), b"")
            return Answer(answer.status, _retry_after_seconds(retry_after.decode("latin-1")))

    def stop(self) -> None:
        """Let the delivery that runs now end soon, and fail with the code `stopped`. May be called by any thread."""
        self._stopped.set()

    def close(self) -> None:
        """Stop the delivery that runs now, and close the connection.

        May be called by any thread; returns when it is done.
        """
        self.stop()
        with self._busy:
            self._pool.close()


def _retry_after_seconds(value: str) -> int | None:
    """Return the seconds of a Retry-After field (RFC 9110 section 10.2.3); None for a past time, and for nonsense."""
    if re.fullmatch(r"[0-9]{1,9}", value):
        return int(value)
    try:
        time = parsedate_to_datetime(value)
        seconds = (time if time.tzinfo else time.replace(tzinfo=UTC)) - datetime.now(UTC)
    except (ValueError, OverflowError):
        return None
    return math.ceil(seconds.total_seconds()) if seconds.total_seconds() > 0 else None


def _failed(error: Exception, exchange: Exchange, deadline_seconds: float) -> DeliveryFailed:
    """Return the failure that an exception stands for."""
    match error:
        case Stopped():
            code, sentence = "stopped", "The service was stopped during the delivery."
        case TimeoutError():
            code, sentence = "timeout", f"There was no whole answer within {deadline_seconds:g} seconds."
        case AddressNotAllowed():
            code, sentence = "address_not_allowed", str(error)
        case socket.gaierror():
            code, sentence = "dns_failed", "The name of the host can't be resolved."
        case ssl.SSLCertVerificationError():
            code, sentence = "tls_failed", f"The certificate was refused: {error.verify_message.rstrip('.')}."
        case ssl.SSLError():
            code, sentence = "tls_failed", f"TLS failed: {error.reason or 'the receiver closed the connection'}."
        case ConnectionRefusedError():
            code, sentence = "connection_refused", "The receiver refused the connection."
        case httpcore.RemoteProtocolError() if exchange.has_received:
            # h11 quotes what has come, which may be of a service that is no receiver, and is not for who reads the log.
            reason = str(error).partition(": bytearray(")[0].rstrip(".")
            code, sentence = "invalid_answer", f"The answer is not whole, or not HTTP/1.1: {reason}."
        case httpcore.RemoteProtocolError():
            code, sentence = "connection_failed", "The receiver closed the connection without an answer."
        case _:
            name = errno.errorcode.get(getattr(error, "errno", None) or 0, type(error).__name__)
            code, sentence = "connection_failed", f"The connection failed: {name}."
    return DeliveryFailed(code, sentence)
