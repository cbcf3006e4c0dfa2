"""The one door through which every refusal and every failure leaves: problem details (RFC 9457)."""

import json
import logging
import re
from collections.abc import Mapping
from typing import Any

import flask_restful
import orjson
from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from api.media_types import PROBLEM
from api.problems import CODE_OF_STATUS, PROBLEMS, document
from api.request_id import request_id, sane_or_new
from models.database.errors import is_unavailable
from models.refusals import Refusal
from server.connections import ErrorAnswer

log = logging.getLogger("stockroom")

RETRY_SECONDS = "2"
RETRIED_LATER = ("unavailable", "idempotency_in_progress")


class HttpRefusal(Refusal):
    """A refusal whose answer carries headers of its own."""

    def __init__(self, code: str, detail: str, headers: Mapping[str, str], **extra: Any) -> None:
        super().__init__(code, detail, **extra)
        self.headers = headers


class Unreadable(Refusal):
    """400: the request can't be read at all."""


class InvalidInput(Refusal):
    """422: every fault of the input, as made by `fault`."""

    def __init__(self, faults: list[dict[str, Any]]) -> None:
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        super().__init__("invalid_input", f"The input has {count}: {faults[0]['message'].rstrip('?')}.", errors=faults)


class Api(flask_restful.Api):  # type: ignore[misc] # Flask-RESTful has no types
    """Leaves errors to Flask, as Flask-RESTful would answer them in its own shape; writes JSON by orjson."""

    def __init__(self, app: Flask) -> None:
        super().__init__(app)
        self.representations["application/json"] = _json

    def error_router(self, original_handler: Any, e: Exception) -> Any:
        return original_handler(e)


def json_bytes(data: Any) -> bytes:
    """A body as JSON, as every answer has it."""
    return orjson.dumps(data, option=orjson.OPT_APPEND_NEWLINE)


def _json(data: Any, status: int, headers: Any = None) -> Response:
    return Response(json_bytes(data), status, headers)


def fault(field: str, code: str, words: str) -> dict[str, Any]:
    """One entry of `errors`: the words follow the field's name; inside a list, `index` says at which entry."""
    entry: dict[str, Any] = {"field": field, "code": code, "message": f"{field} {words}"}
    if place := re.match(r"[^\[]*\[(\d+)\]", field):
        entry["index"] = int(place[1])
    return entry


def init_errors(app: Flask) -> None:
    """Send every exception of `app` through this door."""
    app.register_error_handler(Refusal, _refused)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _failed)


def problem(code: str, detail: str, headers: Any = (), **extra: Any) -> Response:
    """One error answer; `g.problem` tells its code to whoever observes the request."""
    g.problem = code
    response = Response(
        json.dumps(document(code, detail, request_id(), **extra), ensure_ascii=False),
        status=PROBLEMS[code].status,
        content_type=PROBLEM,
    )
    response.headers.extend(headers)
    if code in RETRIED_LATER:
        response.headers.setdefault("Retry-After", RETRY_SECONDS)
    return response


def error_answer(status: int, detail: str, sent_request_id: str) -> ErrorAnswer:
    """Make the answer of the server to a request that the application never saw, in the same shape."""
    request_id = sane_or_new(sent_request_id)
    body = document(CODE_OF_STATUS[status], detail, request_id)
    return ErrorAnswer(request_id, PROBLEM, json.dumps(body).encode())


def _refused(refusal: Refusal) -> Response:
    if refusal.code == "unavailable":
        log.error("database unavailable: %s", refusal.__cause__ or refusal.detail)
    headers = refusal.headers if isinstance(refusal, HttpRefusal) else {}
    return problem(refusal.code, refusal.detail, headers, **refusal.extra)


def _http_error(error: HTTPException) -> Response:
    """An error of Flask, Werkzeug or Flask-RESTful, which know a status and some headers."""
    code = getattr(error, "problem", None) or CODE_OF_STATUS.get(error.code or 500)
    if code is None:
        return _failed(error)
    headers = [(name, value) for name, value in error.get_headers() if name not in ("Content-Type", "Content-Length")]
    said = None if error.description == type(error).description else error.description
    return problem(code, said or PROBLEMS[code].explanation, headers)


def _failed(error: Exception) -> Response:
    if is_unavailable(error):
        log.error("database unavailable: %s", getattr(error, "orig", None) or error)
        return problem("unavailable", "The database can't take the request now; nothing was changed.")
    log.error("unexpected failure: %s %s", request.method, request.path, exc_info=error)
    return problem("internal_error", "Something went wrong here; the log has it under this request_id.")
