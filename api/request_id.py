"""The id of a request: in its answer, in the log, in the events."""

import random
import re
from typing import Any

from flask.globals import app_ctx, request_ctx

from api.trace_context import trace_id

# The ids that are taken from clients; any other is replaced.
SANE = re.compile(r"[A-Za-z0-9._-]{1,128}")


def request_id() -> str:
    """Return the id of this request: the client's, if it sent a sane one, or a new one."""
    g = app_ctx.g
    found: str | None = g.get("request_id")
    if found is None:
        found = g.request_id = sane_or_new(request_ctx.request.environ.get("HTTP_X_REQUEST_ID", ""))
    return found


def sane_or_new(sent: str) -> str:
    """Return the id that was sent, or a new one (32 hexadecimal digits) if it is none that can be taken."""
    if sent and SANE.fullmatch(sent):
        return sent
    return f"{random.getrandbits(128):032x}"  # nobody need be unable to guess it


def request_origin() -> dict[str, Any]:
    """Return what a principal has of its request: `request_id`, `trace_id` and `address`."""
    return {"request_id": request_id(), "trace_id": trace_id(), "address": request_ctx.request.remote_addr}
