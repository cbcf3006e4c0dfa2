"""Answers in JSON, written by orjson, and sent without what Werkzeug looks for in other responses."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import flask_restful
import orjson
from flask import Response

from api.media_types import JSON


class WholeResponse(Response):
    """A response whose body is at hand, with all its headers."""

    default_mimetype = None
    response: list[bytes]

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "HEAD" or self.status_code not in (200, 201, 304):
            return super().__call__(environ, start_response)
        start_response(self.status, self.headers.to_wsgi_list())
        return self.response

    def call_on_close(self, func: Callable[[], Any]) -> Callable[[], Any]:
        """Refuse: nothing has to be closed, so nothing looks whether the answer has been sent."""
        raise TypeError("a whole response is not closed")


def whole(
    content: bytes, content_type: str = JSON, status: int = 200, headers: Mapping[str, str] | None = None
) -> WholeResponse:
    """Return a response with this body."""
    fields = [("Content-Type", content_type), ("Content-Length", str(len(content)))]
    return WholeResponse([content], status, [*fields, *headers.items()] if headers else fields)


def unchanged(headers: Mapping[str, str]) -> WholeResponse:
    """Return a 304: the client has what it asked for."""
    return WholeResponse([], 304, list(headers.items()))


def json_bytes(data: Any) -> bytes:
    """Return a body as JSON, as every response has it."""
    return orjson.dumps(data, option=orjson.OPT_APPEND_NEWLINE)


class Api(flask_restful.Api):  # type: ignore[misc] # Flask-RESTful has no types
    """The API of Flask-RESTful, which leaves errors to Flask instead of its own format, and writes JSON with orjson."""

    def error_router(self, original_handler: Any, e: Exception) -> Any:
        return original_handler(e)

    def make_response(self, data: Any, status: int, headers: Mapping[str, str] | None = None) -> Response:
        """Return what a method returned as JSON; the media type has been negotiated before the method ran."""
        return whole(json_bytes(data), status=status, headers=headers)
