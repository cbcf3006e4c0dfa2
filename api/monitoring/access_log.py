"""The access log and the metrics of each request, written once its response has been sent."""

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TextIO
from urllib.parse import quote

from flask import Request
from werkzeug.wsgi import ClosingIterator

from api.monitoring.log_lines import escaped, without_tokens
from api.monitoring.metrics import METHODS, Metrics
from api.request_id import id_of
from api.trace_context import trace_id_of
from models.values import rfc3339

PATH_LENGTH = 200
ACCESS = "stockroom.access"


class AccessLog:
    """The lines of requests: as those of the log at level INFO, but made without `logging`.

    Its records, filters and formatters would take a tenth of the time of a short request.
    """

    message = '%(address)s %(user)s "%(method)s %(path)s" %(status)s %(bytes)s bytes %(ms)s ms'

    def __init__(self, stream: TextIO, log_format: str = "text") -> None:
        self._stream = stream
        self._line = self._json_line if log_format == "json" else self._text_line

    def write(self, request_id: str, trace_id: str | None, fields: Mapping[str, Any]) -> None:
        """Write the line of one request; if that fails, the request does not."""
        line = without_tokens(self._line(request_id, trace_id, fields)) + "\n"
        with suppress(OSError, ValueError):  # a full disk, a broken pipe, a closed stream
            self._stream.write(line)
            self._stream.flush()

    def _text_line(self, request_id: str, trace_id: str | None, fields: Mapping[str, Any]) -> str:
        second, millisecond = divmod(time.time_ns() // 1_000_000, 1000)
        trace = f"trace_id={trace_id} " if trace_id else ""
        head = f"{_local_time(second)},{millisecond:03} INFO {ACCESS} [{request_id}]"
        return escaped(f"{head} {trace}{self.message % fields}")

    def _json_line(self, request_id: str, trace_id: str | None, fields: Mapping[str, Any]) -> str:
        head = {"time": rfc3339(datetime.now(UTC)), "level": "INFO", "logger": ACCESS, "message": self.message % fields}
        trace = {"trace_id": trace_id} if trace_id else {}
        return json.dumps({**head, "request_id": request_id, **trace, **fields})


# The access log of this process; None if it has none.
access: AccessLog | None = None


def open_access_log(stream: TextIO, log_format: str) -> None:
    """Write the access log of this process to `stream`, as `text` or as `json`."""
    global access  # noqa: PLW0603 - the log belongs to the process, as that of `logging` does
    access = AccessLog(stream, log_format)


@lru_cache(2)
def _local_time(second: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))


class RequestRecord:
    """What is recorded of one request and its response; it outlives the request context, as a stream does."""

    def __init__(self, metrics: Metrics, request: Request, g: Any, status: int, arrived: float) -> None:
        """Take what a request has become; `g` is its, and it arrived at this time of `time.perf_counter`."""
        self._metrics = metrics
        self._arrived = arrived
        self._route = request.url_rule.rule if request.url_rule else None
        self._problem = g.get("problem")
        self._status = status
        self._method = request.method
        self._path = request.path if len(request.path) <= PATH_LENGTH else without_tokens(request.path)
        self._address = request.remote_addr
        principal = g.get("principal")
        self._user = principal.username if principal else None
        self._request_id = id_of(request.environ)
        self._trace_id = trace_id_of(request.environ)
        self._bytes = 0

    def write_at_once(self, headers: Iterable[tuple[str, str]]) -> bool:
        """Write the record of a response whose length is known; return whether it is."""
        if self._method != "HEAD" and self._status not in (204, 304):
            length = next((value for name, value in headers if name == "Content-Length"), None)
            if length is None:
                return False
            self._bytes = int(length)
        self.write()
        return True

    def counting(self, body: Iterable[bytes]) -> Iterable[bytes]:
        """Return a streamed body that is counted, and recorded when it has been sent or its client has gone."""
        closing = [body.close, self.write] if hasattr(body, "close") else [self.write]
        return ClosingIterator(self._counted(body), closing)

    def _counted(self, body: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in body:
            self._bytes += len(chunk)
            yield chunk

    def write(self) -> None:
        """Count the request, and write its line."""
        seconds = time.perf_counter() - self._arrived
        self._metrics.count_request(self._method, self._route, self._status, seconds, self._problem)
        if access:
            fields = {
                "address": self._address or "-",
                "user": self._user or "-",
                "method": self._method if self._method in METHODS else quote(self._method[:20]),
                # Without the query, which may have a credential that belongs into a header.
                "path": quote(self._path[:PATH_LENGTH], safe="/:@!$&'()*+,;=~"),
                "status": self._status,
                "ms": round(seconds * 1000, 1),
                "bytes": self._bytes,
                "problem": self._problem,
            }
            access.write(self._request_id, self._trace_id, fields)
