"""The application: settings, database, identity, errors and routes put together."""

from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from flask import Flask, Request, Response, request
from flask.sessions import SessionInterface
from flask_migrate import Migrate
from werkzeug.routing import BaseConverter, IntegerConverter

from api.audit import init_audit
from api.auth import init_auth
from api.cors import init_cors
from api.errors import Api, init_errors
from api.health import init_health
from api.idempotency import init_idempotency
from api.limits import init_limits
from api.maintenance import init_maintenance
from api.metrics import init_metrics
from api.observing import init_observing
from api.request_id import request_id
from api.types import Sku
from cli.commands import app_of_environment, init_cli
from models.database.base import db
from models.database.engine import engine_options, prepare_engine
from models.database.transactions import end_session
from models.stock.item_fields import SKU_LENGTH
from resources.routes import V1, add_routes
from settings import ROOT, Settings
from startup import secret_key

MIGRATIONS = ROOT / "migrations"
SECURITY_HEADERS = (
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
)
VARY = ("Accept", "Authorization", "X-API-Key")
# The paths below which answers are of the stock or of the service itself; whatever else there is tells of people.
KEPT = (*(f"{V1}/{name}" for name in ("items", "movements", "events", "stats", "openapi.json")), "/problems/")


class _IdConverter(IntegerConverter):
    """An id that fits every database; anything else is not found."""

    schema = {"type": "integer", "minimum": 1, "maximum": 2**31 - 1}

    def __init__(self, map: Any) -> None:  # noqa: A002 - the name is Werkzeug's
        super().__init__(map, min=1, max=2**31 - 1)


class _SkuConverter(BaseConverter):
    """The rest of the path: a SKU may contain slashes."""

    regex = ".+"
    part_isolating = False
    schema = {**Sku(SKU_LENGTH).schema(), "examples": ["LAMP-1"]}


class _Service(Flask):
    """Flask, which would ask of each function on the way of each request whether it is asynchronous: none here is."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return func

    def wsgi_app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """The answer, with the security headers that it does not have itself."""

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
            there = {name for name, _ in headers}
            missing = [header for header in SECURITY_HEADERS if header[0] not in there]
            return start_response(status, headers + missing, exc_info)

        return super().wsgi_app(environ, start)


class _NoSessions(SessionInterface):
    """Who is asking is told by each request anew; Flask would read its own cookie every time."""

    def open_session(self, app: Flask, request: Request) -> None:
        """There is none."""


def create_app(settings: Settings | None = None) -> Flask:
    """The service as one WSGI application; raises SettingsError.

    Without settings it is that of the environment, as `flask …` asks for it.
    """
    if settings is None:
        return app_of_environment(create_app)
    app = _Service("stockroom", instance_path=str(settings.instance_path), static_folder=None)
    app.config.update(
        SECRET_KEY=secret_key(settings),
        SECRET_KEY_FALLBACKS=list(settings.secret_key_fallbacks),
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=engine_options(settings.database_url, settings.threads),
        MAX_CONTENT_LENGTH=settings.max_body_bytes,
    )
    app.extensions["stockroom.settings"] = settings
    app.session_interface = _NoSessions()
    app.url_map.merge_slashes = False
    app.url_map.converters |= {"id": _IdConverter, "sku": _SkuConverter}
    db.init_app(app)
    app.teardown_appcontext(end_session)
    with app.app_context():
        prepare_engine(db.engine)
    Migrate(app, db, directory=str(MIGRATIONS))
    init_metrics(app, settings)
    init_observing(app)
    init_maintenance(app, settings)
    init_health(app)
    init_limits(app, settings)
    init_auth(app)
    init_audit(app)
    init_errors(app)
    init_idempotency(app)
    add_routes(Api(app))
    init_cors(app, settings)
    init_cli(app)
    app.after_request(_finish)
    return app


def _finish(response: Response) -> Response:
    """What every answer carries besides, whatever made it."""
    headers = response.headers
    there = {name.lower() for name, _ in headers}  # Headers would look through all of them for each
    headers.add("X-Request-ID", request_id())
    if request.is_secure:
        headers.add("Strict-Transport-Security", "max-age=31536000")
    if "cache-control" not in there:
        headers.add("Cache-Control", "private, no-cache" if _may_be_kept(response) else "no-store")
    if "vary" in there:
        response.vary.update(VARY)
    else:
        headers.add("Vary", ", ".join(VARY))
    return response


def _may_be_kept(response: Response) -> bool:
    """Whether a browser may keep the answer, to ask whether it still holds: what is of the stock, nothing of people."""
    reads = request.method in ("GET", "HEAD") and response.status_code in (200, 304)
    return reads and request.path.startswith(KEPT)
