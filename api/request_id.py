"""The id of a request: in its answer, in the log, in the events."""

import random
import re
from typing import Any
from wsgiref.types import WSGIEnvironment

from flask.globals import request_ctx

from api.trace_context import trace_id_of

# The ids that are taken from clients; any other is replaced.
SANE = re.compile(r"[A-Za-z0-9._-]{1,128}")
# Where the environment of a request holds its id.
KEY = "stockroom.request_id"


def request_id() -> str:
    """Return the id of this request."""
    return id_of(request_ctx.request.environ)


def id_of(environ: WSGIEnvironment) -> str:
    """Return the id of a request: the client's, if it sent a sane one, or a new one."""
    found: str | None = environ.get(KEY)
    if found is None:
        found = environ[KEY] = sane_or_new(environ.get("HTTP_X_REQUEST_ID", ""))
    return found


def sane_or_new(sent: str) -> str:
    """Return the id that was sent, or a new one (32 hexadecimal digits) if it is none that can be taken."""
    if sent and SANE.fullmatch(sent):
        return sent
    return f"{random.getrandbits(128):032x}"  # nobody need be unable to guess it


def request_origin() -> dict[str, Any]:
    """Return what a principal has of its request: `request_id`, `trace_id` and `address`."""
    environ = request_ctx.request.environ
    return {"request_id": id_of(environ), "trace_id": trace_id_of(environ), "address": environ.get("REMOTE_ADDR")}
