"""The headers of every response: security headers, request id, caching."""

from collections.abc import Callable
from typing import Any
from wsgiref.types import StartResponse

from flask import Flask, Response, g, request

from api.middleware.hosts import absolute
from api.request_id import request_id

SECURITY_HEADERS = (
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
)
# The headers with URLs, which many clients follow only if they are absolute; they are made and stored as paths.
LINKING = {"location", "link"}
VARY = ("Accept", "Authorization", "X-API-Key")


def init_headers(app: Flask) -> None:
    """Add the headers to every response of `app`."""
    app.after_request(_add_headers)


def with_security_headers(start_response: StartResponse) -> StartResponse:
    """Return a `start_response` that adds the security headers which the response lacks."""

    def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
        present = {name for name, _ in headers}
        missing = [header for header in SECURITY_HEADERS if header[0] not in present]
        return start_response(status, headers + missing, exc_info)

    return start


def _add_headers(response: Response) -> Response:
    """Add the request id, and headers for caches where the response has none."""
    headers = response.headers
    present = {name.lower() for name, _ in headers}  # a set, because each look-up in Headers is linear
    headers.add("X-Request-ID", request_id())
    if request.is_secure:
        headers.add("Strict-Transport-Security", "max-age=31536000")
    for name in present & LINKING:
        headers[name] = absolute(headers[name])
    if "cache-control" not in present:
        headers.add("Cache-Control", "private, no-cache" if _is_cacheable(response) else "no-store")
    if "vary" in present:
        response.vary.update(VARY)
    else:
        headers.add("Vary", ", ".join(VARY))
    return response


def _is_cacheable(response: Response) -> bool:
    """Return whether a browser may store the response, to revalidate it each time (RFC 9111 section 4.3)."""
    reads = request.method in ("GET", "HEAD") and response.status_code in (200, 304)
    return reads and bool(g.get("cacheable"))
