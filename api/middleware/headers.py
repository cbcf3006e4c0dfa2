"""The headers that every answer carries: those of security, its id, and who may keep it for how long."""

from collections.abc import Callable
from typing import Any
from wsgiref.types import StartResponse

from flask import Flask, Response, g, request

from api.request_id import request_id

SECURITY_HEADERS = (
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
)
VARY = ("Accept", "Authorization", "X-API-Key")


def init_headers(app: Flask) -> None:
    """Have every answer of `app` carry them."""
    app.after_request(_finish)


def with_security_headers(start_response: StartResponse) -> StartResponse:
    """Return what begins an answer with the security headers that it does not have itself."""

    def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
        present = {name for name, _ in headers}
        missing = [header for header in SECURITY_HEADERS if header[0] not in present]
        return start_response(status, headers + missing, exc_info)

    return start


def _finish(response: Response) -> Response:
    """Add what every answer carries besides, whatever made it."""
    headers = response.headers
    present = {name.lower() for name, _ in headers}  # Headers would look through all of them for each
    headers.add("X-Request-ID", request_id())
    if request.is_secure:
        headers.add("Strict-Transport-Security", "max-age=31536000")
    if "cache-control" not in present:
        headers.add("Cache-Control", "private, no-cache" if _is_cacheable(response) else "no-store")
    if "vary" in present:
        response.vary.update(VARY)
    else:
        headers.add("Vary", ", ".join(VARY))
    return response


def _is_cacheable(response: Response) -> bool:
    """Return whether a browser may store the answer and ask each time if it still holds (RFC 9111)."""
    reads = request.method in ("GET", "HEAD") and response.status_code in (200, 304)
    return reads and bool(g.get("cacheable"))
