"""What is kept of each request once it is answered: a line of the access log, and its numbers."""

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TextIO
from urllib.parse import quote

from flask import Flask, Response, g, request

from api.monitoring.log_lines import escaped, without_tokens
from api.monitoring.metrics import Metrics
from api.request_id import request_id
from api.services import services
from models.values import rfc3339

PATH_LENGTH = 200
ACCESS = "stockroom.access"


class AccessLog:
    """The lines of the requests: like those of the log at level INFO, without its records, filters and formatters,
    which would take a tenth of a short request."""

    message = '%(address)s %(user)s "%(method)s %(path)s" %(status)s %(bytes)s bytes %(ms)s ms'

    def __init__(self, stream: TextIO, log_format: str = "text") -> None:
        self._stream = stream
        self._line = self._json_line if log_format == "json" else self._text_line

    def write(self, request_id: str, fields: Mapping[str, Any]) -> None:
        """Write the line of one request; a log that can't be written fails none."""
        line = without_tokens(self._line(request_id, fields)) + "\n"
        with suppress(OSError, ValueError):  # a full disk, a reader that has gone, a closed stream
            self._stream.write(line)
            self._stream.flush()

    def _text_line(self, request_id: str, fields: Mapping[str, Any]) -> str:
        second, millisecond = divmod(time.time_ns() // 1_000_000, 1000)
        return escaped(f"{_local_time(second)},{millisecond:03} INFO {ACCESS} [{request_id}] {self.message % fields}")

    def _json_line(self, request_id: str, fields: Mapping[str, Any]) -> str:
        head = {"time": rfc3339(datetime.now(UTC)), "level": "INFO", "logger": ACCESS, "message": self.message % fields}
        return json.dumps({**head, "request_id": request_id, **fields})


# Where the requests of this process are told; None where they are not.
access: AccessLog | None = None


def open_access_log(stream: TextIO, log_format: str) -> None:
    """Write the lines of the requests of this process to `stream`, as `text` or as `json`."""
    global access  # noqa: PLW0603 - as the log itself is the process's
    access = AccessLog(stream, log_format)


@lru_cache(2)
def _local_time(second: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))


def init_access_log(app: Flask) -> None:
    """Observe every request, from before anything else of it until after everything else."""
    app.before_request(_begin)
    app.after_request(_end)


def _begin() -> None:
    g.arrived = time.perf_counter()


def _end(response: Response) -> Response:
    observation = _Observation(services().metrics, response)
    if response.is_streamed:  # the answer is over when its last chunk is sent, or its client is gone
        if hasattr(response.response, "close"):
            response.call_on_close(response.response.close)
        response.response = observation.counting(response.iter_encoded())
        response.call_on_close(observation.tell)
    else:
        bodiless = request.method == "HEAD" or response.status_code in (204, 304)
        observation.bytes = 0 if bodiless else response.content_length or 0
        observation.tell()
    return response


class _Observation:
    """One request with its answer; it outlives the request's context, because a stream does."""

    def __init__(self, numbers: Metrics, response: Response) -> None:
        self._numbers = numbers
        self._arrived = g.get("arrived", time.perf_counter())
        self._route = request.url_rule.rule if request.url_rule else None
        self._problem = g.get("problem")
        self._status = response.status_code
        self._method = request.method
        self._path = request.path
        self._address = request.remote_addr
        principal = g.get("principal")
        self._user = principal.username if principal else None
        self._request_id = request_id()
        self.bytes = 0

    def counting(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The chunks, their bytes counted as they go."""
        for chunk in chunks:
            self.bytes += len(chunk)
            yield chunk

    def tell(self) -> None:
        """Count the request, and write its line."""
        seconds = time.perf_counter() - self._arrived
        self._numbers.observe(self._method, self._route, self._status, seconds, self._problem)
        if access:
            fields = {
                "address": self._address or "-",
                "user": self._user or "-",
                "method": quote(self._method[:20]),
                # No query: it may hold what a client should have sent as a header.
                "path": quote(self._path[:PATH_LENGTH], safe="/:@!$&'()*+,;=~"),
                "status": self._status,
                "ms": round(seconds * 1000, 1),
                "bytes": self.bytes,
                "problem": self._problem,
            }
            access.write(self._request_id, fields)
