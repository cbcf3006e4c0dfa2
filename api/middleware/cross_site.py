"""Where a request comes from: a page of another site changes nothing here, whatever credential its browser adds.

Browsers say it in `Sec-Fetch-Site` (Fetch Metadata) and `Origin` (the Fetch standard). Programs send neither, and pass.
"""

from functools import partial

from flask import Flask, Request
from flask.globals import request_ctx

from api.middleware.hosts import base_url
from models.refusals import Refusal
from settings import Settings

SAFE = ("GET", "HEAD", "OPTIONS")
FOREIGN = ("cross-site", "same-site")


def init_cross_site(app: Flask, settings: Settings) -> None:
    """Refuse what pages of other origins than ours and those of `CORS_ORIGINS` send to change something."""
    app.before_request(partial(_refuse_foreign_pages, frozenset(settings.cors_origins)))


def _refuse_foreign_pages(allowed: frozenset[str]) -> None:
    request = request_ctx.request
    if request.method in SAFE:
        return
    environ = request.environ
    origin = environ.get("HTTP_ORIGIN")
    if origin in allowed:  # browsers say cross-site there
        return
    if environ.get("HTTP_SEC_FETCH_SITE", "").lower() in FOREIGN:
        raise _cross_site()
    if origin is not None and not is_ours(origin, request):
        raise _cross_site()


def is_ours(origin: str, request: Request) -> bool:
    """Return whether an `Origin` is that of our pages: of `PUBLIC_URL`, or that which the request was sent to.

    Where `PUBLIC_URL` has TLS, the same host without it is another origin, although a proxy asks us without.
    """
    base, asked = base_url(), f"{request.scheme}://{request.host}".lower()
    return origin == base or (origin == asked and base != asked.replace("http:", "https:", 1))


def _cross_site() -> Refusal:
    return Refusal(
        "cross_site",
        "A page of another site sent this; CORS_ORIGINS names the origins whose pages may change something.",
    )
