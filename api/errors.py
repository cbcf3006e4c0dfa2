"""Errors: every refusal and every failure is returned as problem details (RFC 9457), by one function."""

import json
import logging
import re
from collections.abc import Mapping
from typing import Any

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from api.media_types import PROBLEM
from api.problems import CODE_OF_STATUS, PROBLEMS, document
from api.request_id import request_id, sane_or_new
from models.database.errors import is_disk_full, is_unavailable
from models.refusals import Refusal
from server.responses import ErrorAnswer

log = logging.getLogger("stockroom")

RETRY_SECONDS = "2"
RETRIED_LATER = ("unavailable", "server_busy", "idempotency_in_progress")


class HttpRefusal(Refusal):
    """A refusal whose response has headers of its own."""

    def __init__(self, code: str, detail: str, headers: Mapping[str, str], **extra: Any) -> None:
        super().__init__(code, detail, **extra)
        self.headers = headers


class Unreadable(Refusal):
    """400: the request can't be read at all."""


class InvalidInput(Refusal):
    """422: the input is invalid; `faults` are all its validation errors, as made by `fault`."""

    def __init__(self, faults: list[dict[str, Any]]) -> None:
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        super().__init__("invalid_input", f"The input has {count}: {faults[0]['message'].rstrip('?')}.", errors=faults)


def fault(field: str, code: str, message: str) -> dict[str, Any]:
    """Return one entry of `errors`; the message follows the name of the field, and `index` is the entry of a list."""
    entry: dict[str, Any] = {"field": field, "code": code, "message": f"{field} {message}"}
    if place := re.match(r"[^\[]*\[(\d+)\]", field):
        entry["index"] = int(place[1])
    return entry


def init_errors(app: Flask) -> None:
    """Let this module answer every exception of `app`."""
    app.register_error_handler(Refusal, _refused)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _failed)


def problem(code: str, detail: str, headers: Any = (), **extra: Any) -> Response:
    """Return one error response; `g.problem` has its code for the access log and the metrics."""
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
    """Return the response of the server to a request that it refuses before the application sees it."""
    request_id = sane_or_new(sent_request_id)
    body = document(CODE_OF_STATUS[status], detail, request_id)
    return ErrorAnswer(request_id, PROBLEM, json.dumps(body).encode())


def _refused(refusal: Refusal) -> Response:
    if refusal.code == "unavailable":
        log.error("database unavailable: %s", refusal.__cause__ or refusal.detail)
    headers = refusal.headers if isinstance(refusal, HttpRefusal) else {}
    return problem(refusal.code, refusal.detail, headers, **refusal.extra)


def _http_error(error: HTTPException) -> Response:
    """Return the response to an error of Flask, Werkzeug or Flask-RESTful, which has a status and perhaps headers."""
    code = getattr(error, "problem", None) or CODE_OF_STATUS.get(error.code or 500)
    if code is None:
        return _failed(error)
    headers = [(name, value) for name, value in error.get_headers() if name not in ("Content-Type", "Content-Length")]
    detail = None if error.description == type(error).description else error.description
    return problem(code, detail or PROBLEMS[code].explanation, headers)


def _failed(error: Exception) -> Response:
    if is_unavailable(error):
        log.error("database unavailable: %s", getattr(error, "orig", None) or error)
        return problem("unavailable", "The database can't take the request now; nothing was changed.")
    if is_disk_full(error):
        log.error("a temporary file can't be written: %s", error)
        return problem("unavailable", "The disk of the service is full; nothing was changed.")
    log.error("unexpected failure: %s %s", request.method, request.path, exc_info=error)
    return problem("internal_error", "Something went wrong here; the log has it under this request_id.")
