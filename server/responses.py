"""One response: its head and its body, of the application or of a request that never reaches it."""

import logging
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from waitress import task
from waitress.utilities import build_http_date

from server.requests import HEADER_BYTES

log = logging.getLogger("stockroom")

RETRY_SECONDS = "2"
# What waitress adds to the headers of a response that lacks them, or changes.
ADDED = {"date", "server"}
# The largest body that is copied behind its head, in bytes, so that both leave with one call of the system.
ONE_PIECE = 64 * 1024


class ErrorAnswer(NamedTuple):
    """The response to a request that never reached the application: its id, and a body with its media type."""

    request_id: str
    content_type: str
    body: bytes


# Makes that response from the status, a sentence for the client and the X-Request-ID that was sent ("" without one).
MakeErrorAnswer = Callable[[int, str, str], ErrorAnswer]


@lru_cache(2)
def _date(second: int) -> str:
    """Return a time as HTTP writes it; it is the same for all responses of a second."""
    return build_http_date(second)  # type: ignore[no-any-return]


class Task(task.WSGITask):  # type: ignore[misc] # waitress has no types
    """The response of the application."""

    wrote_header: bool

    def build_response_header(self) -> bytes:
        if self.channel.server.stopping and self.channel.on_last_request():
            super().set_close_on_finish()
        if self._is_usual():
            fields = "".join(f"{name}: {value}\r\n" for name, value in self.response_headers)
            return f"HTTP/1.1 {self.status}\r\n{fields}Date: {_date(int(self.start_time))}\r\n\r\n".encode("latin-1")
        header: bytes = super().build_response_header()
        if self.request.command == "HEAD":
            self.chunked_response = False  # or the last chunk would follow, which is a body
        return header

    def _is_usual(self) -> bool:
        """Return whether the headers are complete but for the date, so that waitress need not go through them."""
        if self.version != "1.1" or not self.has_body or self.close_on_finish or self.request.connection_close:
            return False
        names = {name.lower() for name, _ in self.response_headers}
        return "content-length" in names and names.isdisjoint(ADDED)

    def write(self, data: bytes) -> None:
        """Write; a response that is all there leaves in one piece, with its head, and not in two."""
        is_whole = self.complete and not self.wrote_header and self.has_body and len(data) == self.content_length
        if not is_whole or len(data) > ONE_PIECE:
            super().write(data)
            return
        header = self.build_response_header()
        self.wrote_header = True
        self.content_bytes_written = len(data)
        self.channel.write_soon(header + data)

    def set_close_on_finish(self) -> None:
        """Close only if need be; waitress would after each 204 and 304, as they have no Content-Length."""
        if self.has_body or self.version == "1.0" or self.request.connection_close:
            super().set_close_on_finish()


class ErrorTask(task.ErrorTask):  # type: ignore[misc] # waitress has no types
    """The response to a request that never reached the application, or that it failed to answer."""

    def execute(self) -> None:
        error = self.request.error
        request = next(iter(self.channel.requests), self.request)
        details = {
            413: f"The body may have {request.adj.max_request_body_size - 1} bytes at most{request.unless}.",
            431: f"The request line and the headers together may have {HEADER_BYTES} bytes at most.",
            500: "Something went wrong here; the log has it under this request_id.",
        }
        # The words of waitress are cut where they begin to quote the client: that may be long, or a secret.
        detail = details.get(error.code) or error.body.partition(' "')[0].rstrip(".") + "."
        sent_id = request.headers.get("X_REQUEST_ID", "")
        request_id, content_type, body = self.request.adj.error_answer(error.code, detail, sent_id)
        log.info("answered %d to %s, request id %s: %s", error.code, self.channel.addr[0], request_id, detail)
        self.status = f"{error.code} {error.reason}"
        self.response_headers += [
            ("Content-Type", content_type),
            ("X-Content-Type-Options", "nosniff"),
            ("X-Request-ID", request_id),
            *([("Retry-After", RETRY_SECONDS)] if error.code in (429, 503) else []),
        ]
        self.content_length = len(body)
        self.set_close_on_finish()
        self.write(b"" if request.command == "HEAD" else body)
