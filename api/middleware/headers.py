"""The headers of every response: security headers, request id, limits, caching."""

from typing import Any

from flask import Request
from flask.globals import app_ctx

from api.middleware.hosts import absolute
from api.middleware.rate_limits import fields_of
from api.request_id import id_of

SECURITY_HEADERS = (
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
)
SECURITY_NAMES = {name.lower() for name, _ in SECURITY_HEADERS}
# The headers with URLs, which many clients follow only if they are absolute; they are made and stored as paths.
LINKING = {"location", "link"}
VARY = ("Accept", "Authorization", "Cookie", "X-API-Key")


VARY_HEADER = ("Vary", ", ".join(VARY))


def add_header(name: str, value: str) -> None:
    """Add a header to the response of this request, whatever makes it."""
    app_ctx.g.setdefault("headers", []).append((name, value))


def complete(headers: list[tuple[str, str]], status: int, request: Request, g: Any) -> None:
    """Add to the headers of a response those that every response has and this one lacks; `g` is of its request."""
    present = {name.lower() for name, _ in headers}
    headers.append(("X-Request-ID", id_of(request.environ)))
    headers += fields_of(g.get("windows"))
    headers += g.get("headers", ())
    if request.is_secure:
        headers.append(("Strict-Transport-Security", "max-age=31536000"))
    if not present.isdisjoint(LINKING):
        headers[:] = [(name, absolute(value) if name.lower() in LINKING else value) for name, value in headers]
    if "cache-control" not in present:
        reads = request.method in ("GET", "HEAD") and status in (200, 304)
        # A browser may store some answers, to revalidate them each time (RFC 9111 section 4.3).
        headers.append(("Cache-Control", "private, no-cache" if reads and g.get("cacheable") else "no-store"))
    if "vary" in present:
        headers[:] = [(name, _varied(value) if name.lower() == "vary" else value) for name, value in headers]
    else:
        headers.append(VARY_HEADER)
    if present.isdisjoint(SECURITY_NAMES):
        headers += SECURITY_HEADERS
    else:
        headers += [header for header in SECURITY_HEADERS if header[0].lower() not in present]


def _varied(value: str) -> str:
    present = {name.strip().lower() for name in value.split(",")}
    return ", ".join([value, *(name for name in VARY if name.lower() not in present)])
