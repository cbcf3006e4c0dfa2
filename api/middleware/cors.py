"""Which web pages may call the service from a browser (the Fetch standard's CORS protocol)."""

from functools import partial

from flask import Flask, Response, request

from api.paths import API
from settings import Settings

# The headers of a response that a page may read.
EXPOSED = (
    "Content-Disposition",
    "ETag",
    "Idempotent-Replayed",
    "Link",
    "Location",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "WWW-Authenticate",
    "X-Request-ID",
    "X-Token-Expires-In",
)
# The headers that a page may send.
ALLOWED = (
    "Accept",
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "X-API-Key",
    "X-Request-ID",
    "traceparent",
)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
# How long a browser may cache the answer to a preflight request, in seconds.
PREFLIGHT_SECONDS = 600


def init_cors(app: Flask, settings: Settings) -> None:
    """Let pages of the origins in `CORS_ORIGINS` call the API; without any, nothing is added.

    Browsers are not asked to send cookies: a page needs a credential of its own.
    """
    origins = frozenset(settings.cors_origins)
    if origins:
        app.after_request(partial(_add_headers, origins))


def _add_headers(origins: frozenset[str], response: Response) -> Response:
    """Allow a page of one of these origins to read a response of the API, an error too."""
    if not request.path.startswith(API):
        return response
    response.vary.add("Origin")
    origin = request.headers.get("Origin")
    if origin not in origins:
        return response
    response.headers["Access-Control-Allow-Origin"] = origin
    response.headers["Access-Control-Expose-Headers"] = ", ".join(EXPOSED)
    if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
        response.headers["Access-Control-Allow-Methods"] = ", ".join(METHODS)
        response.headers["Access-Control-Allow-Headers"] = ", ".join(ALLOWED)
        response.headers["Access-Control-Max-Age"] = str(PREFLIGHT_SECONDS)
    return response
