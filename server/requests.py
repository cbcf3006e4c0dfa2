"""Requests as they arrive: parsed more strictly than by waitress, their bodies stored within limits."""

import logging
import re
from contextlib import suppress
from typing import Any

from waitress.parser import HTTPRequestParser, ParsingError
from waitress.proxy_headers import MalformedProxyHeader, parse_proxy_headers
from waitress.utilities import Error

from server.chunks import ChunkedBody
from server.forwarded import name_client

log = logging.getLogger("stockroom")

HEADER_BYTES = 32 * 1024
FRAMING_HEADER = re.compile(rb"\r\n(?:content-length|transfer-encoding):", re.IGNORECASE)
CODINGS = re.compile(rb"\r\ntransfer-encoding:([^\r\n]*)", re.IGNORECASE)
FOLDED = re.compile(rb"\r\n[ \t]")
HOST_HEADER = re.compile(rb"\r\nhost:", re.IGNORECASE)
# A name or an address, perhaps with a port (RFC 9110 section 7.2).
HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~%-]+)(?::[0-9]{0,5})?")
# With one of them a body may be as large as its path allows: without, nobody need store what will be refused.
CREDENTIALS = ("AUTHORIZATION", "X_API_KEY", "COOKIE")


class Unavailable(Error):  # type: ignore[misc] # waitress has no types
    """503: there is no room for the body."""

    code = 503
    reason = "Service Unavailable"


class TooManyRequests(Error):  # type: ignore[misc] # waitress has no types
    """429: this client sends too much at a time."""

    code = 429
    reason = "Too Many Requests"


class Request(HTTPRequestParser):  # type: ignore[misc] # waitress has no types
    """A request being received; one that is malformed or ambiguous is answered 400."""

    adj: Any
    body_rcv: Any
    command = path = ""  # waitress logs them even if the request line is unreadable
    unless = ""  # what would allow a larger body, as the end of a sentence

    def __init__(self, adj: Any, client: str) -> None:
        super().__init__(adj)
        self._client = client
        self._stored = 0  # bytes beyond what every body may have

    def received(self, data: bytes) -> int:
        """Take the bytes that belong to this request; return how many they are."""
        try:
            consumed = int(super().received(data))
            if self.completed and self.body_rcv is not None:
                self.body_rcv.getfile().flush()
        except OSError as error:
            log.error("a body could not be stored: %s", error)
            self._refuse(Unavailable("The body can't be stored now; nothing was changed"))
            return len(data)
        self._count_stored()
        return consumed

    def _count_stored(self) -> None:
        """Count what is stored of a large body; refuse it where that is too much."""
        more = self.body_bytes_received - self.adj.small_body_bytes - self._stored
        if more <= 0 or self.error:
            return
        self._stored += more
        error = self.adj.bodies.add(self._client, more)
        if error:
            self._refuse(error)

    def _refuse(self, error: Error) -> None:
        self.error = error
        self.completed = True
        self.close()

    def close(self) -> None:
        """Delete what is stored of the body."""
        stored, self._stored = self._stored, 0
        if stored:
            self.adj.bodies.remove(self._client, stored)
        with suppress(OSError):  # on a full disk, closing a file fails as writing to it did; it is closed all the same
            super().close()

    def parse_header(self, header_plus: bytes) -> None:
        if FOLDED.search(header_plus):
            raise ParsingError("A header goes over several lines")
        try:
            super().parse_header(header_plus)
        except ValueError as error:  # an unclosed [ in the URI, or a Content-Length of thousands of digits
            raise ParsingError("The URI or the Content-Length is invalid") from error
        self._check_framing(header_plus)
        self._check_host(header_plus)
        if self.chunked:
            self.body_rcv = ChunkedBody(self.body_rcv.getbuf())
        if any(name in self.headers for name in CREDENTIALS):
            self.adj = self.adj.of_path.get(self.path, self.adj)
        elif self.path in self.adj.of_path:
            self.unless = " without a credential"
        if self.adj.trusted_proxy:  # parsed here too: waitress refuses it later, in another format
            self._parse_proxy_headers()

    def _check_framing(self, header_plus: bytes) -> None:
        """Raise ParsingError if two servers may see the end of the body in two places."""
        # waitress removes Transfer-Encoding, except from a version that does not have it (RFC 9112 section 6.1).
        if len(FRAMING_HEADER.findall(header_plus)) > 1 or "TRANSFER_ENCODING" in self.headers:
            raise ParsingError("The body's length is given twice, or in a way this HTTP version lacks")
        codings = CODINGS.search(header_plus)
        if codings and codings[1].strip(b" \t").lower() != b"chunked":
            raise ParsingError("The Transfer-Encoding is none but chunked, once")

    def _check_host(self, header_plus: bytes) -> None:
        """Raise ParsingError unless there is one valid Host; HTTP/1.0 may do without (RFC 9112 section 3.2)."""
        count = len(HOST_HEADER.findall(header_plus))
        if count > 1 or (count == 0 and self.version not in ("", "1.0")):
            raise ParsingError("There must be one Host header")
        if count and not HOST.fullmatch(self.headers["HOST"]):
            raise ParsingError("The Host header is no name or address with or without a port")

    def _parse_proxy_headers(self) -> None:
        environ = {f"HTTP_{name}": value for name, value in self.headers.items()}
        try:
            parse_proxy_headers(environ, 1, self.adj.trusted_proxy_headers)
        except MalformedProxyHeader as error:
            raise ParsingError(f"{error.header} is malformed") from error
        environ["REMOTE_ADDR"] = self._client
        name_client(environ, self.adj.trusted_proxy)
        self._client = environ["REMOTE_ADDR"]
