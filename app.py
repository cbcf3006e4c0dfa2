"""The application: `create_app` builds it of the settings, the database, the services, the hooks and the routes."""

from threading import BoundedSemaphore

from flask import Flask
from flask_migrate import Migrate

from api.auth.issuer import Issuer
from api.auth.passwords import PasswordVerifier
from api.errors import init_errors
from api.in_flight import InFlight
from api.json_answers import Api
from api.middleware.cors import init_cors
from api.middleware.cross_site import init_cross_site
from api.middleware.hosts import init_hosts
from api.middleware.limits import Limits
from api.middleware.maintenance import init_maintenance
from api.middleware.maintenance_flag import MaintenanceFlag
from api.monitoring.audit import PURGE_EVERY, REFUSALS_EVERY, init_audit
from api.monitoring.failed_sign_ins import FailedSignIns
from api.monitoring.health import init_health
from api.monitoring.metrics import Metrics
from api.monitoring.metrics_page import init_metrics
from api.monitoring.shared_metrics import SharedMetrics
from api.requests.converters import BarcodeConverter, CodeConverter, IdConverter, SkuConverter
from api.services import NAME, Services
from api.throttle import Interval, Throttle
from api.wsgi import Service
from cli.commands import app_of_environment, init_cli
from models.database.base import db
from models.database.engine import engine_options, prepare_engine
from models.database.schema import MIGRATIONS
from models.database.transactions import end_session
from models.outbound.secret_box import SecretBox
from models.people.token import LAST_USE_EVERY
from pages.views import init_pages
from resources.routes import add_routes
from server.affinity import processes_for
from settings import Settings
from startup import reporting_url, secret_key


def create_app(settings: Settings | None = None, metrics: SharedMetrics | None = None) -> Flask:
    """Return the service as one WSGI application; raises SettingsError.

    Without settings, as `flask …` calls it, it reads those of the environment. One of several processes shares its
    metrics with the others.
    """
    if settings is None:
        return app_of_environment(create_app)
    app = Service("stockroom", instance_path=str(settings.instance_path), static_folder=None)
    app.config.update(
        SECRET_KEY=secret_key(settings),
        SECRET_KEY_FALLBACKS=list(settings.secret_key_fallbacks),
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=engine_options(settings.database_url, settings.threads),
        MAX_CONTENT_LENGTH=settings.max_body_bytes,
    )
    app.url_map.merge_slashes = False
    converters = {"id": IdConverter, "sku": SkuConverter, "barcode": BarcodeConverter, "code": CodeConverter}
    app.url_map.converters |= converters
    with reporting_url(settings):
        db.init_app(app)
    app.teardown_appcontext(end_session)
    with app.app_context():
        prepare_engine(db.engine, processes_for(settings))
    Migrate(app, db, directory=str(MIGRATIONS))
    app.extensions[NAME] = _services(app, settings, metrics)
    init_metrics(app)
    init_hosts(app, settings)
    init_cross_site(app, settings)
    init_maintenance(app)
    init_health(app)
    init_audit(app)
    init_errors(app)
    add_routes(Api(app))
    init_pages(app)
    init_cors(app, settings)
    init_cli(app)
    return app


def _services(app: Flask, settings: Settings, metrics: SharedMetrics | None) -> Services:
    """Return the state that the requests of this application share; raises SettingsError."""
    return Services(
        settings=settings,
        secret_box=SecretBox([app.config["SECRET_KEY"], *settings.secret_key_fallbacks]),
        passwords=PasswordVerifier(settings.threads, processes=processes_for(settings)),
        last_uses=Throttle(LAST_USE_EVERY.total_seconds()),
        issuer=Issuer(settings.oidc) if settings.oidc else None,
        limits=Limits(settings),
        maintenance=MaintenanceFlag(settings.instance_path / "maintenance"),
        metrics=Metrics(app, settings, metrics),
        in_flight=InFlight(),
        exports=BoundedSemaphore(max(1, settings.threads // 2)),
        failed_sign_ins=FailedSignIns(),
        refusals=Throttle(REFUSALS_EVERY),
        audit_purges=Interval(PURGE_EVERY),
    )
