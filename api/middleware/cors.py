"""Which web pages may call the service from a browser (the Fetch standard's CORS protocol)."""

from functools import partial

from flask import Flask, Response, request

from api.paths import API
from settings import Settings

# What a page may read of an answer besides its body.
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
ALLOWED = (
    "Accept",
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "X-API-Key",
    "X-Request-ID",
)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
PREFLIGHT_SECONDS = 600


def init_cors(app: Flask, settings: Settings) -> None:
    """Open the API to the pages of these origins; to none unless the settings name some.

    Cookies are never asked for: a page must hold a credential of its own.
    """
    origins = frozenset(origin.lower() for origin in settings.cors_origins)  # as browsers write them
    if origins:
        app.after_request(partial(_admit, origins))


def _admit(origins: frozenset[str], response: Response) -> Response:
    """Say on every answer of the API, refusals included, that a page of one of these origins may read it."""
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
