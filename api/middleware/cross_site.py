"""Where a request comes from: a page of another site changes nothing here, whatever credential its browser adds.

Browsers say it in `Sec-Fetch-Site` (Fetch Metadata) and `Origin` (the Fetch standard). Programs send neither, and pass.
"""

from functools import partial

from flask import Flask
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
    if origin is not None and origin not in (base_url(), f"{request.scheme}://{request.host}".lower()):
        raise _cross_site()


def _cross_site() -> Refusal:
    return Refusal(
        "cross_site",
        "A page of another site sent this; CORS_ORIGINS names the origins whose pages may change something.",
    )
