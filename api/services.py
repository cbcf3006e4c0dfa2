"""What one application holds besides its routes: the settings, and the state that its requests share.

`create_app` makes it once and puts it into `app.extensions`; `services()` returns it. Each service is of a class in a
module that knows nothing of this one.
"""

from dataclasses import dataclass
from threading import BoundedSemaphore
from typing import Any

from flask import Flask, current_app

from api.auth.issuer import Issuer
from api.auth.passwords import PasswordVerifier
from api.in_flight import InFlight
from api.middleware.limits import Limits
from api.middleware.maintenance_flag import MaintenanceFlag
from api.monitoring.failed_sign_ins import FailedSignIns
from api.monitoring.metrics import Metrics
from api.throttle import Interval, Throttle
from models.outbound.secret_box import SecretBox
from settings import Settings

NAME = "stockroom"


@dataclass
class Services:
    """The settings and the shared state of one application."""

    settings: Settings
    secret_box: SecretBox  # encrypts the secrets of webhooks
    passwords: PasswordVerifier
    last_uses: Throttle  # which tokens and sessions had their last use recorded lately
    issuer: Issuer | None  # None where no OpenID provider is set
    limits: Limits
    maintenance: MaintenanceFlag
    metrics: Metrics
    in_flight: InFlight  # the idempotency keys of the requests that are being answered
    exports: BoundedSemaphore  # of exports at once
    failed_sign_ins: FailedSignIns  # which of them the audit has an entry for
    refusals: Throttle  # which refusals of access the audit has recorded lately
    audit_purges: Interval  # when the audit is to be purged
    openapi: dict[str, Any] | None = None  # the OpenAPI document and its text, made at the first request for them
    openapi_text: bytes | None = None


def services_of(app: Flask) -> Services:
    """Return the services of this application."""
    found: Services = app.extensions[NAME]
    return found


def services() -> Services:
    """Return the services of the running application."""
    return services_of(current_app)


def current_settings() -> Settings:
    """Return the settings of the running application."""
    return services().settings
