"""The trace that a request belongs to (W3C Trace Context): taken from the client, logged, and sent on.

https://www.w3.org/TR/trace-context/
"""

import re
import secrets
from typing import NamedTuple
from wsgiref.types import WSGIEnvironment

from flask import has_request_context
from flask.globals import request_ctx

# Version, trace id, parent id and flags (section 3.2). A later version than 00 may have more behind them, and is read
# as far as it is known; ff is no version, and ids of zeros alone are none (sections 3.2.2 and 4.3).
TRACEPARENT = re.compile(
    "(?!ff)(?P<version>[0-9a-f]{2})-(?!0{32})(?P<trace_id>[0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-(?P<flags>[0-9a-f]{2})"
    "(?P<more>-.*)?"
)
SAMPLED = 0x01
# Where the environment of a request holds its trace, once somebody has asked for it.
KEY = "stockroom.trace"


class TraceContext(NamedTuple):
    """A trace of the client's: its id, 32 hexadecimal digits, and whether the client records it."""

    trace_id: str
    sampled: bool

    def traceparent(self) -> str:
        """Return the header for a request that is sent on: the same trace, a new parent id, no flag but `sampled`."""
        return f"00-{self.trace_id}-{_new_parent_id()}-{SAMPLED if self.sampled else 0:02x}"


def parse(header: str) -> TraceContext | None:
    """Return what a `traceparent` says; None for one that is not valid, which is to be ignored (section 4.3)."""
    match = TRACEPARENT.fullmatch(header)
    if match is None or (match["version"] == "00" and match["more"]):
        return None
    return TraceContext(match["trace_id"], bool(int(match["flags"], 16) & SAMPLED))


def current_trace() -> TraceContext | None:
    """Return the trace of this request; None if its client sent none, and outside of requests."""
    return trace_of(request_ctx.request.environ) if has_request_context() else None


def trace_of(environ: WSGIEnvironment) -> TraceContext | None:
    """Return the trace of a request; None if its client sent none."""
    header: str | None = environ.get("HTTP_TRACEPARENT")
    if header is None:
        return None
    if KEY not in environ:
        environ[KEY] = parse(header)
    found: TraceContext | None = environ[KEY]
    return found


def trace_id_of(environ: WSGIEnvironment) -> str | None:
    """Return the id of the trace of a request; None if its client sent none."""
    trace = trace_of(environ)
    return trace.trace_id if trace else None


def headers_to_send(trace: TraceContext | None) -> dict[str, str]:
    """Return the headers that a request which this service sends has of the trace; each call gives a new parent id."""
    return {"traceparent": trace.traceparent()} if trace else {}


def _new_parent_id() -> str:
    """Return 16 hexadecimal digits, not all of them zero."""
    return f"{secrets.randbelow(2**64 - 1) + 1:016x}"
