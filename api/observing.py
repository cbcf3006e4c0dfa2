"""What is kept of each request once it is answered: a line of the access log, and its numbers."""

import time
from collections.abc import Iterable, Iterator
from urllib.parse import quote

from flask import Flask, Response, g, request

from api import logs
from api.metrics import Metrics, metrics
from api.request_id import request_id

PATH_SHOWN = 200


def init_observing(app: Flask) -> None:
    """Observe every request, from before anything else of it until after everything else."""
    app.before_request(_begin)
    app.after_request(_end)


def _begin() -> None:
    g.arrived = time.perf_counter()


def _end(response: Response) -> Response:
    observation = _Observation(metrics(), response)
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
        if logs.access:
            fields = {
                "address": self._address or "-",
                "user": self._user or "-",
                "method": quote(self._method[:20]),
                # No query: it may hold what a client should have sent as a header.
                "path": quote(self._path[:PATH_SHOWN], safe="/:@!$&'()*+,;=~"),
                "status": self._status,
                "ms": round(seconds * 1000, 1),
                "bytes": self.bytes,
                "problem": self._problem,
            }
            logs.access.write(self._request_id, fields)
