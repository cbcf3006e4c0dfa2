"""Logging: one line an event, as text or as JSON, with the ids of request and trace; no input can forge a line."""

import logging
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

from flask import has_request_context
from pythonjsonlogger.json import JsonFormatter

from api.monitoring.access_log import ACCESS, open_access_log
from api.monitoring.log_lines import escaped, without_tokens
from api.request_id import request_id
from api.trace_context import current_trace
from models.values import rfc3339

HEAD = "%(asctime)s %(levelname)s %(name)s [%(request_id)s]"
FORMAT = f"{HEAD} %(message)s"
TRACED_FORMAT = f"{HEAD} trace_id=%(trace_id)s %(message)s"


class _Ids(logging.Filter):
    """Adds the id of the running request, or `-`, where a line does not bring its own, and the id of its trace."""

    def filter(self, record: logging.LogRecord) -> bool:
        if not hasattr(record, "request_id"):
            record.request_id = request_id() if has_request_context() else "-"
        if trace := current_trace():
            record.trace_id = trace.trace_id
        return True


class _OneLine(logging.Formatter):
    """Escapes control characters and indents tracebacks, so that no input can begin a line."""

    _traced = logging.PercentStyle(TRACED_FORMAT)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name is logging's
        return escaped(self._traced.format(record) if hasattr(record, "trace_id") else super().formatMessage(record))

    def format(self, record: logging.LogRecord) -> str:
        message, *traceback = super().format(record).split("\n")
        return without_tokens("\n    ".join((message, *map(escaped, traceback))))


class _JsonLine(JsonFormatter):
    """Writes one JSON object a line, in ASCII: no character of a message is a line break to any reader."""

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        log_data["time"] = rfc3339(datetime.fromtimestamp(record.created, UTC))
        log_data |= {"level": record.levelname, "logger": record.name}
        super().add_fields(log_data, record, message_dict)

    def format(self, record: logging.LogRecord) -> str:
        return without_tokens(super().format(record))


def line_handler(stream: TextIO, log_format: str = "text") -> logging.Handler:
    """Return a handler that writes lines to `stream`, as `text` or as `json`."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_JsonLine() if log_format == "json" else _OneLine(FORMAT))
    handler.addFilter(_Ids())
    return handler


def init_logs(level: str, log_format: str) -> None:
    """Write the log of this process to stderr, requests at level INFO; the program that serves calls it once."""
    # No line names the caller, the thread or the process, so logging need not find them out for each (the standard
    # library's "Logging HOWTO", Optimization).
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    if hasattr(sys.stderr, "reconfigure"):
        sys.stderr.reconfigure(errors="backslashreplace")  # a cp1252 console has few characters
    # At INFO it reports, whenever it is imported, that it will draw no pictures.
    logging.getLogger("pyBarcode").setLevel(logging.WARNING)
    logging.basicConfig(level=level, handlers=[line_handler(sys.stderr, log_format)], force=True)
    if sys.stderr and logging.getLogger(ACCESS).isEnabledFor(logging.INFO):  # Windows services have no stderr
        open_access_log(sys.stderr, log_format)
