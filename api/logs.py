"""Logging: one line an event, as text or as JSON, with the request's id, that nobody outside can forge."""

import json
import logging
import re
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TextIO

from flask import has_request_context
from pythonjsonlogger.json import JsonFormatter

from api.request_id import request_id
from api.types import UNPRINTABLE
from models.values import rfc3339

# What looks like a token, wherever somebody put it: an API token, or an access token (RFC 7519).
TOKEN = re.compile(r"(stk_|eyJ)[\w-]{20,}(?:\.[\w-]+)*")

FORMAT = "%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s"
ACCESS = "stockroom.access"


class _RequestId(logging.Filter):
    """Adds the id of the request under way, or `-`, where a line does not bring its own."""

    def filter(self, record: logging.LogRecord) -> bool:
        if not hasattr(record, "request_id"):
            record.request_id = request_id() if has_request_context() else "-"
        return True


class _OneLine(logging.Formatter):
    """Escapes control characters and indents what follows a message, so that input can't begin a line of its own."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name is logging's
        return _escaped(super().formatMessage(record))

    def format(self, record: logging.LogRecord) -> str:
        message, *traceback = super().format(record).split("\n")
        return _without_tokens("\n    ".join((message, *map(_escaped, traceback))))


def _without_tokens(line: str) -> str:
    return TOKEN.sub(r"\1[removed]", line)


def _escaped(line: str) -> str:
    return UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), line)


class _JsonLine(JsonFormatter):
    """One JSON object a line, in ASCII: whatever a message holds, no reader of lines finds another line in it."""

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        log_data["time"] = rfc3339(datetime.fromtimestamp(record.created, UTC))
        log_data |= {"level": record.levelname, "logger": record.name}
        super().add_fields(log_data, record, message_dict)

    def format(self, record: logging.LogRecord) -> str:
        return _without_tokens(super().format(record))


def line_handler(stream: TextIO, log_format: str = "text") -> logging.Handler:
    """A handler that writes our lines to `stream`, as `text` or as `json`."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_JsonLine() if log_format == "json" else _OneLine(FORMAT))
    handler.addFilter(_RequestId())
    return handler


class AccessLog:
    """The lines of the requests: like those of the log at level INFO, without its records, filters and formatters,
    which would take a tenth of a short request."""

    message = '%(address)s %(user)s "%(method)s %(path)s" %(status)s %(bytes)s bytes %(ms)s ms'

    def __init__(self, stream: TextIO, log_format: str = "text") -> None:
        self._stream = stream
        self._line = self._json_line if log_format == "json" else self._text_line

    def write(self, request_id: str, fields: Mapping[str, Any]) -> None:
        """Write the line of one request; a log that can't be written fails none."""
        line = _without_tokens(self._line(request_id, fields)) + "\n"
        with suppress(OSError, ValueError):  # a full disk, a reader that has gone, a closed stream
            self._stream.write(line)
            self._stream.flush()

    def _text_line(self, request_id: str, fields: Mapping[str, Any]) -> str:
        second, millisecond = divmod(time.time_ns() // 1_000_000, 1000)
        return _escaped(f"{_local_time(second)},{millisecond:03} INFO {ACCESS} [{request_id}] {self.message % fields}")

    def _json_line(self, request_id: str, fields: Mapping[str, Any]) -> str:
        head = {"time": rfc3339(datetime.now(UTC)), "level": "INFO", "logger": ACCESS, "message": self.message % fields}
        return json.dumps({**head, "request_id": request_id, **fields})


# Where the requests of this process are told; None where they are not.
access: AccessLog | None = None


@lru_cache(2)
def _local_time(second: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))


def init_logs(level: str, log_format: str) -> None:
    """Send the log of this process to stderr; called once, by the program that serves. Requests are told at INFO."""
    global access  # noqa: PLW0603 - as the log itself is the process's
    # What no line of ours tells need not be found out for each: the caller above all (the standard library's
    # "Logging HOWTO", Optimization).
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    if hasattr(sys.stderr, "reconfigure"):
        sys.stderr.reconfigure(errors="backslashreplace")  # a cp1252 console can't show everything
    logging.basicConfig(level=level, handlers=[line_handler(sys.stderr, log_format)], force=True)
    if sys.stderr and logging.getLogger(ACCESS).isEnabledFor(logging.INFO):  # Windows may start us without a console
        access = AccessLog(sys.stderr, log_format)
