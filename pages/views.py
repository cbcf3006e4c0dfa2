"""The views of the page: its shell at every address of it, its files, its service worker, and the ways to it.

They are no part of the API: everybody may read them, and what the page shows it reads from the API.
"""

import json
from functools import cache
from typing import Any
from urllib.parse import quote

from flask import Blueprint, Flask, Response, redirect, request
from jinja2 import Environment, PackageLoader, StrictUndefined

from api.paths import V1
from api.responses.conditional import answer_content
from api.services import current_settings
from models.refusals import NotFound
from pages.files import WORKER, files, imported, version

APP = "/app/"
# The pages that have an address of their own, by the first part of it; the stock is at the address of the page itself.
PAGES = ("account", "admin", "count", "import", "items", "labels", "locations", "reports", "scan", "waiting")
# No inline script or style, no other host, and no text that becomes markup or the address of a script (Trusted Types).
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types stockroom"
)
# The camera reads barcodes; nothing else of the device is used.
FEATURES = "camera=(self), microphone=(), geolocation=(), payment=(), usb=()"
YEAR = 365 * 24 * 3600

pages = Blueprint("pages", __name__)


def init_pages(app: Flask) -> None:
    """Let this module answer the addresses of the page."""
    app.register_blueprint(pages)


@pages.get("/")
def home() -> Any:
    """Send a browser to the page, and say to everybody else where it, the documentation and the API are."""
    if _wants_page():
        return redirect(APP)
    return {"page": APP, "docs": "/docs", "api": V1, "openapi": f"{V1}/openapi.json"}


@pages.get("/i/<sku:sku>")
def item_link(sku: str) -> Any:
    """Send a browser from the address that the label of an item has to the page of that item."""
    return redirect(f"{APP}items/by-sku/{quote(sku, safe='')}")


@pages.get(APP)
@pages.get(f"{APP}<path:page>")
def shell(page: str = "") -> Any:
    """Return the shell, at the address of each page; at others a browser gets it too, for all else raises NotFound."""
    if page and page.partition("/")[0] not in PAGES and not _wants_page():
        raise NotFound("There is no such page.")
    return _current(_shell(provider=current_settings().oidc is not None), "text/html; charset=utf-8")


@pages.get(f"{APP}{WORKER}")
def worker() -> Any:
    """Return the service worker, with which the page opens without network."""
    return _current(_worker(), files()[WORKER].content_type)


@pages.get(f"{APP}files/<build>/<path:name>")
def page_file(build: str, name: str) -> Any:
    """Return a file of the page; its address has the version of all of them, so that it never changes."""
    if build != version() or name not in files():
        raise NotFound("The page has no such file.")
    file = files()[name]
    zipped = bool(request.accept_encodings["gzip"])
    response = answer_content(file.compressed if zipped else file.content, file.content_type)
    if zipped:
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Vary"] = "Accept-Encoding"
    response.headers["Cache-Control"] = f"public, max-age={YEAR}, immutable"
    return response


def _wants_page() -> bool:
    """Whether a browser asks, which shows pages to people."""
    return request.accept_mimetypes.best_match(("application/json", "text/html")) == "text/html"


@cache
def _shell(*, provider: bool) -> bytes:
    """Return the shell; with `provider` people may sign in at the OpenID provider too."""
    templates = Environment(loader=PackageLoader("pages"), autoescape=True, undefined=StrictUndefined)
    scripts = imported("main.js", "stock/stock.js")
    styles = [name for name in files() if name.startswith("styles/")]
    base = f"{APP}files/{version()}"
    template = templates.get_template("shell.html")
    return template.render(base=base, scripts=scripts, styles=styles, provider=provider).encode()


@cache
def _worker() -> bytes:
    """Return the service worker, which begins with the version and the names of the files that it keeps."""
    names = [name for name in files() if name != WORKER]
    constants = f"const VERSION = {json.dumps(version())};\nconst FILES = {json.dumps(names)};\n"
    return constants.encode() + files()[WORKER].content


def _current(content: bytes, content_type: str) -> Response:
    """Return what a browser asks for anew each time."""
    response = answer_content(content, content_type)
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Permissions-Policy"] = FEATURES
    response.headers["Cache-Control"] = "no-cache"
    return response
